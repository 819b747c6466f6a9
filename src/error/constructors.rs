//! The functions that make errors: one for each variant with fields, named after it.
//!
//! Every text but a source is cut and cleaned here, since errors are logged.

use std::{borrow::Cow, time::Duration};

use super::{
    AnswerFault, AuditFault, BoxError, EncodingFault, Error, KeyFault, KeyStoreFault,
    PublicKeyFault, SignatureFault, Verdict,
};
use crate::{
    KeyType, Receipt, RequestKind,
    text::{MAX_NAME, MAX_SENTENCE, cleaned},
};

/// The longest name of a rule, or of the component that has it, in characters.
const LONGEST_NAME: usize = 64;

/// The longest remedy, in characters: commands to type, with the key's name in them twice.
const LONGEST_REMEDY: usize = 1024;

impl Error {
    /// Makes an [`InvalidPublicKey`](Self::InvalidPublicKey).
    pub fn invalid_public_key(fault: PublicKeyFault) -> Self {
        Self::InvalidPublicKey { fault }
    }

    /// Makes an [`InvalidSecretKey`](Self::InvalidSecretKey). `remedy` says what to pass instead
    /// and must not contain the bytes.
    pub fn invalid_secret_key(
        key_type: Option<KeyType>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        let remedy = cleaned(remedy, LONGEST_REMEDY);
        Self::InvalidSecretKey { key_type, remedy }
    }

    /// Makes a [`Randomness`](Self::Randomness).
    pub fn randomness(source: impl Into<BoxError>) -> Self {
        let source = source.into();
        Self::Randomness { source }
    }

    /// Makes an [`InvalidSignature`](Self::InvalidSignature).
    pub fn invalid_signature(fault: SignatureFault) -> Self {
        let receipt = None;
        Self::InvalidSignature { fault, receipt }
    }

    /// Makes a [`SignatureNotVerified`](Self::SignatureNotVerified).
    pub fn signature_not_verified() -> Self {
        Self::SignatureNotVerified { receipt: None }
    }

    /// Makes a [`SignedByAnotherKey`](Self::SignedByAnotherKey).
    pub fn signed_by_another_key() -> Self {
        Self::SignedByAnotherKey { receipt: None }
    }

    /// Makes a [`KeyTypeMismatch`](Self::KeyTypeMismatch).
    pub fn key_type_mismatch(expected: KeyType, actual: KeyType) -> Self {
        Self::KeyTypeMismatch { expected, actual }
    }

    /// Makes an [`UnsupportedRequest`](Self::UnsupportedRequest).
    pub fn unsupported_request(request: RequestKind, key_type: KeyType) -> Self {
        Self::UnsupportedRequest { request, key_type }
    }

    /// Makes an [`InvalidDigestLength`](Self::InvalidDigestLength) for a digest of `actual` bytes.
    pub fn invalid_digest_length(actual: usize) -> Self {
        Self::InvalidDigestLength { actual }
    }

    /// Makes a [`MessageLength`](Self::MessageLength): the message has `actual` bytes and the key
    /// store accepts 1 to `most`.
    pub fn message_length(actual: usize, most: usize) -> Self {
        Self::MessageLength { actual, most }
    }

