//! The requests that a key can sign, and those that it cannot.

use sha3::Digest as _;

use crate::{KeyType, SignRequest, hazmat};

pub(super) const KEY_TYPES: [KeyType; 3] = [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519];

/// Each kind of request that a key of this type can sign, with the bytes that the key must sign.
///
/// The hashes are computed here, independently of the request.
pub(super) fn requests(key_type: KeyType, preimage: &[u8]) -> Vec<(SignRequest<'_>, Vec<u8>)> {
    let keccak: [u8; 32] = sha3::Keccak256::digest(preimage).into();
    let sha256 = sha2::Sha256::digest(preimage).to_vec();
    let blake2b = blake2::Blake2b256::digest(preimage).to_vec();
    match key_type {
        KeyType::Ed25519 => {
            let message = match preimage.try_into() {
                Ok(digest) => hazmat::prehashed_message(digest),
                Err(_) => SignRequest::message(preimage),
            };
            vec![
                (SignRequest::blake2b256(preimage), blake2b),
                (message, preimage.to_vec()),
                (hazmat::prehashed_message(keccak), keccak.to_vec()),
            ]
        }
        KeyType::Secp256k1 | KeyType::P256 => vec![
            (SignRequest::blake2b256(preimage), blake2b),
            (SignRequest::keccak256(preimage), keccak.to_vec()),
            (SignRequest::sha256(preimage), sha256),
            (hazmat::prehashed(keccak), keccak.to_vec()),
        ],
    }
}

/// A request that every key can sign, with the bytes that the key must sign.
pub(super) fn any_key(preimage: &[u8]) -> (SignRequest<'_>, Vec<u8>) {
    let digest = blake2::Blake2b256::digest(preimage).to_vec();
    (SignRequest::blake2b256(preimage), digest)
}

/// Requests that no key of this type can sign.
pub(super) fn unsupported(key_type: KeyType, payload: &[u8]) -> Vec<SignRequest<'_>> {
    match key_type {
        KeyType::Ed25519 => vec![
            SignRequest::keccak256(payload),
            SignRequest::sha256(payload),
            hazmat::prehashed([1; 32]),
        ],
        KeyType::Secp256k1 | KeyType::P256 => vec![
            SignRequest::message(payload),
            hazmat::prehashed_message([1; 32]),
        ],
    }
}
