//! Hazardous material: low-level entry points that are easy to misuse.
//!
//! <div class="warning">
//!
//! A bare digest hides its *preimage*, the bytes that were hashed: neither this crate nor a policy
//! can see what the signature agrees to. A caller who chooses the 32 bytes chooses what the key
//! signs, for example a transaction that empties the wallet. Prefer [`SignRequest::keccak256`] and
//! its siblings, which hash the bytes themselves.
//!
//! </div>

use crate::{Error, Result, SignRequest};

/// Creates a request to sign a digest whose preimage is unknown, with an ECDSA key.
///
/// The digest is signed as given: no prefix, no second hash. An Ed25519 key rejects the request. On
/// most chains such a key signs whole messages ([`SignRequest::message`]); where it signs a digest,
/// use [`prehashed_message`].
///
/// [`RequestKind::is_bare_digest`](crate::RequestKind::is_bare_digest) is true for it and
/// [`SignRequest::preimage`] is `None`, so a policy can recognise and deny it.
pub fn prehashed(digest: [u8; 32]) -> SignRequest<'static> {
    SignRequest::prehashed(digest)
}

/// Like [`prehashed`], for a digest in a slice.
///
/// # Errors
///
/// [`Error::InvalidDigestLength`] unless `digest` is exactly 32 bytes long.
pub fn prehashed_from_slice(digest: &[u8]) -> Result<SignRequest<'static>> {
    match digest.try_into() {
        Ok(digest) => Ok(prehashed(digest)),
        Err(_) => Err(Error::invalid_digest_length(digest.len())),
    }
}

/// Creates a request to sign a digest whose preimage is unknown, with an Ed25519 key that takes the
/// 32 bytes as its message, as Tezos `tz1` keys do. An ECDSA key rejects the request.
///
/// It is also the only way to sign any other message of 32 bytes, which nothing distinguishes from
/// a digest. A policy can recognise and deny it like [`prehashed`].
///
/// ```
/// use kms_signer::{KeyInput, KeyType, RequestKind, hazmat};
///
/// let request = hazmat::prehashed_message([7; 32]);
/// assert_eq!(request.input_for(KeyType::Ed25519)?, KeyInput::Ed25519Message(&[7; 32]));
/// assert_eq!(request.kind(), RequestKind::PrehashedMessage);
/// # Ok::<(), kms_signer::Error>(())
/// ```
pub fn prehashed_message(digest: [u8; 32]) -> SignRequest<'static> {
    SignRequest::prehashed_message(digest)
}
