//! Requests per second, on tokio's clock.

use std::time::Duration;

use tokio::time::Instant;

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// One token in a nanosecond: the clock has no shorter interval.
pub(super) const HIGHEST_RATE: u32 = NANOS_PER_SECOND;

/// A token bucket: `burst` tokens, refilled at the rate. Kept as one point in time (the generic cell
/// rate algorithm, as in ITU-T I.371), so nothing has to run between requests.
#[derive(Debug)]
pub(super) struct Rate {
    /// The time in which one token comes.
    interval: Duration,
    /// The time in which all tokens but one come.
    tolerance: Duration,
    /// When the bucket is full again.
    full_at: Instant,
}

impl Rate {
    /// `per_second` is from 1 to [`HIGHEST_RATE`], and `burst` is not 0.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        // Rounded up, since a shorter interval would be a higher rate.
        let nanos = NANOS_PER_SECOND.div_ceil(per_second.max(1));
        let interval = Duration::from_nanos(nanos.into());
        Self {
            interval,
            tolerance: interval.saturating_mul(burst.saturating_sub(1)),
            full_at: Instant::now(),
        }
    }

    /// The time in which the rate allows one request.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// Takes a token, or returns when there will be one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let full_in = self.full_at.saturating_duration_since(now);
        match full_in.checked_sub(self.tolerance) {
            Some(empty_for) if !empty_for.is_zero() => Err(now + empty_for),
            _ => {
                self.full_at = now + full_in + self.interval;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
