//! When a failed attempt is repeated, and after which pause.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{Error, error::KeyStoreFault};

/// How often, and after which pauses, an attempt at a call is repeated.
///
/// Only errors that [are retryable](Error::is_retryable) are: throttling, timeouts, lost
/// connections, a key store that is temporarily unavailable, an answer that came incomplete. The
/// pause is random between zero and `initial_backoff · 2^(retries so far)`, at most `max_backoff`,
/// and never shorter than a `Retry-After` of the answer. A pause that would end after the call's
/// deadline is not begun: the error returns at once.
///
/// # Budget
///
/// Retries are paid from a budget, so that a key store in trouble is not asked three times as
/// much. It holds 100 tokens unless set otherwise. A retry costs 1 after a lost connection, 5 after
/// a timeout, an incomplete answer, or while the key store is unavailable, and 10 after throttling.
/// What was paid comes back when the call then succeeds; any other success gives one token, and so
/// does every second. While the budget is empty errors return at once. Health checks pay nothing.
///
/// Clones share one budget, so give clones to all signers of an account and region, above all to
/// those under one rate limit. By default each signer has its own, which it shares with its clones
/// and with [`another_key`](super::AwsKmsSigner::another_key).
///
/// ```
/// # #[cfg(feature = "aws-kms")] {
/// use std::time::Duration;
/// use kms_signer::provider::aws_kms::{AwsKmsSigner, Retries};
///
/// let retries = Retries::default().max_attempts(5).max_backoff(Duration::from_millis(400));
/// let payouts = AwsKmsSigner::builder("alias/payouts").retries(retries.clone());
/// let deposits = AwsKmsSigner::builder("alias/deposits").retries(retries);
/// # }
/// ```
#[derive(Clone)]
pub struct Retries {
    max_attempts: u32,
    initial_backoff: Duration,
    max_backoff: Duration,
    budget: Arc<Budget>,
}

impl Default for Retries {
    /// Three attempts, pauses of up to 25 ms and 50 ms, a budget of 100 tokens.
    fn default() -> Self {
        Self {
            max_attempts: 3,
            initial_backoff: Duration::from_millis(25),
            max_backoff: Duration::from_secs(1),
            budget: Arc::new(Budget::new(100)),
        }
    }
}

impl Retries {
    /// Every failure returns at once.
    pub fn none() -> Self {
        Self::default().max_attempts(1)
    }

    /// Sets how often a call is attempted, the first time included; 3 by default, 0 counts as 1.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets the longest pause before the first retry; 25 ms by default.
    #[must_use]
    pub fn initial_backoff(mut self, pause: Duration) -> Self {
        self.initial_backoff = pause;
        self
    }

    /// Sets the longest pause before any retry; 1 s by default. `Retry-After` may ask for more.
    #[must_use]
    pub fn max_backoff(mut self, pause: Duration) -> Self {
        self.max_backoff = pause;
        self
    }

    /// Gives it a new budget of so many tokens, full; 100 by default.
    #[must_use]
    pub fn budget(mut self, tokens: u32) -> Self {
        self.budget = Arc::new(Budget::new(tokens));
        self
    }

    /// The retries of one call.
    pub(super) fn start(&self) -> Allowance<'_> {
        Allowance {
            retries: self,
            budget: Some(&self.budget),
            attempts: 0,
            paid: 0,
        }
    }

    /// The retries of a question, which must not use up what signatures may need.
    pub(super) fn start_probe(&self) -> Allowance<'_> {
        Allowance {
            retries: self,
            budget: None,
            attempts: 0,
            paid: 0,
        }
    }
}

impl fmt::Debug for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retries")
            .field("max_attempts", &self.max_attempts)
            .field("initial_backoff", &self.initial_backoff)
            .field("max_backoff", &self.max_backoff)
            .field("budget", &self.budget.capacity)
            .finish()
    }
}

/// Beyond any deadline that makes sense, and far from where durations overflow.
const LONGEST_BACKOFF: Duration = Duration::from_secs(24 * 60 * 60);

/// What one call has used of the retries it is allowed.
pub(super) struct Allowance<'a> {
    retries: &'a Retries,
    /// `None` if nothing is to be paid.
    budget: Option<&'a Budget>,
    attempts: u32,
    paid: u32,
}

impl Allowance<'_> {
    /// An attempt failed. Returns the pause before the next one, if there is to be one.
    pub(super) fn pause_after(&mut self, error: &Error, until: Instant) -> Option<Duration> {
        self.attempts = self.attempts.saturating_add(1);
        if self.attempts >= self.retries.max_attempts || !error.is_retryable() {
            return None;
        }
        let pause = self.backoff().max(error.retry_after().unwrap_or_default());
        let now = Instant::now();
        if pause >= until.saturating_duration_since(now) {
            return None;
        }
        if let Some(budget) = self.budget {
            let cost = cost(error);
            if !budget.take(cost, now) {
                return None;
            }
            self.paid = self.paid.saturating_add(cost);
        }
        Some(pause)
    }

    /// The call succeeded.
    pub(super) fn succeeded(self) {
        if let Some(budget) = self.budget {
            budget.give(self.paid.max(1), Instant::now());
        }
    }

    /// "Full jitter": callers that failed together do not come back together.
    fn backoff(&self) -> Duration {
        let doublings = (self.attempts - 1).min(31);
        let longest = (self.retries.initial_backoff)
            .saturating_mul(1 << doublings)
            .min(self.retries.max_backoff)
            .min(LONGEST_BACKOFF);
        longest.mul_f64(fastrand::f64())
    }
}

/// Dear where a retry adds to the trouble, cheap where only a connection was stale.
fn cost(error: &Error) -> u32 {
    match error {
        Error::KeyStore { fault, .. } => match fault {
            KeyStoreFault::Throttled => 10,
            KeyStoreFault::Connection => 1,
            _ => 5,
        },
        _ => 5,
    }
}

/// Tokens for retries.
struct Budget {
    capacity: u32,
    state: Mutex<Tokens>,
}

struct Tokens {
    /// With its fraction: time refills one a second.
    count: f64,
    at: Option<Instant>,
}

impl Budget {
    fn new(capacity: u32) -> Self {
        let count = capacity.into();
        Self {
            capacity,
            state: Mutex::new(Tokens { count, at: None }),
        }
    }

    fn take(&self, cost: u32, now: Instant) -> bool {
        let mut tokens = self.refilled(now);
        let is_enough = tokens.count >= cost.into();
        if is_enough {
            tokens.count -= f64::from(cost);
        }
        is_enough
    }

    fn give(&self, amount: u32, now: Instant) {
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
