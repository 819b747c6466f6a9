//! What a preimage made of hashes stands for.

// Which features have such a chain is not for the core to know.
#![allow(dead_code)]

use std::{any::Any, sync::Arc};

use super::{Hash, SignRequest};

pub(super) type SharedOpening = Arc<dyn Any + Send + Sync>;

/// The typed object behind a preimage: a value of a chain module that cannot change, so that what it
/// shows stays what was hashed.
///
/// The trait is private to the crate. So no caller can attach to a preimage what does not hash to it.
pub(crate) trait Opening: Any + Send + Sync {
    /// The bytes whose Keccak-256 hash is signed, computed from what the opening shows.
    fn preimage(&self) -> Vec<u8>;
}

impl SignRequest<'static> {
    /// Signs the Keccak-256 hash of the opening's preimage, which is asked for once.
    pub(crate) fn keccak256_of(opening: impl Opening) -> Self {
        let mut request = Self::hashed(Hash::Keccak256, opening.preimage().into());
        request.opening = Some(Arc::new(opening));
        request
    }
}

impl SignRequest<'_> {
    /// The opening of type `T` that this request was made from: what its preimage stands for.
    ///
    /// `None` if the request was made from bytes, as most are, or from an opening of another type. The
    /// chain module that defines a type of opening computes the preimage from the values it shows, and
    /// no other code can attach one. So a policy may decide by them:
    ///
    /// ```
    /// # #[cfg(feature = "alloy")] {
    /// use kms_signer::{SignRequest, chain::ethereum::TypedDataOpening};
    ///
    /// /// Denies every permit, whatever the token.
    /// fn is_allowed(request: &SignRequest<'_>) -> bool {
    ///     match request.opening::<TypedDataOpening>() {
    ///         Some(typed_data) => typed_data.primary_type() != "Permit",
    ///         None => request.preimage().is_some(),
    ///     }
    /// }
    /// assert!(is_allowed(&SignRequest::keccak256(b"the bytes of a transaction")));
    /// # }
    /// ```
    pub fn opening<T: Any>(&self) -> Option<&T> {
        self.opening.as_deref()?.downcast_ref()
    }
}
