//! The `fault` of each [`enum@Error`](super::Error): what is wrong, in detail.
//!
//! `Display` says what is wrong, and [`Error::remedy`](super::Error::remedy) what to do.

use std::borrow::Cow;

use super::Verdict;
use crate::{
    KeyType,
    text::{MAX_NAME, MAX_SENTENCE, cleaned},
};

/// What is wrong with a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeyFault {
    /// Not a DER SubjectPublicKeyInfo: truncated, or not DER.
    #[error("not a DER SubjectPublicKeyInfo (RFC 5280 §4.1)")]
    Malformed,
    /// Not base64 on one line, with padding (RFC 4648 §4).
    #[error("not base64 on one line with padding (RFC 4648 §4)")]
    Base64,
    /// Not exactly one PEM block `PUBLIC KEY` in lines of 64 characters (RFC 7468).
    #[error("not one PEM block `PUBLIC KEY` in lines of 64 characters (RFC 7468 §13)")]
    Pem,
    /// Not a JSON Web Key (RFC 7517), or one with a missing or repeated member.
    #[error("not a JSON Web Key (RFC 7517) with `kty`, `crv`, `x` and, for EC alone, `y`")]
    Jwk,
    /// A coordinate of a JSON Web Key is not 32 bytes in base64url without padding.
    #[error("its `x` or `y` is not 32 bytes in base64url without padding")]
    JwkCoordinate,
    /// A JSON Web Key with its secret part. Replace that key if others have seen the text.
    #[error("it holds a secret key (`d`)")]
    JwkSecret,
    /// The `alg`, `use` or `key_ops` of a JSON Web Key are not for signatures of its curve.
    #[error("its `alg`, `use` or `key_ops` is not for signatures of its curve")]
    JwkUsage,
    /// The text is longer than any public key.
    #[error("its text is longer than any key")]
    TooLong,
    /// Bytes follow the key.
    #[error("bytes follow the key")]
    TrailingData,
    /// Neither an EC nor an Ed25519 key.
    #[error("its algorithm is neither id-ecPublicKey nor id-Ed25519")]
    UnsupportedAlgorithm,
    /// An EC key on another curve, or without a named curve.
    #[error("its curve is neither secp256k1 nor P-256")]
    UnsupportedCurve,
    /// The key bytes have the wrong length.
    #[error("its key bytes have the wrong length")]
    Length,
    /// The point has the right length but does not begin with 02, 03 or 04 (SEC 1 §2.3.3).
    #[error("its point does not begin with 02, 03 or 04 (SEC 1 §2.3.3)")]
    PointFormat,
    /// The point is not in uncompressed form (SEC 1 §2.3.3, first byte 4).
    #[error("its point is not uncompressed (SEC 1 §2.3.3)")]
    NotUncompressed,
    /// The coordinates do not satisfy the curve equation.
    #[error("its point is not on the curve")]
    NotOnCurve,
    /// The point at infinity.
    #[error("its point is the identity, which belongs to no secret key")]
    Identity,
    /// An Ed25519 point of small order: signatures under it prove nothing.
    #[error("its point has small order, so signatures under it prove nothing")]
    SmallOrder,
    /// An Ed25519 point that is not in canonical form (RFC 8032 §5.1.3).
    #[error("its point is not in canonical form (RFC 8032 §5.1.3)")]
    NotCanonical,
}

/// What is wrong with the signature that the key store returned.
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
    /// `r` or `s` has more leading zeros than DER allows.
    #[error("r or s is not in its shortest form")]
    Padded,
    /// `r` or `s` is zero.
    #[error("r or s is zero")]
    Zero,
    /// `r` or `s` is not below the group order.
    #[error("r or s is not below the group order")]
    OutOfRange,
    /// A fixed-width signature is not 64 bytes long.
    #[error("it is not 64 bytes long, as a fixed-width signature must be")]
    Length,
    /// The encoding is for another type of key.
    #[error("a DER signature was returned for an Ed25519 key")]
    WrongEncoding,
}

