//! Whether a key in KMS can be used as a signer. Pure: no network.

use aws_sdk_kms::{
    operation::get_public_key::GetPublicKeyOutput,
    primitives::Blob,
    types::{KeySpec, KeyUsageType},
};

use super::{algorithm_of, check_key, failure::printable, missing};
use crate::{Error, KeyType, PublicKey, Result, error::KeyFault};

/// Compares what KMS says of a key with what was asked, with each other, and with the public key
/// itself.
///
/// Returns the key's ARN and its public key.
pub(super) fn admit(key_id: &str, output: &GetPublicKeyOutput) -> Result<(String, PublicKey)> {
    let arn = output.key_id().ok_or_else(|| missing("KeyId"))?;
    check_key(key_id, arn)?;
    let spec = output.key_spec().ok_or_else(|| missing("KeySpec"))?;
    let usage = output.key_usage().ok_or_else(|| missing("KeyUsage"))?;
    let der = output
        .public_key()
        .map(Blob::as_ref)
        .filter(|der| !der.is_empty())
        .ok_or_else(|| missing("PublicKey"))?;

    // Usage before spec: an ECC key made for key agreement has the right spec and the wrong usage.
    if *usage != KeyUsageType::SignVerify {
        return Err(refused(KeyFault::Usage {
            actual: printable(usage.as_str()),
            expected: "SIGN_VERIFY",
        }));
    }
    let described = match spec {
        KeySpec::EccSecgP256K1 => KeyType::Secp256k1,
        KeySpec::EccNistP256 => KeyType::P256,
        KeySpec::EccNistEdwards25519 => KeyType::Ed25519,
        other => {
            return Err(refused(KeyFault::Spec {
                actual: printable(other.as_str()),
                expected: "ECC_SECG_P256K1, ECC_NIST_P256 or ECC_NIST_EDWARDS25519",
            }));
        }
    };
    let needed = algorithm_of(described);
    let offered = output.signing_algorithms();
    if !offered.contains(&needed) {
        let offered: Vec<_> = offered.iter().map(|algorithm| algorithm.as_str()).collect();
        return Err(refused(KeyFault::Algorithm {
            actual: printable(&offered.join(", ")),
            expected: needed.as_str().to_owned(),
        }));
    }
    let public_key = PublicKey::from_spki_der(der).map_err(|error| match error {
        Error::InvalidPublicKey { fault } => refused(KeyFault::PublicKey(fault)),
        other => other,
    })?;
    match public_key.key_type() {
        actual if actual == described => Ok((arn.to_owned(), public_key)),
        actual => Err(refused(KeyFault::Contradiction { described, actual })),
    }
}

fn refused(fault: KeyFault) -> Error {
    Error::KeyRefused {
        fault,
        receipt: None,
    }
}

#[cfg(test)]
mod tests;
