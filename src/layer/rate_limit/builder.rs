//! What a limit is made of.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::{
    RateLimit,
    gate::{Gate, Settings},
    rate::HIGHEST_RATE,
};
use crate::{Error, Result};

/// Configures a [`RateLimit`].
#[derive(Clone, Debug)]
#[must_use]
pub struct RateLimitBuilder {
    rate: u32,
    burst: Option<u32>,
    in_flight: usize,
    queue: usize,
    max_wait: Duration,
}

impl RateLimitBuilder {
    pub(super) fn new(rate: u32) -> Self {
        Self {
            rate,
            burst: None,
            in_flight: 64,
            queue: 1_024,
            max_wait: Duration::from_secs(30),
        }
    }

    /// How many requests may start at once after a quiet time, on top of the rate.
    ///
    /// By default a twentieth of the rate, and at least 1: then no second has more than 105 % of
    /// the rate. Timers tick in milliseconds, so a burst below about `rate / 500` keeps the rate from
    /// being reached.
    pub fn burst(mut self, burst: u32) -> Self {
        self.burst = Some(burst);
        self
    }

    /// How many requests may be in flight at once. 64 by default.
    pub fn in_flight(mut self, in_flight: usize) -> Self {
        self.in_flight = in_flight;
        self
    }

    /// How many requests may wait. 1,024 by default; with 0 a request starts at once or fails.
    pub fn queue(mut self, queue: usize) -> Self {
        self.queue = queue;
        self
    }

    /// How long a request may wait in the queue. 30 s by default.
    ///
    /// To limit the whole request use [`Timeout`](crate::layer::timeout::Timeout).
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// Makes the limit. Clone it to all signers that share it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] when the rate is not from 1 to 1,000,000,000, when `burst`,
    /// `in_flight` or `max_wait` is 0, and when `in_flight` is more than
    /// `tokio::sync::Semaphore::MAX_PERMITS`.
    pub fn build(self) -> Result<RateLimit> {
        let settings = Settings {
            rate: self.rate,
            burst: self.burst.unwrap_or((self.rate / 20).max(1)),
            in_flight: self.in_flight,
            queue: self.queue,
            max_wait: self.max_wait,
        };
        settings.validate()?;
        Ok(RateLimit {
            gate: Arc::new(Gate::new(settings)),
        })
    }
}

impl Settings {
    fn validate(&self) -> Result<()> {
        const MOST: usize = Semaphore::MAX_PERMITS;
        let out_of_range = |setting: String, most: String| {
            let remedy = format!("use 1 to {most}");
            Err(Error::invalid_config(setting, remedy))
        };
        if !(1..=HIGHEST_RATE).contains(&self.rate) {
            return out_of_range(
                format!("`per_second` is {}", self.rate),
                HIGHEST_RATE.to_string(),
            );
        }
        if self.burst == 0 {
            return Err(Error::invalid_config("`burst` is 0", "use at least 1"));
        }
        if !(1..=MOST).contains(&self.in_flight) {
            return out_of_range(
                format!("`in_flight` is {}", self.in_flight),
                MOST.to_string(),
            );
        }
        match self.max_wait.is_zero() {
            true => Err(Error::invalid_config(
                "`max_wait` is 0",
                "use queue(0) if requests must not wait",
            )),
            false => Ok(()),
        }
    }
}
