//! The one error type, and what a caller may do about each case.

use std::{error::Error as StdError, fmt, time::Duration};

use crate::{KeyType, signer::Receipt};

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
    #[error("the operating system's random number generator failed; no key was made")]
    Randomness {
        /// What the operating system said.
        source: BoxError,
    },

    /// The key store's signature is malformed. Nothing was released.
    ///
    /// A key store that returns such bytes is defective or is not the one you think it is.
    #[error(
        "signature refused{}: {fault}; find out what answers in the key store's place",
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
    /// else was signed: check what stands between you and the key store before you try again.
    #[error(
        "signature refused{}: it does not verify under the pinned public key; compare that with the \
         one the key store exports, and if they are the same find out what answered",
        Of(receipt)
    )]
    SignatureNotVerified {
        /// The call that returned it, when a provider made one.
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
        /// The constructor that made the request.
        request: &'static str,
        /// The type of the key.
        key_type: KeyType,
    },

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

    /// The object cannot be encoded for signing. The source says why.
    #[error("{what} cannot be encoded for signing; correct it and try again")]
    InvalidPayload {
        /// The kind of object.
        what: &'static str,
        /// What the encoder said.
        source: BoxError,
    },

    /// The signature is valid but cannot be written in the form that is needed.
    ///
    /// For Ethereum: the nonce point's x coordinate is not below the group order (1 in 2^127), so
    /// sign again; or EIP-155's `v` does not fit into one byte, so ask for another form.
    #[error("the signature cannot be written in this form: {reason}")]
    UnencodableSignature {
        /// What does not fit.
        reason: &'static str,
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
}

/// What is wrong with a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeyFault {
    /// Not a DER SubjectPublicKeyInfo: truncated, or not DER.
    #[error(
        "not a DER SubjectPublicKeyInfo (RFC 5280 §4.1); pass the whole DER, not PEM or base64"
    )]
    Malformed,
    /// Bytes follow the key.
    #[error("bytes follow the key; pass the DER alone")]
    TrailingData,
    /// Neither an EC nor an Ed25519 key.
    #[error("its algorithm is neither id-ecPublicKey nor id-Ed25519; use an EC or Ed25519 key")]
    UnsupportedAlgorithm,
    /// An EC key on another curve, or without a named curve.
    #[error("its curve is neither secp256k1 nor P-256; use a key on one of these curves")]
    UnsupportedCurve,
    /// The key bytes have the wrong length.
    #[error(
        "its key bytes have the wrong length; an EC point has 65 (04‖X‖Y) or 33 (02‖X or 03‖X), \
         an Ed25519 key 32"
    )]
    Length,
    /// The point is of the right length, and does not begin with 02, 03 or 04 as SEC 1 §2.3.3 asks.
    #[error("its point does not begin with 02, 03 or 04 (SEC 1 §2.3.3); pass 04‖X‖Y")]
    PointFormat,
    /// The point is not written uncompressed (SEC 1 §2.3.3, first byte 4).
    #[error("its point is not uncompressed (SEC 1 §2.3.3); convert it to the uncompressed form")]
    NotUncompressed,
    /// The coordinates do not satisfy the curve equation.
    #[error("its point is not on the curve; export the key again")]
    NotOnCurve,
    /// The point at infinity.
    #[error("its point is the identity, which belongs to no secret key")]
    Identity,
    /// An Ed25519 point of small order, for which signatures prove nothing.
    #[error("its point has small order, so signatures under it prove nothing")]
    SmallOrder,
    /// An Ed25519 point not written in its canonical form (RFC 8032 §5.1.3).
    #[error("its point is not in canonical form (RFC 8032 §5.1.3)")]
    NotCanonical,
}

/// What is wrong with a signature as the key store returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureFault {
    /// Not a DER `ECDSA-Sig-Value` (RFC 3279 §2.2.3), or not in shortest form.
    #[error("not a DER ECDSA-Sig-Value (RFC 3279 §2.2.3)")]
    Malformed,
    /// Bytes follow the signature, or follow `s` inside it.
    #[error("bytes follow the signature")]
    TrailingData,
    /// `r` or `s` is negative.
    #[error("r or s is negative")]
    Negative,
    /// `r` or `s` carries more leading zeros than DER allows.
    #[error("r or s is not in its shortest form")]
    Padded,
    /// `r` or `s` is zero.
    #[error("r or s is zero")]
    Zero,
    /// `r` or `s` is not below the group order.
    #[error("r or s is not below the group order")]
    OutOfRange,
    /// A fixed-width signature is not 64 bytes long.
    #[error("a fixed-width signature has 64 bytes and this one does not")]
    Length,
    /// The encoding does not belong to this type of key.
    #[error("a DER signature was returned for an Ed25519 key")]
    WrongEncoding,
}

