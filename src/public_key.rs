//! Public keys: strict parsing of what a key store exports.

#[cfg(feature = "jwk")]
mod jwk;
mod text;

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use base16ct::HexDisplay;
use der::{Decode as _, asn1::ObjectIdentifier};
use k256::elliptic_curve::sec1::ToSec1Point as _;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use crate::{Error, KeyType, Result, error::PublicKeyFault};

/// `id-ecPublicKey` (RFC 5480 §2.1.1).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// `secp256k1` (SEC 2 §A.2).
const SECP256K1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");
/// `prime256v1`, which is P-256 (RFC 5480 §2.1.1.1).
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// `id-Ed25519` (RFC 8410 §3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// What stands before the key bytes: SEQUENCE, AlgorithmIdentifier, BIT STRING of whole bytes.
const SECP256K1_HEADER: [u8; 23] = [
    0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
    0x81, 0x04, 0x00, 0x0a, 0x03, 0x42, 0x00,
];
const P256_HEADER: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const ED25519_HEADER: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// A public key, valid by construction: on its curve, never the identity, never of small order.
///
/// ```
/// use kms_signer::{KeyType, PublicKey};
///
/// // What `aws kms get-public-key --query PublicKey --output text` prints.
/// # let printed = "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAETjuBr5wiNMrQnWec5gNe0TkjR85kzkBf\
/// #     Xc02Iool3m5H/TXEIV0e31Pm+D3jRGFc5xm9sP2Hj27XbwbdJ3lW3g==";
/// let key = PublicKey::from_spki_base64(printed)?;
/// assert_eq!(key.key_type(), KeyType::Secp256k1);
/// # Ok::<(), kms_signer::Error>(())
/// ```
///
/// | form | read | write |
/// |---|---|---|
/// | DER SubjectPublicKeyInfo (RFC 5280 §4.1) | [`from_spki_der`](Self::from_spki_der) | [`to_spki_der`](Self::to_spki_der) |
/// | the same in base64 | [`from_spki_base64`](Self::from_spki_base64) | [`to_spki_base64`](Self::to_spki_base64) |
/// | the same in PEM (RFC 7468 §13) | [`from_spki_pem`](Self::from_spki_pem) | [`to_spki_pem`](Self::to_spki_pem) |
/// | JSON Web Key (RFC 7517), feature `jwk` | `from_jwk` | `to_jwk` |
/// | bare bytes | [`from_bytes`](Self::from_bytes) | [`to_bytes`](Self::to_bytes) |
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    point: Point,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Point {
    Secp256k1(k256::PublicKey),
    P256(p256::PublicKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo (RFC 5280 §4.1), strictly.
    ///
    /// Exactly one encoding of each key is accepted:
    ///
    /// | key | bytes | layout |
    /// |---|---|---|
    /// | secp256k1 | 88 | 23-byte header, `04`, X (32, big-endian), Y (32, big-endian) |
    /// | P-256 | 91 | 26-byte header, `04`, X (32, big-endian), Y (32, big-endian) |
    /// | Ed25519 | 44 | 12-byte header, key (32, RFC 8032 §5.1.2) |
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPublicKey`], with a fault that says what is wrong.
    pub fn from_spki_der(der: &[u8]) -> Result<Self> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|error| match error.kind() {
            der::ErrorKind::TrailingData { .. } => refused(PublicKeyFault::TrailingData),
            _ => refused(PublicKeyFault::Malformed),
        })?;
        let key_type = key_type_of(&spki.algorithm)?;
        let bytes = spki
            .subject_public_key
            .as_bytes()
            .ok_or_else(|| refused(PublicKeyFault::Malformed))?;
        let key = Self::from_uncompressed(key_type, bytes)?;
        // One key, one encoding. The steps above name each fault; this one also rejects anything
        // that they, or a later version of the DER reader, might accept.
        match key.to_spki_der() == der {
            true => Ok(key),
            false => Err(refused(PublicKeyFault::Malformed)),
        }
    }

    /// Reads the bare key bytes of a key of the given type.
    ///
    /// | key | bytes |
    /// |---|---|
    /// | secp256k1, P-256 | SEC 1 §2.3.4: 65 (`04‖X‖Y`) or 33 (`02‖X` or `03‖X`) |
    /// | Ed25519 | RFC 8032 §5.1.2: 32 |
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPublicKey`].
    pub fn from_bytes(key_type: KeyType, bytes: &[u8]) -> Result<Self> {
        let point = match key_type {
            KeyType::Secp256k1 => Point::Secp256k1(
                k256::PublicKey::from_sec1_bytes(check_sec1(bytes)?)
                    .map_err(|_| refused(PublicKeyFault::NotOnCurve))?,
            ),
            KeyType::P256 => Point::P256(
                p256::PublicKey::from_sec1_bytes(check_sec1(bytes)?)
                    .map_err(|_| refused(PublicKeyFault::NotOnCurve))?,
            ),
            KeyType::Ed25519 => Point::Ed25519(ed25519_point(bytes)?),
        };
        Ok(Self { point })
    }

    /// The type of the key.
    pub fn key_type(&self) -> KeyType {
        match self.point {
            Point::Secp256k1(_) => KeyType::Secp256k1,
            Point::P256(_) => KeyType::P256,
            Point::Ed25519(_) => KeyType::Ed25519,
        }
    }

    /// Writes the DER SubjectPublicKeyInfo that [`from_spki_der`](Self::from_spki_der) reads.
    pub fn to_spki_der(&self) -> Vec<u8> {
        let header: &[u8] = match self.key_type() {
            KeyType::Secp256k1 => &SECP256K1_HEADER,
            KeyType::P256 => &P256_HEADER,
            KeyType::Ed25519 => &ED25519_HEADER,
        };
        [header, &self.to_bytes()].concat()
    }

    /// The bare key bytes: `04‖X‖Y` (65 bytes, SEC 1 §2.3.3) for secp256k1 and P-256, and the
    /// 32 bytes of RFC 8032 §5.1.2 for Ed25519.
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.point {
            Point::Secp256k1(key) => key.to_sec1_point(false).as_bytes().to_vec(),
            Point::P256(key) => key.to_sec1_point(false).as_bytes().to_vec(),
            Point::Ed25519(key) => key.to_bytes().to_vec(),
        }
    }

    pub(crate) fn point(&self) -> &Point {
        &self.point
    }

    fn from_uncompressed(key_type: KeyType, bytes: &[u8]) -> Result<Self> {
        match (key_type, bytes.first()) {
            (KeyType::Secp256k1 | KeyType::P256, Some(2 | 3)) => {
                Err(refused(PublicKeyFault::NotUncompressed))
            }
            _ => Self::from_bytes(key_type, bytes),
        }
    }
}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key_type().hash(state);
        self.to_bytes().hash(state);
    }
}

