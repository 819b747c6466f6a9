//! The one error type, and what a caller can do about each case.
//!
//! This file has the type and its stable names. `constructors` has the functions that make errors,
//! `display` the messages, `remedy` what to do, and `verdict` whether a retry helps.

mod constructors;
mod display;
mod fault;
mod remedy;
mod verdict;

use std::{borrow::Cow, error::Error as StdError, time::Duration};

pub use self::{
    fault::{
        AnswerFault, AuditFault, EncodingFault, KeyFault, KeyStoreFault, PublicKeyFault,
        SignatureFault,
    },
    verdict::Verdict,
};
use crate::{KeyType, Receipt, RequestKind};

/// `Result` with [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A boxed error of a provider or of a library it uses.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// Why a key was rejected, a request was not sent or a signature was not returned.
///
/// `Display` says what failed and ends with [`remedy`](Self::remedy): what to do. It never repeats
/// [`source`](StdError::source), so print the whole chain (`{:#}` of `anyhow`, or a report of
/// `eyre`).
///
/// A provider, layer or chain adapter makes an error with the function named after its variant, for
/// example [`Error::key_store`], and adds what it knows with `with_…`. A field may be added to each
/// variant, so patterns end with `..`.
///
/// An error from a call to a key store carries a [`Receipt`] of that call: see
/// [`receipt`](Self::receipt) and [`request_id`](Self::request_id).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a public key this crate accepts.
    ///
    /// Use the key store's own DER export of a secp256k1, P-256 or Ed25519 key.
    #[non_exhaustive]
    InvalidPublicKey {
        /// What is wrong with it.
        fault: PublicKeyFault,
    },

    /// The bytes are not a secret key of the requested type. The message does not show them.
    #[non_exhaustive]
    InvalidSecretKey {
        /// The requested type; `None` when the bytes name it themselves.
        key_type: Option<KeyType>,
        /// What to pass instead.
        remedy: Cow<'static, str>,
    },

    /// The operating system returned no random bytes. No key was made.
    ///
    /// The system lacks a random number generator or denies access to it, so a retry does not help.
    #[non_exhaustive]
    Randomness {
        /// What the operating system reported.
        source: BoxError,
    },

    /// The key store's signature is malformed. It was not returned.
    ///
    /// A key store that returns such bytes is defective or is not the one you think it is.
    #[non_exhaustive]
    InvalidSignature {
        /// What is wrong with it.
        fault: SignatureFault,
        /// The call that returned it, when a provider made one.
        receipt: Option<Box<Receipt>>,
    },

    /// The key store's signature is well-formed, but not one of this key over this input.
    ///
    /// It was not returned. Most often the wrong public key was pinned: compare it with the one the
    /// key store exports. Otherwise another key signed, or other bytes were signed: check for a
    /// proxy or a wrong endpoint before you sign more.
    #[non_exhaustive]
    SignatureNotVerified {
        /// The call that returned it, when a provider made one.
        receipt: Option<Box<Receipt>>,
    },

    /// The signature is valid, but under another key than the signer's `public_key()`.
    ///
    /// It was not used. A layer or provider mixes up two keys: the layer delegates `public_key` to
    /// one signer and `sign` to another, or the provider has two verifiers.
    #[non_exhaustive]
    SignedByAnotherKey {
        /// The call that made the signature.
        receipt: Option<Box<Receipt>>,
    },

    /// The key has the wrong type. Use a key of the type `expected`.
    #[non_exhaustive]
    KeyTypeMismatch {
        /// The required type.
        expected: KeyType,
        /// The key's type.
        actual: KeyType,
    },

    /// The key cannot sign this kind of request.
    ///
    /// ECDSA keys sign hashes and Ed25519 keys sign messages: see
    /// [`SignRequest`](crate::SignRequest).
    #[non_exhaustive]
    UnsupportedRequest {
        /// The kind of request.
        request: RequestKind,
        /// The type of the key.
        key_type: KeyType,
    },

    /// A message of 32 bytes may be the digest of something else, and was not signed.
    ///
    /// Sign the preimage with [`SignRequest::blake2b256`](crate::SignRequest::blake2b256), or use
    /// [`hazmat::prehashed_message`](crate::hazmat::prehashed_message) if its meaning does not
    /// matter.
    AmbiguousMessage,

    /// A digest is not 32 bytes long. Pass the hash itself, in binary.
    #[non_exhaustive]
    InvalidDigestLength {
        /// Its length in bytes.
        actual: usize,
    },

    /// The message is empty or longer than the key store accepts, and was not sent.
    ///
    /// Pure Ed25519 cannot hash or split a message first: sign a shorter one, or keep the key in a
    /// key store without this limit.
    #[non_exhaustive]
    MessageLength {
        /// Its length in bytes.
        actual: usize,
        /// The longest message that the key store accepts, in bytes.
        most: usize,
    },

    /// A rule rejected the request: a policy, a limit to chains, a watermark, a quota. Nothing was
    /// sent.
    ///
    /// With `retry_after`, this signer may sign the same request after that time. Without it, the
    /// rule rejects the request until one of the two changes.
    #[non_exhaustive]
    Refused {
        /// Which component has the rule, for example `chain limit`.
        by: Cow<'static, str>,
        /// The name of the rule, for example `chain_id`: see [`rule`](Self::rule).
        rule: Cow<'static, str>,
        /// Why the request breaks the rule, with the values compared.
        reason: Cow<'static, str>,
        /// What to change.
        remedy: Cow<'static, str>,
        /// How long until the rule may allow the request, if waiting helps.
        retry_after: Option<Duration>,
    },

    /// The object cannot be encoded for signing. The source says why.
    #[non_exhaustive]
    InvalidPayload {
        /// The object, for example `the transaction`.
        what: Cow<'static, str>,
        /// What is wrong with it.
        source: BoxError,
    },

    /// The signature is valid but cannot be written in the requested form.
    #[non_exhaustive]
    UnencodableSignature {
        /// Why it cannot.
        fault: EncodingFault,
    },

    /// A setting is wrong, or contradicts another one.
    #[non_exhaustive]
    InvalidConfig {
        /// Which setting is wrong, and why.
        reason: Cow<'static, str>,
        /// What to set instead.
        remedy: Cow<'static, str>,
    },

    /// The key store holds a key that cannot be used as a signer.
    #[non_exhaustive]
    KeyRefused {
        /// What is wrong with it.
        fault: KeyFault,
        /// The call that described the key.
        receipt: Option<Box<Receipt>>,
    },

    /// The key store answered with another key than the pinned or requested one.
    ///
    /// Nothing was returned. Most often an alias was pointed at another key. If that was intended,
    /// make a new signer: it has another public key and so another address.
    #[non_exhaustive]
    KeyMoved {
        /// The pinned or requested key.
        pinned: String,
        /// The key that answered.
        returned: String,
        /// The call that showed it.
        receipt: Option<Box<Receipt>>,
    },

    /// The key store reported success, but its answer is not usable.
    #[non_exhaustive]
    UnusableAnswer {
        /// What is wrong with it.
        fault: AnswerFault,
        /// The call it answers.
        receipt: Option<Box<Receipt>>,
    },

    /// The key store failed, rejected the request, or could not be reached.
    ///
    /// A provider that is not part of this crate uses the fault that fits, or
    /// [`KeyStoreFault::Provider`] with its own verdict.
    #[non_exhaustive]
    KeyStore {
        /// What failed.
        fault: KeyStoreFault,
        /// The key store's own error code, for example `AccessDeniedException`; `HTTP` and the
        /// status when it sent none.
        code: Option<String>,
        /// How long the key store asked to wait.
        retry_after: Option<Duration>,
        /// What to do, in the terms of this key store.
        remedy: Cow<'static, str>,
        /// The call that failed.
        receipt: Option<Box<Receipt>>,
        /// What the key store or the client library reported.
        source: BoxError,
    },

    /// The timeout passed before there was a result.
    ///
    /// Retry later, or allow more time. The key store may have signed in the meantime, which does
    /// no harm: no signature was returned.
    #[non_exhaustive]
    TimedOut {
        /// The timeout that passed.
        timeout: Duration,
        /// What it waited for, for example `while waiting for the signer`.
        stage: Cow<'static, str>,
    },

    /// The queue of a client-side rate limit is full. Nothing was sent.
    ///
    /// Send fewer requests, or raise the limit if the key store's quota allows it.
    #[non_exhaustive]
    QueueFull {
        /// How many requests may wait.
        capacity: usize,
        /// How long until there may be room again.
        retry_after: Duration,
    },

    /// A client-side rate limit did not admit the request in time. Nothing was sent.
    ///
    /// Send fewer requests, allow more time, or raise the limit if the key store's quota allows it.
    #[non_exhaustive]
    QueuedTooLong {
        /// The longest allowed wait.
        max_wait: Duration,
    },

    /// The key signed, but the signature was not recorded. It was not returned.
    #[non_exhaustive]
    AuditFailed {
        /// Whether a retry helps.
        fault: AuditFault,
        /// The call that made the signature.
        receipt: Option<Box<Receipt>>,
        /// What the sink reported.
        source: BoxError,
    },

    /// The caller cancelled the request before it finished. Nothing was returned.
    Cancelled,
}

