//! A secret key in memory, with which the local provider and the emulator sign.

use std::fmt;

use der::Decode as _;
use ecdsa::hazmat::sign_prehashed_rfc6979;
use k256::pkcs8::{DecodePrivateKey as _, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use crate::{Error, KeyInput, KeyType, PublicKey, RequestKind, Result, public_key::key_type_of};

/// One secret key of any type. The curve crates wipe it from memory when it is dropped.
pub(crate) enum SecretKey {
    Secp256k1(k256::SecretKey),
    P256(p256::SecretKey),
    Ed25519(ed25519_dalek::SigningKey),
}

impl SecretKey {
    /// A fresh key from the operating system's random number generator.
    pub(crate) fn random(key_type: KeyType) -> Result<Self> {
        // All but one in 2^128 (secp256k1) or 2^32 (P-256) random 32-byte strings are valid
        // scalars, so a few draws are enough.
        for _ in 0..16 {
            let mut bytes = Zeroizing::new([0; 32]);
            getrandom::fill(bytes.as_mut()).map_err(Error::randomness)?;
            if let Ok(key) = Self::from_bytes(key_type, bytes.as_ref()) {
                return Ok(key);
            }
        }
        Err(Error::randomness(
            "16 draws in a row were not valid scalars",
        ))
    }

    /// 32 bytes: a big-endian scalar from 1 to n − 1, or an Ed25519 seed (RFC 8032 §5.1.5).
    pub(crate) fn from_bytes(key_type: KeyType, bytes: &[u8]) -> Result<Self> {
        let refused = || {
            let remedy = match key_type {
                KeyType::Ed25519 => "pass the 32-byte seed of RFC 8032 §5.1.5",
                _ => "pass 32 bytes, big-endian, from 1 to the group order minus 1",
            };
            Error::invalid_secret_key(Some(key_type), remedy)
        };
        // The curve crates pad shorter input; a key that lost bytes must not become another key.
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| refused())?;
        match key_type {
            KeyType::Secp256k1 => k256::SecretKey::from_slice(bytes)
                .map(Self::Secp256k1)
                .map_err(|_| refused()),
            KeyType::P256 => p256::SecretKey::from_slice(bytes)
                .map(Self::P256)
                .map_err(|_| refused()),
            KeyType::Ed25519 => Ok(Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(bytes))),
        }
    }

    /// A DER PKCS#8 private key (RFC 5958); its algorithm identifier names the key type.
    pub(crate) fn from_pkcs8_der(der: &[u8]) -> Result<Self> {
        let info = PrivateKeyInfoRef::from_der(der).map_err(|_| not_pkcs8(None))?;
        let key_type = key_type_of(&info.algorithm).map_err(|_| {
            Error::invalid_secret_key(
                None,
                "pass a key whose algorithm is EC on secp256k1 or P-256, or Ed25519",
            )
        })?;
        match key_type {
            KeyType::Secp256k1 => k256::SecretKey::from_pkcs8_der(der).map(Self::Secp256k1),
            KeyType::P256 => p256::SecretKey::from_pkcs8_der(der).map(Self::P256),
            KeyType::Ed25519 => ed25519_dalek::SigningKey::from_pkcs8_der(der).map(Self::Ed25519),
        }
        .map_err(|_| not_pkcs8(Some(key_type)))
    }

    pub(crate) fn public_key(&self) -> Result<PublicKey> {
        match self {
            Self::Secp256k1(key) => {
                PublicKey::from_bytes(KeyType::Secp256k1, &key.public_key().to_sec1_bytes())
            }
            Self::P256(key) => {
                PublicKey::from_bytes(KeyType::P256, &key.public_key().to_sec1_bytes())
            }
            Self::Ed25519(key) => {
                PublicKey::from_bytes(KeyType::Ed25519, key.verifying_key().as_bytes())
            }
        }
    }

    /// Signs and returns 64 bytes: `r‖s` (`s` may be high) or `R‖S`.
    ///
    /// ECDSA takes its nonce from RFC 6979 with `entropy` as additional data (§3.6): none for a
    /// deterministic signature, fresh bytes for one that differs each time. Ed25519 is always
    /// deterministic.
    pub(crate) fn sign(&self, input: &KeyInput<'_>, entropy: &[u8]) -> Result<[u8; 64]> {
        match (self, input) {
            (Self::Secp256k1(key), KeyInput::EcdsaPrehash(digest)) => {
                let scalar = Zeroizing::new(key.to_nonzero_scalar());
                let (signature, _) = sign_prehashed_rfc6979::<k256::Secp256k1, sha2::Sha256>(
                    &scalar, *digest, entropy,
                );
                Ok(signature.to_bytes().into())
            }
            (Self::P256(key), KeyInput::EcdsaPrehash(digest)) => {
                let scalar = Zeroizing::new(key.to_nonzero_scalar());
                let (signature, _) = sign_prehashed_rfc6979::<p256::NistP256, sha2::Sha256>(
                    &scalar, *digest, entropy,
                );
                Ok(signature.to_bytes().into())
            }
            (Self::Ed25519(key), KeyInput::Ed25519Message(message)) => {
                use ed25519_dalek::Signer as _;
                Ok(key.sign(message).to_bytes())
            }
            (_, KeyInput::EcdsaPrehash(_)) => Err(self.cannot_sign(RequestKind::Prehashed)),
            (_, KeyInput::Ed25519Message(_)) => Err(self.cannot_sign(RequestKind::Message)),
        }
    }

    fn key_type(&self) -> KeyType {
        match self {
            Self::Secp256k1(_) => KeyType::Secp256k1,
            Self::P256(_) => KeyType::P256,
            Self::Ed25519(_) => KeyType::Ed25519,
        }
    }

    fn cannot_sign(&self, request: RequestKind) -> Error {
        Error::unsupported_request(request, self.key_type())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({}, redacted)", self.key_type())
    }
}

fn not_pkcs8(key_type: Option<KeyType>) -> Error {
    Error::invalid_secret_key(key_type, "pass an unencrypted PKCS#8 private key in DER")
}

#[cfg(test)]
mod tests;
