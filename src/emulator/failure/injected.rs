//! An injected failure: how long it stays, how often it fired, and how often it should.

use std::{
    fmt,
    panic::Location,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

/// An injected failure that is active. Dropping this removes it.
///
/// ```
/// # use kms_signer::emulator::{FailureRule, aws_kms::{KmsEmulator, KmsFailure}};
/// # fn example(emulator: &KmsEmulator) {
/// let down = emulator.inject(FailureRule::new(KmsFailure::internal_error()));
/// // … every request fails …
/// assert!(down.fired() > 0);
/// drop(down);
/// // … and now none does.
/// # }
/// ```
#[must_use = "dropping this removes the failure; keep it in a variable, or call `keep`"]
pub struct InjectedFailure(Arc<Injection>);

impl InjectedFailure {
    pub(super) fn new(injection: Arc<Injection>) -> Self {
        Self(injection)
    }

    /// How many requests the failure has hit so far.
    pub fn fired(&self) -> u64 {
        self.0.record().fired
    }

    /// Keeps the failure active until the emulator stops, which then checks the number of
    /// [expected](super::FailureRule::expect) requests.
    pub fn keep(self) {
        self.0.record().is_kept = true;
    }
}

/// Removes the failure. Requests that it has hit already still fail.
///
/// # Panics
///
/// If the failure did not hit as many requests as were [expected](super::FailureRule::expect),
/// unless the thread is panicking already.
impl Drop for InjectedFailure {
    fn drop(&mut self) {
        let is_kept = {
            let mut record = self.0.record();
            record.is_removed = !record.is_kept;
            record.is_kept
        };
        if !is_kept {
            self.0.check();
        }
    }
}

impl fmt::Debug for InjectedFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InjectedFailure")
            .field("fired", &self.fired())
            .finish_non_exhaustive()
    }
}

/// What an active rule and its [`InjectedFailure`] share.
pub(super) struct Injection {
    place: &'static Location<'static>,
    expected: Option<u64>,
    /// The key that the rule is for.
    key_id: Option<String>,
    record: Mutex<Record>,
}

#[derive(Default)]
pub(super) struct Record {
    /// How many requests matched its rule.
    pub(super) matched: u64,
    /// How many requests it hit.
    pub(super) fired: u64,
    /// Whether the key of the rule existed when it was last looked up.
    pub(super) key_exists: Option<bool>,
    /// Its handle was dropped.
    pub(super) is_removed: bool,
    /// Its handle was kept, so it stays active.
    pub(super) is_kept: bool,
}

impl Injection {
    pub(super) fn new(
        place: &'static Location<'static>,
        expected: Option<u64>,
        key_id: Option<String>,
    ) -> Self {
        Self {
            place,
            expected,
            key_id,
            record: Mutex::default(),
        }
    }

    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_expectation(&self) -> bool {
        self.expected.is_some()
    }

    /// Panics if the expectation is not met.
    pub(super) fn check(&self) {
        let Some(expected) = self.expected else {
            return;
        };
        let (matched, fired, key_exists) = {
            let record = self.record();
            (record.matched, record.fired, record.key_exists)
        };
        let hint = match (&self.key_id, key_exists) {
            (Some(key_id), Some(false)) => format!("; the emulator has no key `{key_id}`"),
            _ => String::new(),
        };
        assert!(
            fired == expected || thread::panicking(),
            "the failure injected at {} was expected to hit {expected} requests, and hit {fired} of \
             {matched} that matched{hint}",
            self.place,
        );
    }
}

#[cfg(test)]
mod tests;
