//! Which failed calls are retried, and after which pause.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::budget::Budget;
use crate::{Error, error::KeyStoreFault};

/// How often a call to a key store is retried, and after which pauses.
///
/// A call makes one attempt and at most [`max_retries`](Self::max_retries) retries. Only errors
/// that [are retryable](Error::is_retryable) are retried: throttling, timeouts, lost connections, a
/// key store that is temporarily unavailable, an incomplete answer. The pause is random between
/// zero and `initial_backoff · 2^(retries so far)`, at most `max_backoff`, and never shorter than
/// the answer's `Retry-After`. If the pause would end after the call's deadline, the call returns
/// the error at once.
///
/// # Budget
///
/// A budget pays for retries, so that a key store in trouble does not get three times as many
/// requests. It holds 100 tokens by default. A retry costs 1 after a lost connection, 10 after
/// throttling, and 5 after any other error, but never more than a full budget holds. If the call
/// then succeeds, its tokens return to the budget; any other success adds one token, and so does
/// every second. While the budget holds less than a retry costs, calls return their errors at once.
/// Health checks make no retries.
///
/// By default all signers over one client and region share one budget; the provider documents which
/// signers these are. A budget set with [`budget`](Self::budget) is shared by all signers that get
/// clones of these `Retries`, over any client.
///
/// ```
/// # #[cfg(feature = "aws-kms")] {
/// use std::time::Duration;
/// use kms_signer::{Retries, provider::aws_kms::AwsKmsSigner};
///
/// // One budget for both, although each has a client of its own.
/// let retries = Retries::default().max_retries(4).budget(200);
/// let payouts = AwsKmsSigner::builder("alias/payouts").retries(retries.clone());
/// let deposits = AwsKmsSigner::builder("alias/deposits").retries(retries);
/// # }
/// ```
#[derive(Clone)]
pub struct Retries {
    max_retries: u32,
    initial_backoff: Duration,
    max_backoff: Duration,
    /// Set if the user chose one. Otherwise the client's budget is used.
    budget: Option<Arc<Budget>>,
}

impl Default for Retries {
    /// Two retries, after pauses of up to 25 ms and 50 ms, and the client's budget of 100 tokens.
    fn default() -> Self {
        Self {
            max_retries: 2,
            initial_backoff: Duration::from_millis(25),
            max_backoff: Duration::from_secs(1),
            budget: None,
        }
    }
}

impl Retries {
    /// Returns every failure at once, with one exception: a request that AWS KMS rejects because
    /// this machine's clock is wrong is sent once more, with the time that KMS reported.
    pub fn none() -> Self {
        Self::default().max_retries(0)
    }

    /// Sets how often a call is retried after its first attempt; 2 by default. With 0 a call
    /// returns every failure at once, as with [`none`](Self::none).
    #[must_use]
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
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

    /// Sets a new, full [budget](Self#budget) of so many tokens, instead of the client's.
    ///
    /// With 0 there are no retries. A budget smaller than the cost of a retry allows one only when
    /// it is full.
    #[must_use]
    pub fn budget(mut self, tokens: u32) -> Self {
        self.budget = Some(Arc::new(Budget::new(tokens)));
        self
    }

    /// The retries of one call over a client with this budget.
    pub(super) fn start<'a>(&'a self, of_client: &'a Budget) -> Allowance<'a> {
        Allowance {
            retries: self,
            budget: Some(self.budget.as_deref().unwrap_or(of_client)),
            made: 0,
            paid: 0,
        }
    }

    /// The retries of a health check: none. A late answer, or none at all, is a result too.
    pub(super) fn start_probe(&self) -> Allowance<'_> {
        Allowance {
            retries: self,
            budget: None,
            made: 0,
            paid: 0,
        }
    }
}

impl fmt::Debug for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retries")
            .field("max_retries", &self.max_retries)
            .field("initial_backoff", &self.initial_backoff)
            .field("max_backoff", &self.max_backoff)
            .field("budget", &self.budget.as_deref().map(Budget::capacity))
            .finish()
    }
}

/// Beyond any deadline that makes sense, and far from where durations overflow.
const LONGEST_BACKOFF: Duration = Duration::from_secs(24 * 60 * 60);

/// What one call has used of the retries it is allowed.
pub(super) struct Allowance<'a> {
    retries: &'a Retries,
    /// Without one there are no retries.
    budget: Option<&'a Budget>,
    /// How many were allowed so far.
    made: u32,
    paid: u32,
}

impl Allowance<'_> {
    /// Returns the pause before the next attempt after `error`, or `None` if the call ends here.
    pub(super) fn pause_after(&mut self, error: &Error, until: Instant) -> Option<Duration> {
        if self.made >= self.retries.max_retries || !error.is_retryable() {
            return None;
        }
        let pause = self.backoff().max(error.retry_after().unwrap_or_default());
        let now = Instant::now();
        if pause >= until.saturating_duration_since(now) {
            return None;
        }
        let paid = self.budget?.take(cost(error), now)?;
        self.paid = self.paid.saturating_add(paid);
        self.made = self.made.saturating_add(1);
        Some(pause)
    }

    /// Gives tokens back to the budget, because the call succeeded.
    pub(super) fn succeeded(self) {
        if let Some(budget) = self.budget {
            budget.give(self.paid.max(1), Instant::now());
        }
    }

    /// "Full jitter": callers that failed at the same time retry at different times.
    fn backoff(&self) -> Duration {
        let doublings = self.made.min(31);
        let longest = (self.retries.initial_backoff)
            .saturating_mul(1 << doublings)
            .min(self.retries.max_backoff)
            .min(LONGEST_BACKOFF);
        longest.mul_f64(fastrand::f64())
    }
}

/// High where a retry adds load to an overloaded key store, low where only a connection was stale.
fn cost(error: &Error) -> u32 {
    match error {
        _ if error.is_throttled() => 10,
        Error::KeyStore {
            fault: KeyStoreFault::Connection,
            ..
        } => 1,
        _ => 5,
    }
}

#[cfg(test)]
mod tests;
