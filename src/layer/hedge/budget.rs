//! How many second attempts there may be.

use std::sync::atomic::{AtomicU64, Ordering};

/// One token. Whole numbers, since a sum of fractions would drift.
const TOKEN: u64 = 1_000_000;
const MOST_SAVED: u64 = 10 * TOKEN;

/// Tokens that requests earn and second attempts spend.
#[derive(Debug)]
pub(super) struct Budget {
    earned_by_request: u64,
    saved: AtomicU64,
}

impl Budget {
    /// Each request earns `share` of a token, from 0 to 1, rounded down to a millionth.
    pub(super) fn new(share: f64) -> Self {
        Self {
            earned_by_request: (share * TOKEN as f64) as u64,
            saved: AtomicU64::new(0),
        }
    }

    pub(super) fn earn(&self) {
        let earned = |saved: u64| Some((saved + self.earned_by_request).min(MOST_SAVED));
        // It always finds a new value, so there is no failure to look at.
        let _ = self
            .saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, earned);
    }

    /// Takes a token, if there is one.
    pub(super) fn spend(&self) -> bool {
        let spent = |saved: u64| saved.checked_sub(TOKEN);
        self.saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spent)
            .is_ok()
    }
}

#[cfg(test)]
mod tests;