    /// Makes a [`Refused`](Self::Refused): final, unless
    /// [`with_retry_after`](Self::with_retry_after) follows.
    ///
    /// `by` names the component that has the rule (`chain limit`) and `rule` the rule (`chain_id`).
    /// `reason` says why the request breaks the rule, and `remedy` what to change. This function
    /// cuts names to 64 characters and sentences to 512, and replaces characters that do not print
    /// by `?`, because a policy may be remote.
    pub fn refused(
        by: impl Into<Cow<'static, str>>,
        rule: impl Into<Cow<'static, str>>,
        reason: impl Into<Cow<'static, str>>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Refused {
            by: cleaned(by, LONGEST_NAME),
            rule: cleaned(rule, LONGEST_NAME),
            reason: cleaned(reason, MAX_SENTENCE),
            remedy: cleaned(remedy, MAX_SENTENCE),
            retry_after: None,
        }
    }

    /// Makes an [`InvalidPayload`](Self::InvalidPayload): `what` names the object
    /// (`the transaction`), `source` says what is wrong with it.
    pub fn invalid_payload(
        what: impl Into<Cow<'static, str>>,
        source: impl Into<BoxError>,
    ) -> Self {
        let (what, source) = (cleaned(what, MAX_NAME), source.into());
        Self::InvalidPayload { what, source }
    }

    /// Makes an [`UnencodableSignature`](Self::UnencodableSignature).
    pub fn unencodable_signature(fault: EncodingFault) -> Self {
        Self::UnencodableSignature { fault }
    }

    /// Makes an [`InvalidConfig`](Self::InvalidConfig): `reason` says which setting is wrong and
    /// why, `remedy` what to set instead.
    pub fn invalid_config(
        reason: impl Into<Cow<'static, str>>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::InvalidConfig {
            reason: cleaned(reason, MAX_SENTENCE),
            remedy: cleaned(remedy, LONGEST_REMEDY),
        }
    }

    /// Makes a [`KeyRefused`](Self::KeyRefused).
    pub fn key_refused(fault: KeyFault) -> Self {
        let receipt = None;
        Self::KeyRefused { fault, receipt }
    }

    /// Makes a [`KeyMoved`](Self::KeyMoved): the key `returned` answered instead of `pinned`.
    pub fn key_moved(pinned: impl Into<String>, returned: impl Into<String>) -> Self {
        Self::KeyMoved {
            pinned: cleaned(pinned.into(), MAX_SENTENCE).into_owned(),
            returned: cleaned(returned.into(), MAX_SENTENCE).into_owned(),
            receipt: None,
        }
    }

    /// Makes an [`UnusableAnswer`](Self::UnusableAnswer).
    pub fn unusable_answer(fault: AnswerFault) -> Self {
        let receipt = None;
        Self::UnusableAnswer { fault, receipt }
    }

    /// Makes a [`KeyStore`](Self::KeyStore): `remedy` says what to do in the terms of this key
    /// store, `source` is what the key store or its client library reported.
    ///
    /// The remedy must say "retry" exactly when the fault is retryable. The source stays as it
    /// is: cut and clean a server's text before you pass it.
    pub fn key_store(
        fault: KeyStoreFault,
        remedy: impl Into<Cow<'static, str>>,
        source: impl Into<BoxError>,
    ) -> Self {
        Self::KeyStore {
            fault,
            code: None,
            retry_after: None,
            remedy: cleaned(remedy, LONGEST_REMEDY),
            receipt: None,
            source: source.into(),
        }
    }

    /// Makes a [`KeyStore`](Self::KeyStore) error with a verdict of the provider's own
    /// ([`KeyStoreFault::Provider`]), for a failure that no other fault describes.
    ///
    /// ```
    /// use kms_signer::{Error, error::Verdict};
    ///
    /// let error = Error::provider(
    ///     Verdict::Local,
    ///     "insert the token",
    ///     "slot 0 is empty",
    /// )
    /// .with_code("CKR_TOKEN_NOT_PRESENT");
    /// assert!(!error.is_retryable() && error.may_succeed_elsewhere());
    /// ```
    pub fn provider(
        verdict: Verdict,
        remedy: impl Into<Cow<'static, str>>,
        source: impl Into<BoxError>,
    ) -> Self {
        Self::key_store(KeyStoreFault::Provider(verdict), remedy, source)
    }

    /// Makes a [`TimedOut`](Self::TimedOut): `timeout` passed at this `stage`, for example
    /// `while waiting for the signer`.
    pub fn timed_out(timeout: Duration, stage: impl Into<Cow<'static, str>>) -> Self {
        let stage = cleaned(stage, MAX_NAME);
        Self::TimedOut { timeout, stage }
    }

    /// Makes a [`QueueFull`](Self::QueueFull): `capacity` requests wait, and there may be room
    /// after `retry_after`.
    pub fn queue_full(capacity: usize, retry_after: Duration) -> Self {
        Self::QueueFull {
            capacity,
            retry_after,
        }
    }

    /// Makes a [`QueuedTooLong`](Self::QueuedTooLong).
    pub fn queued_too_long(max_wait: Duration) -> Self {
        Self::QueuedTooLong { max_wait }
    }

    /// Makes an [`AuditFailed`](Self::AuditFailed).
    pub fn audit_failed(fault: AuditFault, source: impl Into<BoxError>) -> Self {
        Self::AuditFailed {
            fault,
            receipt: None,
            source: source.into(),
        }
    }

    /// Adds the key store's own code, for example `CKR_PIN_LOCKED`, to a
    /// [`KeyStore`](Self::KeyStore) error; returns other errors unchanged.
    #[must_use]
    pub fn with_code(mut self, new: impl Into<String>) -> Self {
        if let Self::KeyStore { code, .. } = &mut self {
            *code = Some(cleaned(new.into(), MAX_NAME).into_owned());
        }
        self
    }

    /// Sets how long to wait, in [`KeyStore`](Self::KeyStore), [`QueueFull`](Self::QueueFull) and
    /// [`Refused`](Self::Refused); returns other errors unchanged. It makes a `Refused` retryable.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        match &mut self {
            Self::KeyStore { retry_after, .. } | Self::Refused { retry_after, .. } => {
                *retry_after = Some(wait);
            }
            Self::QueueFull { retry_after, .. } => *retry_after = wait,
            _ => {}
        }
        self
    }

    /// Adds the receipt of the call that failed; returns errors of variants without one unchanged.
    #[must_use]
    pub fn with_receipt(mut self, call: Receipt) -> Self {
        match &mut self {
            Self::InvalidSignature { receipt, .. }
            | Self::SignatureNotVerified { receipt }
            | Self::SignedByAnotherKey { receipt }
            | Self::KeyRefused { receipt, .. }
            | Self::KeyMoved { receipt, .. }
            | Self::UnusableAnswer { receipt, .. }
            | Self::KeyStore { receipt, .. }
            | Self::AuditFailed { receipt, .. } => *receipt = Some(Box::new(call)),
            _ => {}
        }
        self
    }
}

#[cfg(test)]
mod tests;
