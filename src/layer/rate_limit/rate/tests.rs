use proptest::prelude::*;

use super::*;

proptest! {
    /// An interval cut to whole nanoseconds would be a higher rate than was asked for.
    #[test]
    fn a_second_has_no_more_intervals_than_the_rate(per_second in 1..=HIGHEST_RATE) {
        let interval = Rate::new(per_second, 1).interval();
        prop_assert!(interval * per_second >= Duration::from_secs(1));
        prop_assert!((interval - Duration::from_nanos(1)) * per_second < Duration::from_secs(1));
    }

    /// It is a bucket of tokens that is refilled all the time, to the nanosecond.
    #[test]
    fn it_is_a_token_bucket(
        per_second in prop_oneof![1u32..50, 1..=HIGHEST_RATE],
        burst in prop_oneof![1u32..5, 1u32..=u32::MAX],
        // Of the time of one token, in thousandths.
        pauses in prop::collection::vec(prop_oneof![Just(0u32), 0u32..3_000, 0u32..9_000_000], 1..100),
    ) {
        let mut rate = Rate::new(per_second, burst);
        let token = rate.interval().as_nanos();
        let full = token * u128::from(burst);
        let mut level = full;
        let mut now = Instant::now();
        for pause in pauses {
            let pause = rate.interval() * pause / 1_000;
            now += pause;
            level = full.min(level + pause.as_nanos());
            match level.checked_sub(token) {
                Some(left) => {
                    prop_assert_eq!(rate.take(now), Ok(()));
                    level = left;
                }
                None => {
                    let missing = Duration::from_nanos((token - level) as u64);
                    prop_assert_eq!(rate.take(now), Err(now + missing));
                }
            }
        }
    }
}

#[test]
fn it_says_when_there_will_be_a_token() {
    let mut rate = Rate::new(10, 3);
    let mut now = Instant::now();
    for _ in 0..2 {
        for _ in 0..3 {
            rate.take(now).expect("no token");
        }
        let at = rate.take(now).expect_err("a fourth token");
        assert_eq!(at - now, Duration::from_millis(100));
        now += Duration::from_millis(99);
        assert_eq!(rate.take(now), Err(at));
        now += Duration::from_millis(1);
        rate.take(now).expect("no token when it was announced");
        now += Duration::from_secs(3600);
    }
}
