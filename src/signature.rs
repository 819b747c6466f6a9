//! Signatures: raw, as a key store returns them, and verified, as this crate returns them.

use std::sync::Arc;

use der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _, asn1::AnyRef};

use crate::{KeyType, PublicKey, error::SignatureFault};

/// A signature as a key store returned it, not yet verified.
///
/// [`Verifier::accept`](crate::Verifier::accept) turns it into a [`Signature`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum RawSignature<'a> {
    /// ASN.1 `ECDSA-Sig-Value` in DER (RFC 3279 §2.2.3): AWS KMS for ECDSA.
    Der(&'a [u8]),
    /// 64 bytes: `r‖s`, each 32 bytes big-endian, for ECDSA (PKCS#11); `R‖S` for Ed25519.
    Fixed(&'a [u8]),
}

/// A verified signature in canonical form.
///
/// Only [`Verifier::accept`](crate::Verifier::accept) makes one, so holding a `Signature` proves
/// that it verified under its [`public_key`](Self::public_key).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signature {
    /// ECDSA on secp256k1, low-s, with its recovery id.
    Secp256k1(Secp256k1Signature),
    /// ECDSA on P-256, low-s.
    P256(P256Signature),
    /// Pure Ed25519.
    Ed25519(Ed25519Signature),
}

impl Signature {
    /// The type of the key that made it.
    pub fn key_type(&self) -> KeyType {
        match self {
            Self::Secp256k1(_) => KeyType::Secp256k1,
            Self::P256(_) => KeyType::P256,
            Self::Ed25519(_) => KeyType::Ed25519,
        }
    }

    /// The key under which it verified.
    pub fn public_key(&self) -> &PublicKey {
        match self {
            Self::Secp256k1(signature) => &signature.public_key,
            Self::P256(signature) => &signature.public_key,
            Self::Ed25519(signature) => &signature.public_key,
        }
    }

    /// The signature with its recovery id, if it is one on secp256k1.
    pub fn as_secp256k1(&self) -> Option<&Secp256k1Signature> {
        match self {
            Self::Secp256k1(signature) => Some(signature),
            _ => None,
        }
    }

    /// The signature, if it is one on P-256.
    pub fn as_p256(&self) -> Option<&P256Signature> {
        match self {
            Self::P256(signature) => Some(signature),
            _ => None,
        }
    }

    /// The signature, if it is Ed25519.
    pub fn as_ed25519(&self) -> Option<&Ed25519Signature> {
        match self {
            Self::Ed25519(signature) => Some(signature),
            _ => None,
        }
    }

    /// The bytes, as many as the scheme has.
    ///
    /// | scheme | bytes | layout |
    /// |---|---|---|
    /// | ECDSA on secp256k1 or P-256 | 64 | `r` (32, big-endian), `s` (32, big-endian) |
    /// | Ed25519 | 64 | `R` (32), `S` (32, little-endian), RFC 8032 §5.1.6 |
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Secp256k1(signature) => signature.scalars.as_bytes(),
            Self::P256(signature) => signature.scalars.as_bytes(),
            Self::Ed25519(signature) => &signature.bytes,
        }
    }

    /// The DER `ECDSA-Sig-Value` (RFC 3279 §2.2.3), as X.509 and TLS write it: at most 72 bytes.
    /// `None` for Ed25519, whose signatures have no DER form (RFC 8410 §6).
    pub fn to_der(&self) -> Option<Vec<u8>> {
        match self {
            Self::Secp256k1(signature) => Some(signature.to_der()),
            Self::P256(signature) => Some(signature.to_der()),
            Self::Ed25519(_) => None,
        }
    }
}

/// An ECDSA signature on secp256k1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secp256k1Signature {
    public_key: Arc<PublicKey>,
    scalars: Scalars,
    y_is_odd: bool,
    x_is_reduced: bool,
}

impl Secp256k1Signature {
    /// Only the verifier calls this.
    pub(crate) fn new(
        public_key: Arc<PublicKey>,
        scalars: Scalars,
        y_is_odd: bool,
        x_is_reduced: bool,
    ) -> Self {
        Self {
            public_key,
            scalars,
            y_is_odd,
            x_is_reduced,
        }
    }

    /// `r`: 32 bytes, big-endian.
    pub fn r(&self) -> &[u8; 32] {
        self.scalars.r()
    }

    /// `s`: 32 bytes, big-endian, at most half the group order.
    pub fn s(&self) -> &[u8; 32] {
        self.scalars.s()
    }

    /// Whether the y coordinate of the nonce point R is odd: Ethereum's `yParity`.
    pub fn y_is_odd(&self) -> bool {
        self.y_is_odd
    }

    /// Whether the x coordinate of R was not below the group order (1 in 2^127).
    pub fn x_is_reduced(&self) -> bool {
        self.x_is_reduced
    }

    /// The recovery id of SEC 1 §4.1.6, from 0 to 3: bit 0 is the parity of y, bit 1 is set if x
    /// was reduced.
    pub fn recovery_id(&self) -> u8 {
        u8::from(self.y_is_odd) | u8::from(self.x_is_reduced) << 1
    }

    /// See [`Signature::to_der`].
    pub fn to_der(&self) -> Vec<u8> {
        self.scalars.to_der()
    }
}

