//! Which requests a failure hits.

use super::Failure;
use crate::emulator::service::Emulated;

/// A failure, and the requests it hits: all of them by default.
///
/// A request *matches* if it is for the operation and the key of the rule, and if the failure can
/// happen to it: a failure of signatures matches only `Sign`, and one of DER matches only ECDSA
/// keys. Requests that do not match are not counted.
///
/// ```
/// use kms_signer::emulator::{FailureRule, aws_kms::{KmsFailure, Operation}};
///
/// // The third, fourth and fifth request to sign. A client's retries are requests too. The test
/// // fails unless all three happen.
/// let busy = FailureRule::new(KmsFailure::throttling()).on(Operation::Sign).after(2).times(3).expect(3);
/// // One in a hundred requests of any kind.
/// let flaky = FailureRule::new(KmsFailure::reset()).rate(0.01);
/// // The first and the third request.
/// let script =
///     FailureRule::sequence([Some(KmsFailure::throttling()), None, Some(KmsFailure::stall())]);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a rule does nothing until it is given to an emulator's `inject`"]
pub struct FailureRule<S: Emulated> {
    failures: Failures<S>,
    pub(super) operation: Option<S::Operation>,
    pub(super) key_id: Option<String>,
    pub(super) after: u64,
    pub(super) times: u64,
    pub(super) rate: f64,
    pub(super) expected: Option<u64>,
}

#[derive(Clone, Debug)]
enum Failures<S: Emulated> {
    Every(Failure<S>),
    Sequence(Vec<Option<Failure<S>>>),
}

impl<S: Emulated> FailureRule<S> {
    /// The same failure for every matching request.
    pub fn new(failure: impl Into<Failure<S>>) -> Self {
        Self::of(Failures::Every(failure.into()))
    }

    /// One failure, or none, for each matching request in turn. After the last one, none.
    ///
    /// A request to which the next failure cannot happen does not match: that failure waits for the
    /// next request.
    pub fn sequence(failures: impl IntoIterator<Item = Option<Failure<S>>>) -> Self {
        Self::of(Failures::Sequence(failures.into_iter().collect()))
    }

    fn of(failures: Failures<S>) -> Self {
        Self {
            failures,
            operation: None,
            key_id: None,
            after: 0,
            times: u64::MAX,
            rate: 1.0,
            expected: None,
        }
    }

    /// Matches only requests for this operation. By default all match, even those that name none.
    pub fn on(mut self, operation: S::Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Matches only requests for this key, in any form that the emulator accepts: for AWS KMS a key
    /// id, an ARN or an alias. By default requests for all keys match.
    ///
    /// The rule compares keys, not names, and looks them up when the request comes in: a rule for
    /// an ARN matches requests that name an alias of that key, and a rule for an alias follows the
    /// alias to another key.
    ///
    /// A key that does not exist is not an error, because you may create it later; until then no
    /// request matches. Call [`expect`](Self::expect) to detect a misspelt name.
    pub fn for_key(mut self, key_id: &str) -> Self {
        self.key_id = Some(key_id.to_owned());
        self
    }

    /// Skips the first `matches` matching requests; 0 by default.
    pub fn after(mut self, matches: u64) -> Self {
        self.after = matches;
        self
    }

    /// Hits at most this many requests; by default without a limit.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Hits each matching request with this probability, from 0 to 1; by default 1. A value outside
    /// that range counts as the nearer end.
    ///
    /// With a seed, the same requests in the same order are hit again.
    pub fn rate(mut self, probability: f64) -> Self {
        self.rate = probability;
        self
    }

    /// Expects the failure to hit exactly this many requests, and makes the test fail otherwise.
    ///
    /// Dropping the [`InjectedFailure`](super::InjectedFailure) checks the number and panics if it
    /// differs, unless the thread is panicking already. The message names the line that injected
    /// the failure. If the failure is [kept](super::InjectedFailure::keep), stopping the emulator
    /// checks it.
    pub fn expect(mut self, times: u64) -> Self {
        self.expected = Some(times);
        self
    }

    /// The failure for the match with this number; `None` after the last.
    pub(super) fn failure(&self, matched: u64) -> Option<Option<&Failure<S>>> {
        match &self.failures {
            Failures::Every(failure) => Some(Some(failure)),
            Failures::Sequence(failures) => {
                let position = usize::try_from(matched.saturating_sub(self.after)).ok()?;
                failures.get(position).map(Option::as_ref)
            }
        }
    }
}
