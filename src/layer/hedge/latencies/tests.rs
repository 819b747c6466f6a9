use super::*;

fn ms(millis: usize) -> Duration {
    Duration::from_millis(millis as u64)
}

#[test]
fn there_is_no_quantile_of_few() {
    let latencies = Latencies::default();
    for sample in 1..FEWEST {
        latencies.record(ms(sample));
        assert_eq!(latencies.quantile(0.5), None);
    }
    latencies.record(ms(FEWEST));
    assert_eq!(latencies.quantile(0.5), Some(ms(FEWEST / 2)));
}

/// By the nearest rank: at least that share is not longer.
#[test]
fn a_quantile_is_one_of_the_samples() {
    let latencies = Latencies::default();
    // 1 to 100, in another order.
    for sample in 0..100 {
        latencies.record(ms(sample * 37 % 100 + 1));
    }
    let cases = [
        (0.001, 1),
        (0.01, 1),
        (0.011, 2),
        (0.5, 50),
        (0.95, 95),
        (0.999, 100),
    ];
    for (quantile, expected) in cases {
        assert_eq!(
            latencies.quantile(quantile),
            Some(ms(expected)),
            "{quantile}"
        );
    }
}

#[test]
fn only_the_latest_count() {
    let latencies = Latencies::default();
    (0..10 * KEPT).for_each(|_| latencies.record(ms(1_000)));
    (1..=KEPT).for_each(|sample| latencies.record(ms(sample)));
    assert_eq!(latencies.quantile(0.999), Some(ms(KEPT)));
    assert_eq!(latencies.lock().len(), KEPT);
}
