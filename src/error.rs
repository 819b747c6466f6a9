//! The one error type, and what a caller may do about each case.

mod fault;
mod verdict;

use std::{error::Error as StdError, fmt, time::Duration};

pub use self::fault::{
    AnswerFault, AuditFault, EncodingFault, KeyFault, KeyStoreFault, PublicKeyFault, SignatureFault,
};
use crate::{KeyType, Receipt, RequestKind};

/// `Result` with [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A boxed error of a provider or of a library it uses.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// Why a key was refused, a request not made or a signature not released.
///
/// `Display` gives the cause and, last, the remedy. It never repeats [`source`](StdError::source),
/// so print the whole chain (`{:#}` of `anyhow`, or a report of `eyre`).
///
/// What came from a call to a key store carries a [`Receipt`] of that call: see
/// [`receipt`](Self::receipt) and [`request_id`](Self::request_id).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a public key this crate accepts.
    ///
    /// Use the key store's own DER export of a secp256k1, P-256 or Ed25519 key.
    #[error("public key refused: {fault}")]
    InvalidPublicKey {
        /// What is wrong with it.
        fault: PublicKeyFault,
    },

    /// The bytes are not a secret key of the type asked for. They are not repeated here.
    #[error("not a valid {}secret key; {remedy}", Kind(*key_type))]
    InvalidSecretKey {
        /// The type asked for; `None` when the bytes were to name it themselves.
        key_type: Option<KeyType>,
        /// What would be accepted.
        remedy: &'static str,
    },

    /// The operating system gave no random bytes. Nothing was generated.
    ///
    /// It does not pass by itself: the system lacks a random number generator, or denies it.
    #[error(
        "the operating system's random number generator failed and no key was made; \
         check that this process may use it (getrandom, /dev/urandom)"
    )]
    Randomness {
        /// What the operating system said.
        source: BoxError,
    },

    /// The key store's signature is malformed. Nothing was released.
    ///
    /// A key store that returns such bytes is defective or is not the one you think it is.
    #[error(
        "signature refused{}: {fault}; check for a proxy or a wrong endpoint",
        Of(receipt)
    )]
    InvalidSignature {
        /// What is wrong with it.
        fault: SignatureFault,
        /// The call that returned it, when a provider made one.
        receipt: Option<Box<Receipt>>,
    },

    /// The key store's signature is well-formed, but not by this key over this input.
    ///
    /// Nothing was released. Most often the public key that was pinned is not that of the key:
    /// compare it with the one the key store exports. Otherwise another key signed, or something
    /// else was signed: check what stands between you and the key store before you sign more.
    #[error(
        "signature refused{}: it does not verify under the pinned public key; compare that with the \
         one the key store exports, and if they are the same find out what answered",
        Of(receipt)
    )]
    SignatureNotVerified {
        /// The call that returned it, when a provider made one.
        receipt: Option<Box<Receipt>>,
    },

    /// The signature is valid, but under another key than the signer's `public_key()`.
    ///
    /// It was not used. What wraps the key store mixes up two keys: a layer that delegates
    /// `public_key` to one signer and `sign` to another, or a provider with two verifiers.
    #[error(
        "the signature{} verified under another key than the signer's own public key, and was not \
         used; correct the layer or provider that mixes up two keys",
        Of(receipt)
    )]
    SignedByAnotherKey {
        /// The call that made the signature.
        receipt: Option<Box<Receipt>>,
    },

    /// The key is of another type than is needed here. Use a key of the type `expected`.
    #[error("this key is {actual} and {expected} is needed here; use a key of that type")]
    KeyTypeMismatch {
        /// What is needed.
        expected: KeyType,
        /// What was given.
        actual: KeyType,
    },

    /// The key cannot sign this kind of request.
    ///
    /// ECDSA keys sign hashes and Ed25519 keys sign messages: see [`SignRequest`](crate::SignRequest).
    #[error(
        "{key_type} keys cannot sign a `{request}` request; {}",
        match key_type {
            KeyType::Ed25519 => "use SignRequest::message or SignRequest::blake2b256",
            KeyType::Secp256k1 | KeyType::P256 =>
                "use SignRequest::keccak256, sha256 or blake2b256, which name the hash",
        }
    )]
    UnsupportedRequest {
        /// The kind of request.
        request: RequestKind,
        /// The type of the key.
        key_type: KeyType,
    },

    /// A message of 32 bytes may be the digest of something else, and was not signed.
    ///
    /// Sign what it is the digest of with [`SignRequest::blake2b256`](crate::SignRequest::blake2b256),
    /// or use [`hazmat::prehashed_message`](crate::hazmat::prehashed_message) if its meaning does not
    /// matter.
    #[error(
        "a message of 32 bytes may be the digest of something else, such as a Tezos operation; use \
         SignRequest::blake2b256 with what it is the digest of, make the message longer, or use \
         hazmat::prehashed_message"
    )]
    AmbiguousMessage,

    /// A digest is not 32 bytes long. Pass the hash itself, in binary.
    #[error("a digest is 32 bytes and this one has {actual}; pass the binary hash itself")]
    InvalidDigestLength {
        /// Its length in bytes.
        actual: usize,
    },

    /// The message is empty or longer than the key store takes, and was not sent.
    ///
    /// Pure Ed25519 cannot be split or hashed before: sign something shorter, or keep the key in a
    /// key store without this limit.
    #[error(
        "the message has {actual} bytes and the key store takes 1 to {most}; \
         sign another one, or hold the key in a store without this limit"
    )]
    MessageLength {
        /// Its length in bytes.
        actual: usize,
        /// The most the key store takes, in bytes.
        most: usize,
    },

    /// The object is meant for a chain this signer does not sign for. Nothing was sent.
    ///
    /// Correct the object's chain id, or allow that chain on the signer.
    #[error(
        "refused to sign for {}, since this signer is limited to {}; \
         correct the chain id or allow it on the signer",
        Chain(*requested),
        Chains(allowed)
    )]
    ChainIdRefused {
        /// The chain id in the object; `None` when it is valid on every chain.
        requested: Option<u64>,
        /// The chain ids this signer signs for.
        allowed: Vec<u64>,
    },

    /// A bare hash names no chain, and this signer is limited to some. Nothing was sent.
    ///
    /// Sign the object itself, so that its chain id is checked, or allow bare hashes on the signer.
    #[error(
        "a bare hash names no chain, and this signer is limited to {}; {remedy}",
        Chains(allowed)
    )]
    BareHashRefused {
        /// The chain ids this signer signs for.
        allowed: Vec<u64>,
        /// What to call instead, in the terms of the chain.
        remedy: &'static str,
    },

    /// The object cannot be encoded for signing. The source says why.
    #[error("{what} cannot be encoded for signing; correct what the source names")]
    InvalidPayload {
        /// The kind of object.
        what: &'static str,
        /// What the encoder said.
        source: BoxError,
    },

    /// The signature is valid but cannot be written in the form that is needed.
    #[error("the signature cannot be written in this form: {fault}")]
    UnencodableSignature {
        /// What does not fit, and what to do.
        fault: EncodingFault,
    },

    /// The provider was built from settings that do not fit together.
    #[error("invalid configuration: {reason}")]
    InvalidConfig {
        /// What does not fit, and what to do.
        reason: String,
    },

    /// The key store holds a key that cannot be used as a signer.
    #[error("key refused{}: {fault}", Of(receipt))]
    KeyRefused {
        /// What is wrong with it.
        fault: KeyFault,
        /// The call that described the key.
        receipt: Option<Box<Receipt>>,
    },

    /// The key store answered for another key than the one that is pinned or was asked for.
    ///
    /// Nothing was released. Most often an alias was pointed at another key. If that was intended,
    /// make a new signer: it has another public key and so another address.
    #[error(
        "the answer is from key {returned} and not from {pinned}{}; \
         if an alias was moved on purpose make a new signer, which has another public key, \
         otherwise point it back",
        Of(receipt)
    )]
    KeyMoved {
        /// The key that is pinned, or was asked for.
        pinned: String,
        /// The key that answered.
        returned: String,
        /// The call in which it was noticed.
        receipt: Option<Box<Receipt>>,
    },

    /// The key store answered with success, but the answer is not usable.
    #[error("unusable answer from the key store{}: {fault}", Of(receipt))]
    UnusableAnswer {
        /// What is wrong with it.
        fault: AnswerFault,
        /// The call it answers.
        receipt: Option<Box<Receipt>>,
    },

    /// The key store, or the way to it, failed.
    ///
    /// See [`KeyStoreFault`] for what to do; the message ends with the remedy.
    #[error("{fault}{}{}; {remedy}", Code(code), Of(receipt))]
    KeyStore {
        /// The kind of failure.
        fault: KeyStoreFault,
        /// The key store's own name for it, for example `AccessDeniedException`; `HTTP` and the
        /// status when it gave none.
        code: Option<String>,
        /// How long the key store asked to wait.
        retry_after: Option<Duration>,
        /// What to do, in the terms of this key store.
        remedy: String,
        /// The call that failed.
        receipt: Option<Box<Receipt>>,
        /// What the key store said, or else the client library.
        source: BoxError,
    },

    /// There was no signature within the time its caller gave it.
    ///
    /// Retry later, or give it more time. Whether a key store signed meanwhile is not known, and
    /// does no harm: nothing was released.
    #[error("no answer within {limit:?}, {stage}; retry later, or allow more time")]
    DeadlineExceeded {
        /// The time it was given.
        limit: Duration,
        /// What it was doing when the time was up, for example `while the signer was at work`.
        stage: &'static str,
    },

    /// As many requests wait for a client-side limit as are allowed to wait. Nothing was sent.
    ///
    /// Slow the caller down, or raise the limit if the key store's quota allows it.
    #[error(
        "the queue of the client-side limit, which has room for {capacity}, is full; retry later, \
         send fewer requests, or raise the limit if the key store's quota allows it"
    )]
    QueueFull {
        /// How many may wait.
        capacity: usize,
        /// When there may be room again.
        retry_after: Duration,
    },

    /// A client-side limit did not let the request go in time. Nothing was sent.
    ///
    /// Slow the caller down, allow more time, or raise the limit if the key store's quota allows it.
    #[error(
        "waited {limit:?} for the client-side limit; retry later, send fewer requests, \
         allow more time, or raise the limit if the key store's quota allows it"
    )]
    QueuedTooLong {
        /// How long it waited.
        limit: Duration,
    },

    /// The key signed, and the signature was not recorded. It was not returned.
    ///
    /// See [`AuditFault`] for what to do.
    #[error(
        "the signature was not recorded and so not returned{}; {fault}",
        Of(receipt)
    )]
    AuditFailed {
        /// Whether the cause passes by itself.
        fault: AuditFault,
        /// The call that made the signature.
        receipt: Option<Box<Receipt>>,
        /// What the sink said.
        source: BoxError,
    },

    /// The caller ended the work before this request was finished. Nothing was returned.
    #[error(
        "the caller cancelled it before it was finished; request it anew if it is still wanted"
    )]
    Cancelled,
}

