//! What `Sign` and `Verify` do with a message: algorithms, message types, encodings.

use sha2::{Digest as _, Sha256};

use super::{
    error::{Code, KmsError},
    key::KeyMaterial,
};
use crate::{KeyInput, KeyType, RawSignature, emulator::random::Random};

const ECDSA_SHA_256: &str = "ECDSA_SHA_256";
const ED25519_SHA_512: &str = "ED25519_SHA_512";
const ED25519_PH_SHA_512: &str = "ED25519_PH_SHA_512";

/// Every signing algorithm of KMS, whether an emulated key has it or not.
pub(super) const ALGORITHMS: [&str; 13] = [
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    ECDSA_SHA_256,
    "ECDSA_SHA_384",
    "ECDSA_SHA_512",
    "SM2DSA",
    "ML_DSA_SHAKE_256",
    ED25519_SHA_512,
    ED25519_PH_SHA_512,
];

/// Every message type of KMS.
pub(super) const MESSAGE_TYPES: [&str; 3] = ["RAW", "DIGEST", "EXTERNAL_MU"];

/// The algorithms that a key of this type offers.
pub(super) fn algorithms(key_type: KeyType) -> &'static [&'static str] {
    match key_type {
        KeyType::Secp256k1 | KeyType::P256 => &[ECDSA_SHA_256],
        KeyType::Ed25519 => &[ED25519_SHA_512, ED25519_PH_SHA_512],
    }
}

/// KMS's name for a key type.
pub(super) fn key_spec(key_type: KeyType) -> &'static str {
    match key_type {
        KeyType::Secp256k1 => "ECC_SECG_P256K1",
        KeyType::P256 => "ECC_NIST_P256",
        KeyType::Ed25519 => "ECC_NIST_EDWARDS25519",
    }
}

/// What is signed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input<'a> {
    EcdsaPrehash([u8; 32]),
    Ed25519Message(&'a [u8]),
}

impl<'a> Input<'a> {
    /// Checks algorithm, message type and message in the same order as KMS.
    pub(super) fn new(
        key_type: KeyType,
        algorithm: &str,
        message_type: &str,
        message: &'a [u8],
    ) -> Result<Self, KmsError> {
        let spec = key_spec(key_type);
        if !algorithms(key_type).contains(&algorithm) {
            return Err(KmsError::new(
                Code::InvalidKeyUsage,
                format!("Algorithm {algorithm} is incompatible with key spec {spec}."),
            ));
        }
        match (key_type, algorithm, message_type) {
            (KeyType::Secp256k1 | KeyType::P256, _, "RAW") => {
                Ok(Self::EcdsaPrehash(Sha256::digest(message).into()))
            }
            (KeyType::Secp256k1 | KeyType::P256, _, "DIGEST") => {
                message.try_into().map(Self::EcdsaPrehash).map_err(|_| {
                    invalid(format!(
                        "Digest is invalid length for algorithm {algorithm}."
                    ))
                })
            }
            (KeyType::Secp256k1 | KeyType::P256, _, _) => Err(invalid(format!(
                "Message type {message_type} is incompatible with key spec {spec}."
            ))),
            (KeyType::Ed25519, ED25519_SHA_512, "RAW") => Ok(Self::Ed25519Message(message)),
            (KeyType::Ed25519, ED25519_PH_SHA_512, "DIGEST") => Err(KmsError::new(
                Code::UnsupportedOperation,
                format!("Algorithm {ED25519_PH_SHA_512} is not emulated."),
            )),
            (KeyType::Ed25519, _, _) => Err(invalid(format!(
                "Message type {message_type} is incompatible with algorithm {algorithm}."
            ))),
        }
    }

    fn as_key_input(&self) -> KeyInput<'_> {
        match self {
            Self::EcdsaPrehash(digest) => KeyInput::EcdsaPrehash(digest),
            Self::Ed25519Message(message) => KeyInput::Ed25519Message(message),
        }
    }
}

