//! The result of a readiness check of any signer: [`Signer::check`](crate::Signer::check).
//!
//! ```
//! use kms_signer::Signer;
//!
//! async fn is_ready(wallet: &dyn Signer) -> bool {
//!     let health = wallet.check().await;
//!     if !health.is_ready() {
//!         eprintln!("{health}");
//!     }
//!     health.is_ready()
//! }
//! ```

use std::{fmt, time::Duration};

use crate::{Error, Result, error::KeyStoreFault};

/// The result of [`Signer::check`](crate::Signer::check). Its `Display` is a report with one line
/// for each question.
///
/// [`default`](Self::default) is the health of a signer that has nothing to check: ready.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct Health {
    /// The key's state in its key store.
    pub state: Result<KeyState>,
    /// Whether the key is still the pinned one.
    pub pin: Result<PinCheck>,
    /// Whether this caller may sign with this key now.
    pub may_sign: Result<()>,
    /// How long the check of `may_sign` took: about as long as a signature.
    pub latency: Duration,
    /// The health of the other signers of the same key, in the order in which a failover asks them.
    /// The fields above are those of the first signer.
    pub alternatives: Vec<Health>,
}

/// A state of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// The key store has no states, or was not asked.
    NotReported,
    /// The key signs.
    Enabled,
    /// The key is being changed, and still signs.
    Updating,
    /// The key is disabled, and can be enabled again.
    Disabled,
    /// The key is about to be deleted. The deletion can still be cancelled.
    PendingDeletion,
    /// The key is being created.
    Creating,
    /// The key waits for its key material.
    PendingImport,
    /// The store of the key material cannot be reached.
    Unavailable,
    /// Another state, with the key store's own name.
    Other(String),
}

impl KeyState {
    /// Whether a key in this state signs, as far as this crate knows.
    pub fn can_sign(&self) -> bool {
        matches!(self, Self::NotReported | Self::Enabled | Self::Updating)
    }

    /// The name of the variant, or the key store's name of another state.
    pub fn as_str(&self) -> &str {
        match self {
            Self::NotReported => "NotReported",
            Self::Enabled => "Enabled",
            Self::Updating => "Updating",
            Self::Disabled => "Disabled",
            Self::PendingDeletion => "PendingDeletion",
            Self::Creating => "Creating",
            Self::PendingImport => "PendingImport",
            Self::Unavailable => "Unavailable",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a check showed that the key is the pinned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PinCheck {
    /// The key store exports the pinned public key.
    PublicKey,
    /// The key has the pinned name, whose public key never changes: for AWS KMS the ARN.
    Name,
    /// The key was not compared: the caller may read neither, or no name is pinned yet. The next
    /// signature shows whether it is the pinned one; a signature of another key is never returned.
    Unproven,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            state: Ok(KeyState::NotReported),
            pin: Ok(PinCheck::Unproven),
            may_sign: Ok(()),
            latency: Duration::ZERO,
            alternatives: Vec::new(),
        }
    }
}

impl Health {
    /// Whether the next request is likely to be signed: this caller may sign, and the key store
    /// reports no problem with the key; or an alternative is ready.
    ///
    /// A failed question about state or public key does not count against the key if the failure
    /// does not concern the key: no permission, throttling, no answer in time.
    pub fn is_ready(&self) -> bool {
        let can_sign = self.state.as_ref().map_or(true, KeyState::can_sign);
        let is_ready = can_sign && self.obstacles().next().is_none();
        is_ready || self.alternatives.iter().any(Self::is_ready)
    }

    /// The errors that a request would most likely meet, without those of the alternatives.
    pub(crate) fn obstacles(&self) -> impl Iterator<Item = &Error> {
        let of_the_key = [self.state.as_ref().err(), self.pin.as_ref().err()];
        let of_the_key = of_the_key.into_iter().flatten();
        let of_the_key = of_the_key.filter(|error| is_of_the_key(error));
        of_the_key.chain(self.may_sign.as_ref().err())
    }

    /// Whether the key store, or an alternative's, answered at all, even with an error.
    pub fn is_reachable(&self) -> bool {
        let is_silent = |error: &Error| match error {
            Error::KeyStore { fault, receipt, .. } => {
                matches!(fault, KeyStoreFault::Connection | KeyStoreFault::Timeout)
                    || receipt
                        .as_ref()
                        .is_some_and(|receipt| receipt.attempts() == 0)
            }
            Error::InvalidConfig { .. } | Error::TimedOut { .. } => true,
            _ => false,
        };
        let has_state = matches!(&self.state, Ok(state) if *state != KeyState::NotReported);
        let is_compared = matches!(&self.pin, Ok(pin) if *pin != PinCheck::Unproven);
        has_state
            || is_compared
            || self.may_sign.is_ok()
            || self.own_errors().any(|error| !is_silent(error))
            || self.alternatives.iter().any(Self::is_reachable)
    }

    /// The errors of all questions: first the signer's own, then those of the alternatives.
    pub fn errors(&self) -> impl Iterator<Item = &Error> {
        let mut errors: Vec<&Error> = self.own_errors().collect();
        for alternative in &self.alternatives {
            errors.extend(alternative.errors());
        }
        errors.into_iter()
    }

    fn own_errors(&self) -> impl Iterator<Item = &Error> {
        let state = self.state.as_ref().err();
        let pin = self.pin.as_ref().err();
        let may_sign = self.may_sign.as_ref().err();
        state.into_iter().chain(pin).chain(may_sign)
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            Ok(KeyState::NotReported) => writeln!(f, "key state: not reported")?,
            Ok(state) => writeln!(f, "key state: {state}")?,
            Err(error) => writeln!(f, "key state: {error}")?,
        }
        match &self.pin {
            Ok(PinCheck::PublicKey) => writeln!(f, "public key: the pinned one")?,
            Ok(PinCheck::Name) => writeln!(f, "public key: that of the pinned name")?,
            Ok(PinCheck::Unproven) => writeln!(f, "public key: not compared")?,
            Err(error) => writeln!(f, "public key: {error}")?,
        }
        match &self.may_sign {
            Ok(()) if self.latency.is_zero() => write!(f, "signing: allowed")?,
            Ok(()) => write!(f, "signing: allowed, {} ms", self.latency.as_millis())?,
            Err(error) => write!(f, "signing: {error}")?,
        }
        for (index, alternative) in (1..).zip(&self.alternatives) {
            write!(f, "\nalternative {index}:\n{alternative}")?;
        }
        Ok(())
    }
}

/// Whether the error concerns the key itself, and not only the question about it.
pub(crate) fn is_of_the_key(error: &Error) -> bool {
    match error {
        Error::KeyStore {
            fault:
                KeyStoreFault::NotFound
                | KeyStoreFault::Disabled
                | KeyStoreFault::InvalidState
                | KeyStoreFault::InvalidUsage,
            ..
        } => true,
        Error::KeyRefused { .. } => true,
        // An incomplete or oversized answer says nothing about the key.
        _ => error.is_alarm(),
    }
}

#[cfg(test)]
mod tests;
