//! Requests: the bytes to sign, and the digest computed from them.

mod kind;
pub(crate) mod opening;

use std::{borrow::Cow, fmt};

use sha3::Digest as _;

pub use self::kind::RequestKind;
use self::opening::SharedOpening;
use crate::{Error, KeyType, Result};

/// The length of a digest in bytes, for every hash.
const DIGEST_LEN: usize = 32;

/// A request to sign: the bytes, and the digest that this crate computed from them.
///
/// The request keeps its preimage and computes the digest itself, so a policy reads exactly what
/// the key signs: a caller cannot show one thing and sign another.
///
/// ```
/// use kms_signer::SignRequest;
///
/// let request = SignRequest::keccak256(b"the bytes of a transaction");
/// assert_eq!(request.preimage(), Some(&b"the bytes of a transaction"[..]));
/// ```
///
/// It borrows the preimage and the label. [`into_owned`](Self::into_owned) returns one that you can
/// keep or send elsewhere, such as into a queue:
///
/// ```
/// use kms_signer::{RequestKind, SignRequest};
///
/// # fn transaction() -> Vec<u8> { vec![1, 2, 3] }
/// fn next() -> SignRequest<'static> {
///     SignRequest::keccak256(&transaction()).with_label("payout 4711").into_owned()
/// }
/// assert_eq!(next().kind(), RequestKind::Keccak256);
/// ```
///
/// Some preimages consist of hashes and show little: that of EIP-712 typed data is two hashes. A
/// chain adapter makes such a request from its *opening*, the typed object behind the preimage, and
/// a policy reads the opening: see [`opening`](Self::opening).
#[derive(Clone)]
pub struct SignRequest<'a> {
    payload: Payload<'a>,
    label: Option<Cow<'a, str>>,
    opening: Option<SharedOpening>,
}

#[derive(Clone)]
enum Payload<'a> {
    Hashed {
        hash: Hash,
        preimage: Cow<'a, [u8]>,
        digest: [u8; DIGEST_LEN],
    },
    Message(Cow<'a, [u8]>),
    /// For ECDSA.
    Prehashed([u8; DIGEST_LEN]),
    /// For Ed25519.
    PrehashedMessage([u8; DIGEST_LEN]),
}

/// The hash that makes a digest of a preimage.
#[derive(Clone, Copy, Debug)]
enum Hash {
    Keccak256,
    Sha256,
    Blake2b256,
}

impl Hash {
    fn digest(self, preimage: &[u8]) -> [u8; DIGEST_LEN] {
        match self {
            Self::Keccak256 => sha3::Keccak256::digest(preimage).into(),
            Self::Sha256 => sha2::Sha256::digest(preimage).into(),
            Self::Blake2b256 => blake2::Blake2b256::digest(preimage).into(),
        }
    }
}

