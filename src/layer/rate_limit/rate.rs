//! Requests per second, on tokio's clock.

use std::{num::NonZeroU32, ops::Add, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, Reference},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use tokio::time::Instant;

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// A token bucket: `burst` tokens, refilled at the rate.
#[derive(Debug)]
pub(super) struct Rate {
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Moment>>,
    interval: Duration,
}

impl Rate {
    /// 0 is taken for 1 in both.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        // Rounded up, since a shorter interval would be a higher rate.
        let nanos = NANOS_PER_SECOND.div_ceil(per_second.max(1));
        let interval = Duration::from_nanos(nanos.into());
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(interval)
            .unwrap_or(Quota::per_second(NonZeroU32::MIN))
            .allow_burst(burst);
        Self {
            limiter: RateLimiter::direct_with_clock(quota, TokioClock),
            interval,
        }
    }

    /// The time in which the rate allows one request.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// Takes a token, or says when there will be one.
    pub(super) fn take(&self) -> Result<(), Instant> {
        self.limiter
            .check()
            .map_err(|not_yet| not_yet.earliest_possible().0)
    }
}

/// The clock of tokio's timers: what is waited for with them must be measured by it.
#[derive(Clone, Copy, Debug)]
struct TokioClock;

impl Clock for TokioClock {
    type Instant = Moment;

    fn now(&self) -> Moment {
        Moment(Instant::now())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(Instant);

impl Add<Nanos> for Moment {
    type Output = Self;

    fn add(self, span: Nanos) -> Self {
        Self(self.0 + Duration::from(span))
    }
}

impl Reference for Moment {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_duration_since(earlier.0).into()
    }

    fn saturating_sub(&self, span: Nanos) -> Self {
        Self(self.0.checked_sub(span.into()).unwrap_or(self.0))
    }
}

#[cfg(test)]
mod tests;
