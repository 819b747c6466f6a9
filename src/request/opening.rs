//! Openings: the typed objects behind preimages that consist of hashes.

// The core does not know which features have a chain with openings.
#![allow(dead_code)]

use std::{any::Any, sync::Arc};

use super::{Hash, SignRequest};

pub(super) type SharedOpening = Arc<dyn Any + Send + Sync>;

/// The typed object behind a preimage: an immutable value of a chain module, so that it always
/// shows what was hashed.
///
/// The trait is private to the crate, so no caller can attach an object to a preimage that it does
/// not hash to.
pub(crate) trait Opening: Any + Send + Sync {
    /// Computes, from the values that the opening shows, the bytes whose Keccak-256 hash is signed.
    fn preimage(&self) -> Vec<u8>;
}

impl SignRequest<'static> {
    /// Signs the Keccak-256 hash of the opening's preimage, which is computed once, here.
    pub(crate) fn keccak256_of(opening: impl Opening) -> Self {
        let mut request = Self::hashed(Hash::Keccak256, opening.preimage().into());
        request.opening = Some(Arc::new(opening));
        request
    }
}

impl SignRequest<'_> {
    /// The opening of type `T` that this request was made from: the typed object behind its
    /// preimage.
    ///
    /// `None` if the request was made from bytes, as most are, or from an opening of another type.
    /// Only the chain module that defines an opening can attach it, and it computes the preimage
    /// from the values that the opening shows. So a policy can rely on them.
    ///
    /// A caller of [`Signer::sign`](crate::Signer::sign) can still pass the preimage of typed data as
    /// bytes, which show two hashes and have no opening. They begin with `19 01` (EIP-712), as nothing
    /// else that Ethereum signs does, so a policy denies such bytes, and bare digests:
    ///
    /// ```
    /// # #[cfg(feature = "alloy")] {
    /// use kms_signer::{SignRequest, chain::ethereum::TypedDataOpening};
    ///
    /// /// Denies every permit, whatever the token, and what may hide one.
    /// fn is_allowed(request: &SignRequest<'_>) -> bool {
    ///     match request.opening::<TypedDataOpening>() {
    ///         Some(typed_data) => typed_data.primary_type() != "Permit",
    ///         None => request.preimage().is_some_and(|bytes| !bytes.starts_with(b"\x19\x01")),
    ///     }
    /// }
    /// assert!(is_allowed(&SignRequest::keccak256(b"the bytes of a transaction")));
    /// assert!(!is_allowed(&SignRequest::keccak256(b"\x19\x01 and two hashes")));
    /// # }
    /// ```
    pub fn opening<T: Any>(&self) -> Option<&T> {
        self.opening.as_deref()?.downcast_ref()
    }
}