/// An ECDSA signature on P-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct P256Signature {
    public_key: Arc<PublicKey>,
    scalars: Scalars,
}

impl P256Signature {
    /// Only the verifier calls this.
    pub(crate) fn new(public_key: Arc<PublicKey>, scalars: Scalars) -> Self {
        Self {
            public_key,
            scalars,
        }
    }

    /// `r`: 32 bytes, big-endian.
    pub fn r(&self) -> &[u8; 32] {
        self.scalars.r()
    }

    /// `s`: 32 bytes, big-endian, at most half the group order.
    pub fn s(&self) -> &[u8; 32] {
        self.scalars.s()
    }

    /// See [`Signature::to_der`].
    pub fn to_der(&self) -> Vec<u8> {
        self.scalars.to_der()
    }
}

/// An Ed25519 signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ed25519Signature {
    public_key: Arc<PublicKey>,
    bytes: [u8; 64],
}

impl Ed25519Signature {
    /// Only the verifier calls this.
    pub(crate) fn new(public_key: Arc<PublicKey>, bytes: [u8; 64]) -> Self {
        Self { public_key, bytes }
    }

    /// `R‖S`, 32 bytes each, little-endian as in RFC 8032 §5.1.6.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.bytes
    }
}

/// The two scalars of an ECDSA signature, 32 bytes big-endian each; their range is not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scalars([[u8; 32]; 2]);

impl Scalars {
    pub(crate) fn new(r: [u8; 32], s: [u8; 32]) -> Self {
        Self([r, s])
    }

    pub(crate) fn r(&self) -> &[u8; 32] {
        let [r, _] = &self.0;
        r
    }

    pub(crate) fn s(&self) -> &[u8; 32] {
        let [_, s] = &self.0;
        s
    }

    pub(crate) fn decode(raw: RawSignature<'_>) -> Result<Self, SignatureFault> {
        match raw {
            RawSignature::Der(der) => Self::from_der(der),
            RawSignature::Fixed(bytes) => Self::from_fixed(bytes),
        }
    }

    fn from_der(der: &[u8]) -> Result<Self, SignatureFault> {
        let sequence = AnyRef::from_der(der).map_err(fault_of)?;
        if sequence.tag() != Tag::Sequence {
            return Err(SignatureFault::Malformed);
        }
        let mut reader = SliceReader::new(sequence.value()).map_err(fault_of)?;
        let r = scalar(AnyRef::decode(&mut reader).map_err(fault_of)?)?;
        let s = scalar(AnyRef::decode(&mut reader).map_err(fault_of)?)?;
        reader.finish().map_err(fault_of)?;
        Ok(Self::new(r, s))
    }

    fn from_fixed(bytes: &[u8]) -> Result<Self, SignatureFault> {
        let bytes: &[u8; 64] = bytes.try_into().map_err(|_| SignatureFault::Length)?;
        let (mut r, mut s) = ([0; 32], [0; 32]);
        let (first, second) = bytes.split_at(32);
        r.copy_from_slice(first);
        s.copy_from_slice(second);
        Ok(Self::new(r, s))
    }

    /// `r‖s`.
    fn as_bytes(&self) -> &[u8] {
        self.0.as_flattened()
    }

    fn to_der(self) -> Vec<u8> {
        let integers = self.0.map(|scalar| integer(&scalar)).concat();
        // At most 2 × 35 bytes, so the length takes one byte.
        [&[0x30, integers.len() as u8], &*integers].concat()
    }
}

/// Writes a big-endian number as a DER INTEGER (X.690 §8.3), in its shortest form.
fn integer(scalar: &[u8; 32]) -> Vec<u8> {
    let zeros = scalar.iter().take_while(|byte| **byte == 0).count();
    // Zero is one byte too.
    let digits = scalar.iter().skip(zeros.min(31));
    let is_padded = digits.clone().next().is_some_and(|first| *first >= 0x80);
    let padding = is_padded.then_some(&0);
    let length = (digits.len() + usize::from(is_padded)) as u8;
    let tag_and_length = [0x02, length];
    (tag_and_length.iter().chain(padding).chain(digits).copied()).collect()
}

/// Reads a positive DER INTEGER (X.690 §8.3) of at most 32 bytes and pads it on the left.
fn scalar(integer: AnyRef<'_>) -> Result<[u8; 32], SignatureFault> {
    if integer.tag() != Tag::Integer {
        return Err(SignatureFault::Malformed);
    }
    let digits = match integer.value() {
        [] => return Err(SignatureFault::Malformed),
        [first, ..] if *first >= 0x80 => return Err(SignatureFault::Negative),
        [0, next, ..] if *next < 0x80 => return Err(SignatureFault::Padded),
        [0, digits @ ..] => digits,
        digits => digits,
    };
    let mut scalar = [0; 32];
    let start = scalar
        .len()
        .checked_sub(digits.len())
        .ok_or(SignatureFault::OutOfRange)?;
    if let Some(tail) = scalar.get_mut(start..) {
        tail.copy_from_slice(digits);
    }
    Ok(scalar)
}

fn fault_of(error: der::Error) -> SignatureFault {
    match error.kind() {
        der::ErrorKind::TrailingData { .. } => SignatureFault::TrailingData,
        _ => SignatureFault::Malformed,
    }
}

#[cfg(test)]
mod tests;
