use super::*;

/// The stream of a seed never changes, or tests that rely on it would break.
#[test]
fn a_seed_stands_for_the_same_stream_in_every_version() {
    let secret: [u8; 32] = Sha256::digest([0, 0, 0, 0, 0, 0, 0, 1]).into();
    let mut random = Random::from_seed(1);
    for counter in 1..=3_u8 {
        let expected = Sha256::digest([&secret[..], &[0, 0, 0, 0, 0, 0, 0, 0, counter]].concat());
        assert_eq!(random.next_block(), *expected);
    }
    assert_eq!(
        Random::from_seed(1).next_uuid(),
        "a67cc62d-4c25-4ee7-a6a1-1e69707c91a3"
    );
}

#[test]
fn streams_do_not_depend_on_what_is_drawn_elsewhere() {
    let mut first = Random::from_seed(1);
    let before = first.stream("a").next_block();
    first.next_block();
    assert_eq!(first.stream("a").next_block(), before);
    assert_ne!(first.stream("b").next_block(), before);
}

#[test]
fn a_block_is_the_secret_of_no_other_stream() {
    let mut random = Random::from_seed(1);
    let stream = random.stream("\0\0\0\0\0\0\0\x01");
    assert_ne!(random.next_block(), stream.secret);
}

#[test]
fn uuids_carry_version_and_variant() {
    let mut random = Random::from_seed(1);
    for _ in 0..64 {
        let uuid = random.next_uuid();
        let groups: Vec<&str> = uuid.split('-').collect();
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
        assert!(groups[2].starts_with('4'), "{uuid}");
        assert!(groups[3].starts_with(['8', '9', 'a', 'b']), "{uuid}");
    }
}

#[test]
fn units_fill_the_range_from_0_to_1() {
    let mut random = Random::from_seed(1);
    let units: Vec<f64> = (0..1000).map(|_| random.next_unit()).collect();
    assert!(units.iter().all(|unit| (0.0..1.0).contains(unit)));
    for tenth in 0..10 {
        let lower = f64::from(tenth) / 10.0;
        let count = units
            .iter()
            .filter(|unit| (lower..lower + 0.1).contains(*unit));
        assert!((60..140).contains(&count.count()), "{lower}");
    }
}