/// The bytes that a key of a given type signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyInput<'a> {
    /// A digest for ECDSA. Sign it as it is; do not hash it again.
    EcdsaPrehash(&'a [u8; 32]),
    /// A whole message for pure Ed25519 (RFC 8032 §5.1), which does its own hashing.
    Ed25519Message(&'a [u8]),
}

impl<'a> SignRequest<'a> {
    /// Signs the Keccak-256 hash of `preimage`, as Ethereum does. For ECDSA keys.
    pub fn keccak256(preimage: &'a [u8]) -> Self {
        Self::hashed(Hash::Keccak256, preimage.into())
    }

    /// Signs the SHA-256 hash of `preimage` (FIPS 180-4). For ECDSA keys.
    pub fn sha256(preimage: &'a [u8]) -> Self {
        Self::hashed(Hash::Sha256, preimage.into())
    }

    /// Signs the BLAKE2b hash of `preimage` with 32 bytes of output (RFC 7693), as Tezos does.
    ///
    /// For every key type: ECDSA signs the digest, and Ed25519 signs the 32 bytes of the digest as
    /// its message, as Tezos does with `tz1` keys.
    pub fn blake2b256(preimage: &'a [u8]) -> Self {
        Self::hashed(Hash::Blake2b256, preimage.into())
    }

    /// Signs the whole `message` with Ed25519 (RFC 8032 §5.1). ECDSA keys reject it, because it
    /// names no hash.
    ///
    /// A message of exactly 32 bytes is rejected with [`Error::AmbiguousMessage`], because it may
    /// be the digest of something else. Tezos signs operations by taking a BLAKE2b digest as the
    /// message, so a service that signs any message would sign any operation. To sign a digest, use
    /// [`blake2b256`](Self::blake2b256), which keeps the preimage, or
    /// [`hazmat::prehashed_message`](crate::hazmat::prehashed_message).
    pub fn message(message: &'a [u8]) -> Self {
        Self::new(Payload::Message(message.into()))
    }

    /// Adds what this signature is for, such as an order, a payout or a job, for the audit record.
    ///
    /// The label is not signed, and the key store does not see it.
    #[must_use]
    pub fn with_label(mut self, label: &'a str) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The label: what the caller says this signature is for.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Which hash the request uses, if any, for policies and records.
    pub fn kind(&self) -> RequestKind {
        match &self.payload {
            Payload::Hashed { hash, .. } => match hash {
                Hash::Keccak256 => RequestKind::Keccak256,
                Hash::Sha256 => RequestKind::Sha256,
                Hash::Blake2b256 => RequestKind::Blake2b256,
            },
            Payload::Message(_) => RequestKind::Message,
            Payload::Prehashed(_) => RequestKind::Prehashed,
            Payload::PrehashedMessage(_) => RequestKind::PrehashedMessage,
        }
    }

    /// The preimage or message, for a policy to judge; `None` for a bare digest from
    /// [`hazmat`](crate::hazmat).
    pub fn preimage(&self) -> Option<&[u8]> {
        match &self.payload {
            Payload::Hashed { preimage, .. } => Some(preimage),
            Payload::Message(message) => Some(message),
            Payload::Prehashed(_) | Payload::PrehashedMessage(_) => None,
        }
    }

    /// Copies the borrowed preimage and label, so that the request can be kept. It keeps the digest
    /// and shares the [`opening`](Self::opening).
    pub fn into_owned(self) -> SignRequest<'static> {
        SignRequest {
            payload: match self.payload {
                Payload::Hashed {
                    hash,
                    preimage,
                    digest,
                } => Payload::Hashed {
                    hash,
                    preimage: preimage.into_owned().into(),
                    digest,
                },
                Payload::Message(message) => Payload::Message(message.into_owned().into()),
                Payload::Prehashed(digest) => Payload::Prehashed(digest),
                Payload::PrehashedMessage(digest) => Payload::PrehashedMessage(digest),
            },
            label: self.label.map(|label| label.into_owned().into()),
            opening: self.opening,
        }
    }

    /// The bytes that a key of type `key` signs for this request. A provider takes them from here.
    ///
    /// # Errors
    ///
    /// - [`Error::UnsupportedRequest`] when a key of this type cannot sign the request, for example
    ///   a whole message with an ECDSA key.
    /// - [`Error::AmbiguousMessage`] for a [`message`](Self::message) of 32 bytes.
    pub fn input_for(&self, key: KeyType) -> Result<KeyInput<'_>> {
        match (&self.payload, key) {
            (
                Payload::Hashed { digest, .. } | Payload::Prehashed(digest),
                KeyType::Secp256k1 | KeyType::P256,
            ) => Ok(KeyInput::EcdsaPrehash(digest)),
            (Payload::Message(message), KeyType::Ed25519) => match message.len() {
                DIGEST_LEN => Err(Error::AmbiguousMessage),
                _ => Ok(KeyInput::Ed25519Message(message)),
            },
            (
                Payload::Hashed {
                    hash: Hash::Blake2b256,
                    digest,
                    ..
                }
                | Payload::PrehashedMessage(digest),
                KeyType::Ed25519,
            ) => Ok(KeyInput::Ed25519Message(digest)),
            _ => Err(Error::unsupported_request(self.kind(), key)),
        }
    }

    /// For `hazmat` alone.
    pub(crate) fn prehashed(digest: [u8; DIGEST_LEN]) -> Self {
        Self::new(Payload::Prehashed(digest))
    }

    /// For `hazmat` alone.
    pub(crate) fn prehashed_message(digest: [u8; DIGEST_LEN]) -> Self {
        Self::new(Payload::PrehashedMessage(digest))
    }

    fn hashed(hash: Hash, preimage: Cow<'a, [u8]>) -> Self {
        let digest = hash.digest(&preimage);
        Self::new(Payload::Hashed {
            hash,
            preimage,
            digest,
        })
    }

    fn new(payload: Payload<'a>) -> Self {
        Self {
            payload,
            label: None,
            opening: None,
        }
    }
}

impl KeyInput<'_> {
    /// The bytes themselves: 32 for ECDSA, any number for Ed25519.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::EcdsaPrehash(digest) => *digest,
            Self::Ed25519Message(message) => message,
        }
    }

    /// 32 bytes that identify the input in logs and audit records: for ECDSA the digest itself, for
    /// Ed25519 the SHA-256 hash of the message. KMS and CloudTrail do not show that hash.
    pub fn fingerprint(&self) -> [u8; 32] {
        match self {
            Self::EcdsaPrehash(digest) => **digest,
            Self::Ed25519Message(message) => sha2::Sha256::digest(message).into(),
        }
    }
}

/// Shows the kind and size of the request, never its bytes.
impl fmt::Debug for SignRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignRequest")
            .field("kind", &self.kind())
            .field("preimage_bytes", &self.preimage().map(<[u8]>::len))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
