//! A number with which a layer cannot work is an error that names it, and no number is changed
//! silently.

use std::time::Duration;

use kms_signer::{
    Error, KeyType, Result, Signer,
    layer::{failover::Failover, hedge::Hedge, rate_limit::RateLimit, timeout::Timeout},
    provider::local::LocalSigner,
};

use crate::scripted::ms;

const ZERO: Duration = Duration::ZERO;
/// The highest count of a semaphore of tokio.
const MOST: usize = usize::MAX >> 3;

fn signer() -> impl Signer {
    LocalSigner::random(KeyType::P256).unwrap()
}

fn quantile(quantile: f64) -> Result<()> {
    Hedge::at_quantile(signer(), quantile).build().map(drop)
}

fn max_extra(share: f64) -> Result<()> {
    let hedge = Hedge::after(signer(), ms(1)).max_extra(share);
    hedge.build().map(drop)
}

fn limit(rate: u32, burst: u32, in_flight: usize, max_wait: Duration) -> Result<()> {
    let limit = RateLimit::per_second(rate).burst(burst);
    let limit = limit.in_flight(in_flight).max_wait(max_wait);
    limit.queue(usize::MAX).build().map(drop)
}

fn failures(failures: u32) -> Result<()> {
    let failover = Failover::builder([signer()]).failures(failures);
    failover.open_for(Duration::MAX).build().map(drop)
}

fn timeout(timeout: Duration) -> Result<()> {
    Timeout::new(signer(), timeout).map(drop)
}

#[test]
fn a_number_without_meaning_is_rejected_and_named() {
    let min_delay = Hedge::after(signer(), ms(50)).min_delay(ms(1)).build();
    for (result, expected) in [
        (quantile(0.0), "`at_quantile` is 0;"),
        (quantile(1.0), "`at_quantile` is 1;"),
        (quantile(-0.5), "`at_quantile` is -0.5;"),
        (quantile(95.0), "`at_quantile` is 95;"),
        (quantile(f64::NAN), "`at_quantile` is NaN;"),
        (quantile(f64::INFINITY), "`at_quantile` is inf;"),
        (max_extra(-0.01), "`max_extra` is -0.01;"),
        (max_extra(1.01), "`max_extra` is 1.01;"),
        (max_extra(5.0), "`max_extra` is 5;"),
        (max_extra(f64::NAN), "`max_extra` is NaN;"),
        (min_delay.map(drop), "`min_delay` is set for a fixed delay;"),
        (limit(0, 1, 1, ms(1)), "`per_second` is 0;"),
        (
            limit(1_000_000_001, 1, 1, ms(1)),
            "`per_second` is 1000000001;",
        ),
        (limit(1, 0, 1, ms(1)), "`burst` is 0;"),
        (limit(1, 1, 0, ms(1)), "`in_flight` is 0;"),
        (
            limit(1, 1, MOST + 1, ms(1)),
            &format!("`in_flight` is {};", MOST + 1),
        ),
        (limit(1, 1, 1, ZERO), "`max_wait` is 0;"),
        (failures(0), "`failures` is 0;"),
        (timeout(ZERO), "the timeout is 0,"),
    ] {
        let error = result.expect_err(expected);
        assert!(matches!(error, Error::InvalidConfig { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(expected), "{text} lacks {expected}");
        assert!(
            text.contains("; use ") || text.contains("or use "),
            "{text}"
        );
    }
}

#[test]
fn the_least_and_the_most_are_taken() {
    for taken in [
        quantile(f64::MIN_POSITIVE),
        quantile(1.0 - f64::EPSILON),
        max_extra(0.0),
        max_extra(1.0),
        limit(1, 1, 1, Duration::from_nanos(1)),
        limit(1_000_000_000, u32::MAX, MOST, Duration::MAX),
        failures(1),
        failures(u32::MAX),
        timeout(Duration::from_nanos(1)),
        timeout(Duration::MAX),
        Hedge::after(signer(), ZERO).build().map(drop),
    ] {
        taken.unwrap();
    }
}