impl Error {
    /// A short, stable name of the error, for logs, metrics and records: `throttled`,
    /// `key_moved`.
    ///
    /// It stays the same when the text of the message changes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::InvalidPublicKey { .. } => "invalid_public_key",
            Self::InvalidSecretKey { .. } => "invalid_secret_key",
            Self::Randomness { .. } => "randomness",
            Self::InvalidSignature { .. } => "invalid_signature",
            Self::SignatureNotVerified { .. } => "signature_not_verified",
            Self::SignedByAnotherKey { .. } => "signed_by_another_key",
            Self::KeyTypeMismatch { .. } => "key_type_mismatch",
            Self::UnsupportedRequest { .. } => "unsupported_request",
            Self::AmbiguousMessage => "ambiguous_message",
            Self::InvalidDigestLength { .. } => "invalid_digest_length",
            Self::MessageLength { .. } => "message_length",
            Self::Refused { .. } => "refused",
            Self::InvalidPayload { .. } => "invalid_payload",
            Self::UnencodableSignature { .. } => "unencodable_signature",
            Self::InvalidConfig { .. } => "invalid_config",
            Self::KeyRefused { .. } => "key_refused",
            Self::KeyMoved { .. } => "key_moved",
            Self::UnusableAnswer { .. } => "unusable_answer",
            Self::KeyStore { fault, .. } => match fault {
                KeyStoreFault::AccessDenied => "access_denied",
                KeyStoreFault::Credentials => "credentials",
                KeyStoreFault::NotFound => "not_found",
                KeyStoreFault::Disabled => "disabled",
                KeyStoreFault::InvalidState => "invalid_state",
                KeyStoreFault::InvalidUsage => "invalid_usage",
                KeyStoreFault::InvalidRequest => "invalid_request",
                KeyStoreFault::Throttled => "throttled",
                KeyStoreFault::Unavailable => "unavailable",
                KeyStoreFault::Timeout => "timeout",
                KeyStoreFault::Connection => "connection",
                KeyStoreFault::WrongEndpoint => "wrong_endpoint",
                KeyStoreFault::Provider(_) => "provider",
                KeyStoreFault::Other => "other",
            },
            Self::TimedOut { .. } => "timed_out",
            Self::QueueFull { .. } => "queue_full",
            Self::QueuedTooLong { .. } => "queued_too_long",
            Self::AuditFailed { .. } => "audit_failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The key store's own error code, for example `AccessDeniedException`, or `HTTP` and the
    /// status when it sent none.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::KeyStore { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// The name of the rule that rejected the request, for example `chain_id`.
    ///
    /// The policy or limit chooses the name, so use it in logs, but not as the label of a metric
    /// unless you know all your rules.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::Refused { rule, .. } => Some(rule),
            _ => None,
        }
    }

    /// The call to the key store that failed; `None` when none was made.
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::InvalidSignature { receipt, .. }
            | Self::SignatureNotVerified { receipt }
            | Self::SignedByAnotherKey { receipt }
            | Self::KeyRefused { receipt, .. }
            | Self::KeyMoved { receipt, .. }
            | Self::UnusableAnswer { receipt, .. }
            | Self::KeyStore { receipt, .. }
            | Self::AuditFailed { receipt, .. } => receipt.as_deref(),
            _ => None,
        }
    }

    /// The key store's id of the failed request, for its log (CloudTrail) or its support.
    pub fn request_id(&self) -> Option<&str> {
        self.receipt().and_then(Receipt::request_id)
    }
}

#[cfg(test)]
mod tests;