/// Why a key in a key store cannot be used as a signer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// This crate does not support the key's type.
    #[error("its spec is {actual}")]
    #[non_exhaustive]
    Spec {
        /// The key's spec, as the key store names it.
        actual: String,
        /// The specs that are accepted.
        expected: Cow<'static, str>,
    },
    /// The key is not for signing.
    #[error("its usage is {actual}")]
    #[non_exhaustive]
    Usage {
        /// The key's usage, as the key store names it.
        actual: String,
        /// The usage that is accepted.
        expected: Cow<'static, str>,
    },
    /// The key does not offer the algorithm that its type needs.
    #[error("it offers the algorithms [{actual}] and not {expected}")]
    #[non_exhaustive]
    Algorithm {
        /// The algorithms offered, as the key store names them.
        actual: String,
        /// The required algorithm.
        expected: Cow<'static, str>,
    },
    /// The key store's description of the key contradicts its public key.
    #[error("its spec says {described} and its public key is {actual}")]
    #[non_exhaustive]
    Contradiction {
        /// The type the key store named.
        described: KeyType,
        /// The type of the public key.
        actual: KeyType,
    },
    /// This crate does not accept its public key.
    #[error("its public key is not acceptable: {0}")]
    PublicKey(PublicKeyFault),
    /// Its public key is not the pinned one.
    #[error("its public key is not the pinned one, so its signatures would all be rejected")]
    AnotherPublicKey,
}

/// Why a key store's successful answer is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerFault {
    /// A field that every answer has is missing. A proxy may have cut the answer: retry.
    #[error("it lacks `{field}`")]
    #[non_exhaustive]
    Missing {
        /// The field's name in the key store's protocol.
        field: Cow<'static, str>,
    },
    /// The answer is longer than any answer of the key store, and was not read to its end. Do not
    /// retry.
    #[error("it has more than {most} bytes, which no answer of the key store has")]
    #[non_exhaustive]
    TooLong {
        /// How many bytes are read at most.
        most: usize,
    },
    /// The answer does not name a key: its name is malformed or an alias. Do not retry.
    #[error("it names `{actual}` as its key, which cannot be one")]
    #[non_exhaustive]
    Key {
        /// The name in the answer.
        actual: String,
    },
    /// The key store used another algorithm than the requested one. Do not retry.
    #[error("it used {actual} where {expected} was requested")]
    #[non_exhaustive]
    Algorithm {
        /// The algorithm that was used.
        actual: String,
        /// The requested algorithm.
        expected: Cow<'static, str>,
    },
}

/// Why a signature was not recorded, and so whether a retry helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AuditFault {
    /// The sink was busy or interrupted, for example because another program kept the file locked.
    /// Sign again.
    #[error("the sink was busy")]
    Temporary,
    /// The sink cannot write until an operator acts: the disk is full, a permission or a folder is
    /// missing. Correct that first.
    #[error("the sink cannot write")]
    Permanent,
}

/// Why a signature cannot be written in the requested form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum EncodingFault {
    /// The nonce point's x coordinate is not below the group order, which Ethereum cannot express.
    /// It happens to 1 signature in 2^127. Sign again: the key store chooses another nonce.
    #[error("its nonce point's x is not below the group order (1 in 2^127)")]
    ReducedX,
    /// The `v` of EIP-155 does not fit into one byte. Use another form.
    #[error("the EIP-155 v of this chain id does not fit into one byte")]
    VTooLarge,
}

impl KeyFault {
    /// Makes a [`Spec`](Self::Spec): the key has `actual` and one of `expected` is needed.
    pub fn spec(actual: impl Into<String>, expected: impl Into<Cow<'static, str>>) -> Self {
        let (actual, expected) = (named(actual), cleaned(expected, MAX_NAME));
        Self::Spec { actual, expected }
    }

    /// Makes a [`Usage`](Self::Usage): the key has `actual` and `expected` is needed.
    pub fn usage(actual: impl Into<String>, expected: impl Into<Cow<'static, str>>) -> Self {
        let (actual, expected) = (named(actual), cleaned(expected, MAX_NAME));
        Self::Usage { actual, expected }
    }

