//! What a signer is asked to sign.

use std::fmt;

use sha3::Digest as _;

use crate::{Error, KeyType, Result};

/// What to sign: the bytes themselves, together with the digest the core computed from them.
///
/// The request keeps its preimage, and nobody else computes the digest. Therefore what a policy
/// reads is what the key signs: a caller cannot show one thing and sign another.
///
/// ```
/// use kms_signer::SignRequest;
///
/// let request = SignRequest::keccak256(b"the bytes of a transaction");
/// assert_eq!(request.preimage(), Some(&b"the bytes of a transaction"[..]));
/// ```
#[derive(Clone)]
pub struct SignRequest<'a> {
    payload: Payload<'a>,
    label: Option<&'a str>,
}

#[derive(Clone)]
enum Payload<'a> {
    Hashed {
        hash: Hash,
        preimage: &'a [u8],
        digest: [u8; 32],
    },
    Message(&'a [u8]),
    Digest([u8; 32]),
}

#[derive(Clone, Copy, Debug)]
enum Hash {
    Keccak256,
    Sha256,
    Blake2b256,
}

/// The bytes that a key of a given type signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyInput<'a> {
    /// A digest for ECDSA, to be signed as it is and not hashed again.
    EcdsaPrehash(&'a [u8; 32]),
    /// A whole message for pure Ed25519 (RFC 8032 §5.1), which hashes it itself.
    Ed25519Message(&'a [u8]),
}

impl<'a> SignRequest<'a> {
    /// Signs the Keccak-256 hash of `preimage`, as Ethereum does. For ECDSA keys.
    pub fn keccak256(preimage: &'a [u8]) -> Self {
        Self::hashed(
            Hash::Keccak256,
            preimage,
            sha3::Keccak256::digest(preimage).into(),
        )
    }

    /// Signs the SHA-256 hash of `preimage` (FIPS 180-4). For ECDSA keys.
    pub fn sha256(preimage: &'a [u8]) -> Self {
        Self::hashed(
            Hash::Sha256,
            preimage,
            sha2::Sha256::digest(preimage).into(),
        )
    }

    /// Signs the BLAKE2b hash of `preimage` with 32 bytes of output (RFC 7693), as Tezos does.
    ///
    /// For every key type: ECDSA signs the digest, and Ed25519 takes the 32 bytes of the digest
    /// as its message, which is how Tezos signs with `tz1` keys.
    pub fn blake2b256(preimage: &'a [u8]) -> Self {
        Self::hashed(
            Hash::Blake2b256,
            preimage,
            blake2::Blake2b256::digest(preimage).into(),
        )
    }

    /// Signs the whole of `message` with Ed25519. ECDSA keys refuse it, since no hash was named.
    pub fn message(message: &'a [u8]) -> Self {
        Self {
            payload: Payload::Message(message),
            label: None,
        }
    }

    /// Names what this signature is for, for the audit record: an order, a payout, a job.
    ///
    /// It is not signed and not sent to the key store.
    #[must_use]
    pub fn with_label(mut self, label: &'a str) -> Self {
        self.label = Some(label);
        self
    }

    /// What the caller says this signature is for.
    pub fn label(&self) -> Option<&'a str> {
        self.label
    }

    /// The bytes that are judged and signed; `None` for a bare digest from [`hazmat`](crate::hazmat).
    pub fn preimage(&self) -> Option<&'a [u8]> {
        match self.payload {
            Payload::Hashed { preimage, .. } => Some(preimage),
            Payload::Message(message) => Some(message),
            Payload::Digest(_) => None,
        }
    }

    /// What a key of type `key` signs for this request. This is the only way to the bytes.
    ///
    /// # Errors
    ///
    /// [`Error::UnsupportedRequest`] when the request and the key type do not fit together, for
    /// example a whole message for an ECDSA key.
    pub fn input_for(&self, key: KeyType) -> Result<KeyInput<'_>> {
        match (&self.payload, key) {
            (
                Payload::Hashed { digest, .. } | Payload::Digest(digest),
                KeyType::Secp256k1 | KeyType::P256,
            ) => Ok(KeyInput::EcdsaPrehash(digest)),
            (Payload::Message(message), KeyType::Ed25519) => Ok(KeyInput::Ed25519Message(message)),
            (
                Payload::Hashed {
                    hash: Hash::Blake2b256,
                    digest,
                    ..
                },
                KeyType::Ed25519,
            ) => Ok(KeyInput::Ed25519Message(digest)),
            _ => Err(Error::UnsupportedRequest {
                request: self.kind(),
                key_type: key,
            }),
        }
    }

    pub(crate) fn from_digest(digest: [u8; 32]) -> Self {
        Self {
            payload: Payload::Digest(digest),
            label: None,
        }
    }

    fn hashed(hash: Hash, preimage: &'a [u8], digest: [u8; 32]) -> Self {
        Self {
            payload: Payload::Hashed {
                hash,
                preimage,
                digest,
            },
            label: None,
        }
    }

    /// The name of the constructor that made the request, for example `keccak256`; `prehashed` for
    /// a bare digest.
    pub fn kind(&self) -> &'static str {
        match self.payload {
            Payload::Hashed {
                hash: Hash::Keccak256,
                ..
            } => "keccak256",
            Payload::Hashed {
                hash: Hash::Sha256, ..
            } => "sha256",
            Payload::Hashed {
                hash: Hash::Blake2b256,
                ..
            } => "blake2b256",
            Payload::Message(_) => "message",
            Payload::Digest(_) => "prehashed",
        }
    }
}

impl KeyInput<'_> {
    /// 32 bytes that tell one input from another, for logs and audit records: the digest itself for
    /// ECDSA, and the SHA-256 hash of the message for Ed25519, which KMS and CloudTrail never show.
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