/// Shows the type and the key in hexadecimal.
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key_type, bytes) = (self.key_type(), self.to_bytes());
        write!(f, "PublicKey({key_type}: {:x})", HexDisplay(&bytes))
    }
}

/// The key type that an algorithm identifier (RFC 5280 §4.1.1.2) names.
pub(crate) fn key_type_of(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<KeyType> {
    match algorithm.oid {
        EC_PUBLIC_KEY => match algorithm.parameters_oid() {
            Ok(SECP256K1) => Ok(KeyType::Secp256k1),
            Ok(P256) => Ok(KeyType::P256),
            _ => Err(refused(PublicKeyFault::UnsupportedCurve)),
        },
        ED25519 => match algorithm.parameters {
            None => Ok(KeyType::Ed25519),
            // RFC 8410 §3: the parameters must be absent.
            Some(_) => Err(refused(PublicKeyFault::Malformed)),
        },
        _ => Err(refused(PublicKeyFault::UnsupportedAlgorithm)),
    }
}

/// Checks tag and length, so that a later error of the curve crate means that the point is off the
/// curve.
fn check_sec1(bytes: &[u8]) -> Result<&[u8]> {
    match (bytes.first(), bytes.len()) {
        (Some(0), 1) => Err(refused(PublicKeyFault::Identity)),
        (Some(4), 65) | (Some(2 | 3), 33) => Ok(bytes),
        (Some(0 | 1 | 5..), 65 | 33) => Err(refused(PublicKeyFault::PointFormat)),
        _ => Err(refused(PublicKeyFault::Length)),
    }
}

fn ed25519_point(bytes: &[u8]) -> Result<ed25519_dalek::VerifyingKey> {
    let bytes: &[u8; 32] = bytes
        .try_into()
        .map_err(|_| refused(PublicKeyFault::Length))?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes)
        .map_err(|_| refused(PublicKeyFault::NotOnCurve))?;
    // The library reads encodings with y ≥ p too; two encodings of one key would be two addresses.
    if key.to_edwards().compress().as_bytes() != bytes {
        return Err(refused(PublicKeyFault::NotCanonical));
    }
    match key.is_weak() {
        true => Err(refused(PublicKeyFault::SmallOrder)),
        false => Ok(key),
    }
}

fn refused(fault: PublicKeyFault) -> Error {
    Error::invalid_public_key(fault)
}

#[cfg(test)]
mod tests;