/// Why a key in a key store cannot be used as a signer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// The key's type is not one this crate signs with.
    #[error("its spec is {actual}; create a key with one of {expected}")]
    Spec {
        /// The key's spec, in the key store's words.
        actual: String,
        /// The specs that are accepted.
        expected: &'static str,
    },
    /// The key is not for signing.
    #[error("its usage is {actual}; create a key with usage {expected}, since usage cannot change")]
    Usage {
        /// The key's usage, in the key store's words.
        actual: String,
        /// The usage that is accepted.
        expected: &'static str,
    },
    /// The key does not offer the algorithm its type needs.
    #[error("it offers the algorithms [{actual}] and not {expected}; create a key that does")]
    Algorithm {
        /// The algorithms offered, in the key store's words.
        actual: String,
        /// The algorithm that is needed.
        expected: String,
    },
    /// What the key store says of the key contradicts its public key.
    #[error("its spec says {described} and its public key is {actual}; do not trust this answer")]
    Contradiction {
        /// The type the key store named.
        described: KeyType,
        /// The type of the public key.
        actual: KeyType,
    },
    /// Its public key is not acceptable.
    #[error("its public key is not acceptable: {0}")]
    PublicKey(PublicKeyFault),
}

/// Why a key store's successful answer is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerFault {
    /// A field that is always there is not. A proxy may have cut the answer: try again.
    #[error("it lacks `{field}`; try again, and check for a proxy in between if it persists")]
    Missing {
        /// The field's name in the key store's protocol.
        field: &'static str,
    },
    /// Another algorithm was used than was asked for. Do not retry.
    #[error("it used {actual} where {expected} was asked for; check what answered")]
    Algorithm {
        /// The algorithm that was used.
        actual: String,
        /// The algorithm that was asked for.
        expected: String,
    },
}

/// The kinds of failure of a key store, or of the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreFault {
    /// The caller may not do this with this key. Grant the permission.
    #[error("access to the key was denied")]
    AccessDenied,
    /// The credentials are missing, expired, or not accepted. Renew them.
    #[error("there are no credentials, or they were not accepted")]
    Credentials,
    /// There is no such key or alias in this account and region.
    #[error("the key was not found")]
    NotFound,
    /// The key is disabled. Enable it.
    #[error("the key is disabled")]
    Disabled,
    /// The key is pending deletion, pending import, or otherwise not usable.
    #[error("the key is in a state that does not allow this")]
    InvalidState,
    /// The key is for another usage or algorithm.
    #[error("the key cannot be used in this way")]
    InvalidUsage,
    /// The key store did not understand the request.
    #[error("the key store refused the request as invalid")]
    InvalidRequest,
    /// Too many requests. Retry after a pause.
    #[error("the key store is throttling requests")]
    Throttled,
    /// The key store is not available at the moment. Retry.
    #[error("the key store is temporarily unavailable")]
    Unavailable,
    /// No answer came in time. Retry.
    #[error("the key store did not answer in time")]
    Timeout,
    /// The key store could not be reached. Retry.
    #[error("the key store could not be reached")]
    Connection,
    /// A failure this crate does not know. Do not retry without looking at the source.
    #[error("the key store failed")]
    Other,
}

impl Error {
    /// Whether the same request may succeed later without any change.
    ///
    /// Signing twice is harmless: only verified signatures are released, and both are over the
    /// same bytes. True for throttling, timeouts, lost connections, a key store that is
    /// temporarily unavailable, and a successful answer that came incomplete.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::KeyStore { fault, .. } => matches!(
                fault,
                KeyStoreFault::Throttled
                    | KeyStoreFault::Unavailable
                    | KeyStoreFault::Timeout
                    | KeyStoreFault::Connection
            ),
            Self::UnusableAnswer { fault, .. } => matches!(fault, AnswerFault::Missing { .. }),
            _ => false,
        }
    }

    /// Whether the key store asked for fewer requests. Such an error is also retryable.
    pub fn is_throttled(&self) -> bool {
        matches!(
            self,
            Self::KeyStore {
                fault: KeyStoreFault::Throttled,
                ..
            }
        )
    }

    /// How long the key store asked to wait before the next attempt, when it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::KeyStore { retry_after, .. } => *retry_after,
            _ => None,
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
            | Self::KeyRefused { receipt, .. }
            | Self::KeyMoved { receipt, .. }
            | Self::UnusableAnswer { receipt, .. }
            | Self::KeyStore { receipt, .. } => receipt.as_deref(),
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
            | Self::KeyRefused { receipt, .. }
            | Self::KeyMoved { receipt, .. }
            | Self::UnusableAnswer { receipt, .. }
            | Self::KeyStore { receipt, .. } => *receipt = Some(Box::new(call)),
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
