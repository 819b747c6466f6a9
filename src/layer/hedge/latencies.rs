//! How long the latest requests took.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

const KEPT: usize = 256;
/// With fewer than these a quantile is too much of a guess.
const FEWEST: usize = 32;

/// The latest latencies, oldest first.
#[derive(Debug, Default)]
pub(super) struct Latencies(Mutex<VecDeque<Duration>>);

impl Latencies {
    pub(super) fn record(&self, latency: Duration) {
        let mut latest = self.lock();
        if latest.len() == KEPT {
            latest.pop_front();
        }
        latest.push_back(latency);
    }

    /// The least latency that at least this share of the latest ones do not exceed; `None` while
    /// there are too few.
    pub(super) fn quantile(&self, quantile: f64) -> Option<Duration> {
        let mut latest: Vec<Duration> = {
            let latest = self.lock();
            (latest.len() >= FEWEST).then(|| latest.iter().copied().collect())?
        };
        let rank = (quantile * latest.len() as f64).ceil() as usize;
        let at = rank.clamp(1, latest.len()) - 1;
        let (_, latency, _) = latest.select_nth_unstable(at);
        Some(*latency)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
