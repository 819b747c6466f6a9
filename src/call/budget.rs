//! The token budget that pays for retries.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Tokens for retries.
#[derive(Debug)]
pub(crate) struct Budget {
    capacity: u32,
    state: Mutex<Tokens>,
}

#[derive(Debug)]
struct Tokens {
    /// With a fraction, since time refills one token a second.
    count: f64,
    at: Option<Instant>,
}

/// The budget of a client whose user set none, as [`Retries`](super::Retries) says.
impl Default for Budget {
    fn default() -> Self {
        Self::new(100)
    }
}

impl Budget {
    pub(crate) fn new(capacity: u32) -> Self {
        let count = capacity.into();
        Self {
            capacity,
            state: Mutex::new(Tokens { count, at: None }),
        }
    }

    /// How many tokens a full budget holds.
    pub(crate) fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Pays for a retry if there are enough tokens, and returns how many it took.
    ///
    /// A retry that costs more than a full budget holds takes all of it, so that a small budget
    /// allows retries rarely instead of never.
    pub(crate) fn take(&self, cost: u32, now: Instant) -> Option<u32> {
        let cost = cost.min(self.capacity);
        let mut tokens = self.refilled(now);
        let is_enough = cost > 0 && tokens.count >= cost.into();
        is_enough.then(|| {
            tokens.count -= f64::from(cost);
            cost
        })
    }

    pub(crate) fn give(&self, amount: u32, now: Instant) {
        let mut tokens = self.refilled(now);
        tokens.count = (tokens.count + f64::from(amount)).min(self.capacity.into());
    }

    fn refilled(&self, now: Instant) -> MutexGuard<'_, Tokens> {
        let mut tokens = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let since = tokens
            .at
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        tokens.count = (tokens.count + since.as_secs_f64()).min(self.capacity.into());
        tokens.at = Some(now);
        tokens
    }
}

#[cfg(test)]
mod tests;