/// Signs and encodes as KMS does: DER for ECDSA, 64 bytes for Ed25519.
///
/// Draws from `random` for ECDSA only. Callers check the request first, so a rejected one does not
/// change later signatures.
pub(super) fn sign(
    material: &KeyMaterial,
    input: &Input<'_>,
    random: &mut Random,
) -> Result<Vec<u8>, KmsError> {
    let (entropy, negate_s) = match input {
        Input::EcdsaPrehash(_) => (random.next_block(), random.next_bool()),
        Input::Ed25519Message(_) => ([0; 32], false),
    };
    let signature = material
        .secret_key
        .sign(&input.as_key_input(), &entropy)
        .map_err(internal)?;
    match material.verifier.public_key().key_type() {
        KeyType::Secp256k1 => {
            let signature = k256::ecdsa::Signature::from_slice(&signature).map_err(internal)?;
            k256_der(signature, negate_s)
        }
        KeyType::P256 => {
            let signature = p256::ecdsa::Signature::from_slice(&signature).map_err(internal)?;
            p256_der(signature, negate_s)
        }
        KeyType::Ed25519 => Ok(signature.to_vec()),
    }
}

/// An ECDSA signature in DER, with `s` made high or low as asked. Returns an Ed25519 signature
/// unchanged.
pub(super) fn with_s(key_type: KeyType, der: &[u8], high: bool) -> Result<Vec<u8>, KmsError> {
    match key_type {
        KeyType::Secp256k1 => {
            let signature = k256::ecdsa::Signature::from_der(der).map_err(internal)?;
            k256_der(signature.normalize_s(), high)
        }
        KeyType::P256 => {
            let signature = p256::ecdsa::Signature::from_der(der).map_err(internal)?;
            p256_der(signature.normalize_s(), high)
        }
        KeyType::Ed25519 => Ok(der.to_vec()),
    }
}

/// The 64 bytes `r‖s` of an ECDSA signature in DER. An Ed25519 signature has 64 bytes already.
pub(super) fn fixed_width(key_type: KeyType, der: &[u8]) -> Result<Vec<u8>, KmsError> {
    match key_type {
        KeyType::Secp256k1 => {
            let signature = k256::ecdsa::Signature::from_der(der).map_err(internal)?;
            Ok(signature.to_bytes().to_vec())
        }
        KeyType::P256 => {
            let signature = p256::ecdsa::Signature::from_der(der).map_err(internal)?;
            Ok(signature.to_bytes().to_vec())
        }
        KeyType::Ed25519 => Ok(der.to_vec()),
    }
}

fn k256_der(signature: k256::ecdsa::Signature, negate_s: bool) -> Result<Vec<u8>, KmsError> {
    let (r, s) = signature.split_scalars();
    let s = if negate_s { -s } else { s };
    let signature = k256::ecdsa::Signature::from_scalars(r, s).map_err(internal)?;
    Ok(signature.to_der().as_bytes().to_vec())
}

fn p256_der(signature: p256::ecdsa::Signature, negate_s: bool) -> Result<Vec<u8>, KmsError> {
    let (r, s) = signature.split_scalars();
    let s = if negate_s { -s } else { s };
    let signature = p256::ecdsa::Signature::from_scalars(r, s).map_err(internal)?;
    Ok(signature.to_der().as_bytes().to_vec())
}

/// Verifies. A high `s` is as valid as a low one, as in KMS.
pub(super) fn verify(
    material: &KeyMaterial,
    input: &Input<'_>,
    signature: &[u8],
) -> Result<(), KmsError> {
    let signature = match input {
        Input::EcdsaPrehash(_) => RawSignature::Der(signature),
        Input::Ed25519Message(_) => RawSignature::Fixed(signature),
    };
    match material.verifier.accept(&input.as_key_input(), signature) {
        Ok(_) => Ok(()),
        // KMS sends only the name of this error.
        Err(_) => Err(KmsError::new(Code::KmsInvalidSignature, "")),
    }
}

fn invalid(message: String) -> KmsError {
    KmsError::new(Code::Validation, message)
}

fn internal(error: impl std::fmt::Display) -> KmsError {
    KmsError::new(Code::KmsInternal, error.to_string())
}

#[cfg(test)]
mod tests;
