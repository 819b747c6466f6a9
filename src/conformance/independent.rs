//! Verifies signatures with the curve libraries alone, without this crate's verifier.

use super::report::{Checked, failed, require};
use crate::{KeyType, PublicKey, Signature};

/// Checks that `signature` is canonical and verifies under `key` over `signed_bytes`.
pub(super) fn verify(key: &PublicKey, signed_bytes: &[u8], signature: &Signature) -> Checked {
    require(
        signature.public_key() == key,
        "a signature under the signer's public_key()",
        || format!("one under {:?}", signature.public_key()),
    )?;
    let bytes = signature.as_bytes();
    match key.key_type() {
        KeyType::Secp256k1 => verify_secp256k1(key, signed_bytes, signature),
        KeyType::P256 => verify_p256(key, signed_bytes, bytes),
        KeyType::Ed25519 => verify_ed25519(key, signed_bytes, bytes),
    }
}

fn verify_secp256k1(key: &PublicKey, digest: &[u8], signature: &Signature) -> Checked {
    use k256::ecdsa::{RecoveryId, VerifyingKey, signature::hazmat::PrehashVerifier as _};
    let key = VerifyingKey::from_sec1_bytes(&key.to_bytes()).map_err(not_a_key)?;
    let theirs = k256::ecdsa::Signature::from_slice(signature.as_bytes()).map_err(not_encoded)?;
    key.verify_prehash(digest, &theirs).map_err(not_verified)?;
    let is_low = theirs == theirs.normalize_s();
    require(is_low, "a low s", || "a high s".into())?;
    let recovery_id = (signature.as_secp256k1())
        .and_then(|signature| RecoveryId::from_byte(signature.recovery_id()));
    let recovered =
        recovery_id.and_then(|id| VerifyingKey::recover_from_prehash(digest, &theirs, id).ok());
    require(
        recovered == Some(key),
        "a recovery id that leads to the key",
        || format!("{recovery_id:?}"),
    )
}

fn verify_p256(key: &PublicKey, digest: &[u8], signature: &[u8]) -> Checked {
    use p256::ecdsa::{VerifyingKey, signature::hazmat::PrehashVerifier as _};
    let key = VerifyingKey::from_sec1_bytes(&key.to_bytes()).map_err(not_a_key)?;
    let theirs = p256::ecdsa::Signature::from_slice(signature).map_err(not_encoded)?;
    key.verify_prehash(digest, &theirs).map_err(not_verified)?;
    let is_low = theirs == theirs.normalize_s();
    require(is_low, "a low s", || "a high s".into())
}

fn verify_ed25519(key: &PublicKey, message: &[u8], signature: &[u8]) -> Checked {
    let key: [u8; 32] = key.to_bytes().try_into().map_err(|_| {
        let expected = "an Ed25519 key of 32 bytes";
        failed(expected, "another length")
    })?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(&key).map_err(not_a_key)?;
    let theirs = ed25519_dalek::Signature::from_slice(signature).map_err(not_encoded)?;
    key.verify_strict(message, &theirs).map_err(not_verified)
}

fn not_a_key<E>(_: E) -> super::Verdict {
    failed("a public key on its curve", "another one")
}

fn not_encoded<E>(_: E) -> super::Verdict {
    failed("64 bytes that are a signature", "other bytes")
}

fn not_verified<E>(_: E) -> super::Verdict {
    failed(
        "a signature of this key over the bytes the request stands for",
        "a signature that does not verify over them",
    )
}
