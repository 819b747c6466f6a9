//! Which requests a failure hits.

use super::Failure;
use crate::emulator::service::Emulated;

/// A failure, and the requests it hits: all of them by default.
///
/// A request *matches* if it is for the operation and the key of the rule, and if the failure can
/// happen to it: a failure of signatures matches only `Sign`, one of DER only keys of ECDSA.
/// Requests that do not match are not counted.
///
/// ```
/// use kms_signer::emulator::{FailureRule, aws_kms::{KmsFailure, Operation}};
///
/// // The third, fourth and fifth request to sign, and no other. A client's retries are requests
/// // too. The test fails unless all three happen.
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

    /// One failure, or none, for each matching request in turn; after the last one, none.
    ///
    /// A request to which the next failure cannot happen does not match, and leaves it to be the
    /// next.
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

    /// Only requests for this operation; all by default, even those that name none.
    pub fn on(mut self, operation: S::Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only requests for this key, in any form the emulator takes; all by default. For AWS KMS
    /// that is a key's id, its ARN or an alias.
    ///
    /// It is the keys that are compared, as they are found when the request comes in: a rule for
    /// an ARN matches requests that give an alias of the key, and one for an alias follows it to
    /// another key.
    ///
    /// The key may be made later, so one that does not exist is no error: no request matches. Call
    /// [`expect`](Self::expect) to have a misspelt one found.
    pub fn for_key(mut self, key_id: &str) -> Self {
        self.key_id = Some(key_id.to_owned());
        self
    }

    /// Not the first `matches` requests that match; 0 by default.
    pub fn after(mut self, matches: u64) -> Self {
        self.after = matches;
        self
    }

    /// At most so many times; without a limit by default.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// With this probability, from 0 to 1, which is the default; what is beyond counts as the
    /// nearer of the two.
    ///
    /// It is drawn for each matching request. With a seed the same requests in the same order are
    /// hit again.
    pub fn rate(mut self, probability: f64) -> Self {
        self.rate = probability;
        self
    }

    /// Expects the failure to hit exactly so many requests, and lets the test fail otherwise.
    ///
    /// It is checked when the [`InjectedFailure`](super::InjectedFailure) is dropped: that panics
    /// with the place of the injection, unless the thread is panicking already. If the failure is
    /// [kept](super::InjectedFailure::keep), it is checked when the emulator stops.
    pub fn expect(mut self, times: u64) -> Self {
        self.expected = Some(times);
        self
    }

    /// The failure for the match of this number; `None` after the last.
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
