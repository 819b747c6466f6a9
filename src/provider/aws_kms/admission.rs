//! Whether a key in KMS can be used as a signer. Pure: no network.

use aws_sdk_kms::types::{KeySpec, KeyUsageType};

use super::{
    key_id::check_key,
    protocol::{PublicKeyAnswer, algorithm_of, missing},
};
use crate::{Error, KeyType, PublicKey, Result, error::KeyFault};

/// Checks that KMS's description of a key is about the requested key, does not contradict itself,
/// and matches the public key.
///
/// Returns the name to pin (the ARN, or an emulator's id) and the public key. A wrong usage or spec
/// is reported before a missing field: a key for encryption has no public key, and a retry would
/// not help.
pub(super) fn admit(
    key_id: &str,
    region: Option<&str>,
    answer: &PublicKeyAnswer,
) -> Result<(String, PublicKey)> {
    let pin = check_key(key_id, region, answer.key_id.as_deref())?;
    // Check the usage first: an ECC key for key agreement has the right spec and the wrong usage.
    let usage = (answer.usage.as_deref()).ok_or_else(|| missing("KeyUsage"))?;
    if usage != KeyUsageType::SignVerify.as_str() {
        return Err(Error::key_refused(KeyFault::usage(usage, "SIGN_VERIFY")));
    }
    let spec = (answer.spec.as_deref()).ok_or_else(|| missing("KeySpec"))?;
    let described = match KeySpec::from(spec) {
        KeySpec::EccSecgP256K1 => KeyType::Secp256k1,
        KeySpec::EccNistP256 => KeyType::P256,
        KeySpec::EccNistEdwards25519 => KeyType::Ed25519,
        _ => {
            return Err(Error::key_refused(KeyFault::spec(
                spec,
                "ECC_SECG_P256K1, ECC_NIST_P256 or ECC_NIST_EDWARDS25519",
            )));
        }
    };
    let needed = algorithm_of(described);
    if !(answer.algorithms.iter()).any(|offered| offered == needed.as_str()) {
        return Err(Error::key_refused(KeyFault::algorithm(
            answer.offered(),
            needed.as_str().to_owned(),
        )));
    }
    let der = (answer.public_key.as_deref()).ok_or_else(|| missing("PublicKey"))?;
    let public_key = PublicKey::from_spki_der(der).map_err(|error| match error {
        Error::InvalidPublicKey { fault } => Error::key_refused(KeyFault::PublicKey(fault)),
        other => other,
    })?;
    match public_key.key_type() {
        actual if actual == described => Ok((pin, public_key)),
        actual => Err(Error::key_refused(KeyFault::contradiction(
            described, actual,
        ))),
    }
}

#[cfg(test)]
mod tests;