    /// Makes an [`Algorithm`](Self::Algorithm): the key offers `actual` and `expected` is needed.
    pub fn algorithm(actual: impl Into<String>, expected: impl Into<Cow<'static, str>>) -> Self {
        let (actual, expected) = (named(actual), cleaned(expected, MAX_NAME));
        Self::Algorithm { actual, expected }
    }

    /// Makes a [`Contradiction`](Self::Contradiction): the key store says `described` and the
    /// public key is `actual`.
    pub fn contradiction(described: KeyType, actual: KeyType) -> Self {
        Self::Contradiction { described, actual }
    }
}

impl AnswerFault {
    /// Makes a [`Missing`](Self::Missing).
    pub fn missing(field: impl Into<Cow<'static, str>>) -> Self {
        let field = cleaned(field, MAX_NAME);
        Self::Missing { field }
    }

    /// Makes a [`TooLong`](Self::TooLong) for an answer of more than `most` bytes.
    pub fn too_long(most: usize) -> Self {
        Self::TooLong { most }
    }

    /// Makes a [`Key`](Self::Key): the answer names `actual` as its key.
    pub fn key(actual: impl Into<String>) -> Self {
        let actual = named(actual);
        Self::Key { actual }
    }

    /// Makes an [`Algorithm`](Self::Algorithm): the answer used `actual` where `expected` was
    /// requested.
    pub fn algorithm(actual: impl Into<String>, expected: impl Into<Cow<'static, str>>) -> Self {
        let (actual, expected) = (named(actual), cleaned(expected, MAX_NAME));
        Self::Algorithm { actual, expected }
    }
}

/// What a key store calls something, cut and cleaned.
fn named(text: impl Into<String>) -> String {
    cleaned(text.into(), MAX_SENTENCE).into_owned()
}

/// What failed in a key store, in the credentials for it, or in the connection to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreFault {
    /// The caller has no permission to do this with this key. Grant it.
    #[error("access to the key was denied")]
    AccessDenied,
    /// The credentials are missing, expired or rejected. Renew them.
    #[error("the credentials are missing or were rejected")]
    Credentials,
    /// There is no such key or alias in this account and region.
    #[error("the key was not found")]
    NotFound,
    /// The key is disabled. Enable it.
    #[error("the key is disabled")]
    Disabled,
    /// The key is pending deletion, pending import, or not usable for another reason. Check its
    /// state; a pending deletion can be cancelled.
    #[error("the key is in a state that does not allow this")]
    InvalidState,
    /// The key is for another usage or algorithm. Create a key for signing, or configure the right
    /// one.
    #[error("the key cannot be used in this way")]
    InvalidUsage,
    /// The key store rejected the request as invalid. Correct what the source names.
    #[error("the key store rejected the request as invalid")]
    InvalidRequest,
    /// Too many requests. Retry after a pause.
    #[error("the key store is throttling requests")]
    Throttled,
    /// The key store is not available at the moment. Retry.
    #[error("the key store is temporarily unavailable")]
    Unavailable,
    /// The key store did not answer in time. Retry.
    #[error("the key store did not answer in time")]
    Timeout,
    /// The key store could not be reached. Retry.
    #[error("the key store could not be reached")]
    Connection,
    /// The endpoint is not the key store: its certificate is not valid for it, it speaks no TLS or
    /// no HTTP, or a proxy rejects the caller. Correct the endpoint, the proxy or the trust store;
    /// do not retry.
    #[error("the endpoint is not the key store")]
    WrongEndpoint,
    /// A failure that only this provider has. The verdict says whether a retry helps, the remedy
    /// what to do: see [`Error::provider`](super::Error::provider).
    #[error("the key store failed")]
    Provider(Verdict),
    /// A failure that this crate does not know. Read the source before you retry.
    #[error("the key store failed")]
    Other,
}
