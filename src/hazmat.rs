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

/// A request to sign a digest whose preimage is unknown.
///
/// The digest is used as given: no prefix, no second hash. ECDSA keys sign it; an Ed25519 key
/// refuses it, because Ed25519 signs whole messages ([`SignRequest::message`]).
///
/// [`SignRequest::preimage`] of such a request is `None`, so that a policy can tell it and deny it.
pub fn prehashed(digest: [u8; 32]) -> SignRequest<'static> {
    SignRequest::from_digest(digest)
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