impl Error {
    /// A short, stable name of the kind of error, for logs, metrics and records.
    ///
    /// These names do not change with the words of the message.
    pub fn kind(&self) -> &'static str {
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
            Self::ChainIdRefused { .. } => "chain_id_refused",
            Self::BareHashRefused { .. } => "bare_hash_refused",
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
                KeyStoreFault::Other => "other",
            },
            Self::DeadlineExceeded { .. } => "deadline_exceeded",
            Self::QueueFull { .. } => "queue_full",
            Self::QueuedTooLong { .. } => "queued_too_long",
            Self::AuditFailed { .. } => "audit_failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The key store's own code for the failure, for example `AccessDeniedException`, or `HTTP` and
    /// the status when it gave none.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::KeyStore { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// The call to the key store in which this happened; `None` when none was made.
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

    /// The key store's id of the failed request, to look it up in its log or give to its support.
    pub fn request_id(&self) -> Option<&str> {
        self.receipt().and_then(Receipt::request_id)
    }

    /// Adds the call in which the error happened, for providers.
    ///
    /// Errors that concern no call are returned unchanged.
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

/// Displays the call an error came from, as a parenthesis.
struct Of<'a>(&'a Option<Box<Receipt>>);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(receipt) => write!(f, " ({receipt})"),
            None => Ok(()),
        }
    }
}

struct Code<'a>(&'a Option<String>);

impl fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(code) => write!(f, " [{code}]"),
            None => Ok(()),
        }
    }
}

struct Kind(Option<KeyType>);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(key_type) => write!(f, "{key_type} "),
            None => Ok(()),
        }
    }
}

struct Chain(Option<u64>);

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, "chain {id}"),
            None => f.write_str("every chain at once (no chain id)"),
        }
    }
}

struct Chains<'a>(&'a [u64]);

impl fmt::Display for Chains<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            [] => "no chain at all",
            [_] => "chain ",
            _ => "chains ",
        })?;
        for (index, id) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{id}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
