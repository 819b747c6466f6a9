use super::*;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Sorted.
fn draws(latency: Latency) -> Vec<Duration> {
    let mut random = Random::from_seed(1);
    let mut draws: Vec<Duration> = (0..4000).map(|_| latency.draw(&mut random)).collect();
    draws.sort();
    draws
}

#[track_caller]
fn assert_near(actual: Duration, expected: Duration) {
    let ratio = actual.as_secs_f64() / expected.as_secs_f64();
    assert!((0.9..1.1).contains(&ratio), "{actual:?}, not {expected:?}");
}

#[test]
fn each_distribution_has_its_shape() {
    let fixed = draws(Latency::fixed(7 * MILLISECOND));
    assert_eq!((fixed[0], fixed[3999]), (7 * MILLISECOND, 7 * MILLISECOND));

    for uniform in [
        Latency::uniform(10 * MILLISECOND, 20 * MILLISECOND),
        Latency::uniform(20 * MILLISECOND, 10 * MILLISECOND),
    ] {
        let uniform = draws(uniform);
        assert!(uniform[0] >= 10 * MILLISECOND && uniform[3999] <= 20 * MILLISECOND);
        assert_near(uniform[1000], Duration::from_micros(12_500));
        assert_near(uniform[3000], Duration::from_micros(17_500));
    }

    let exponential = draws(Latency::exponential(10 * MILLISECOND));
    assert_near(
        exponential.iter().sum::<Duration>() / 4000,
        10 * MILLISECOND,
    );
    // ln 2 of the mean.
    assert_near(exponential[2000], Duration::from_micros(6931));

    let log_normal = draws(Latency::log_normal(8 * MILLISECOND, 40 * MILLISECOND));
    assert_near(log_normal[2000], 8 * MILLISECOND);
    assert_near(log_normal[3960], 40 * MILLISECOND);
}

#[test]
fn nothing_is_longer_than_the_longest() {
    let long = 1000 * Latency::MAX;
    for latency in [
        Latency::fixed(long),
        Latency::uniform(long, long),
        Latency::exponential(long),
        Latency::log_normal(long, Duration::MAX),
        Latency::fixed(Duration::MAX),
        Latency::uniform(Duration::MAX, Duration::MAX),
        Latency::exponential(Duration::MAX),
        Latency::log_normal(MILLISECOND, Duration::MAX),
    ] {
        let longest = draws(latency)[3999];
        assert_eq!(longest, Latency::MAX, "{latency:?}");
    }
}

#[test]
fn a_latency_of_zero_does_not_wait() {
    for latency in [
        Latency::fixed(Duration::ZERO),
        Latency::uniform(Duration::ZERO, Duration::ZERO),
        Latency::exponential(Duration::ZERO),
        Latency::log_normal(Duration::ZERO, MILLISECOND),
    ] {
        assert_eq!(draws(latency)[3999], Duration::ZERO, "{latency:?}");
    }
    let constant = draws(Latency::log_normal(8 * MILLISECOND, MILLISECOND));
    assert_eq!(constant[0], constant[3999]);
}
