//! Low-level entry points that are easy to misuse.
//!
//! <div class="warning">
//!
//! A signature over a bare digest is a signature over something nobody can see. Whoever chooses
//! the 32 bytes chooses what the key agrees to: a digest may be a transaction that empties the
//! wallet. Prefer [`SignRequest::keccak256`] and its siblings, which hash the bytes themselves.
//!
//! </div>

use crate::{Error, Result, SignRequest};

/// A request to sign a digest whose preimage is unknown, with an ECDSA key.
///
/// The digest is used as given: no prefix, no second hash. An Ed25519 key refuses it: most chains
/// have it sign whole messages ([`SignRequest::message`]), and for the one that does not there is
/// [`prehashed_message`].
///
/// [`RequestKind::is_bare_digest`](crate::RequestKind::is_bare_digest) is true for it and
/// [`SignRequest::preimage`] is `None`, so that a policy can tell it and deny it.
pub fn prehashed(digest: [u8; 32]) -> SignRequest<'static> {
    SignRequest::prehashed(digest)
}

/// Like [`prehashed`], from a slice that came from elsewhere.
///
/// # Errors
///
/// [`Error::InvalidDigestLength`] unless `digest` is exactly 32 bytes long.
pub fn prehashed_from_slice(digest: &[u8]) -> Result<SignRequest<'static>> {
    match digest.try_into() {
        Ok(digest) => Ok(prehashed(digest)),
        Err(_) => Err(Error::InvalidDigestLength {
            actual: digest.len(),
        }),
    }
}

/// A request to sign a digest whose preimage is unknown, with an Ed25519 key that takes the 32 bytes
/// as its message, as Tezos `tz1` keys do. An ECDSA key refuses it.
///
/// It is also the one way to sign any other message of 32 bytes: nothing tells them apart. A policy
/// can tell and deny it as it can [`prehashed`].
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
