//! The layer itself.

use async_trait::async_trait;

use super::RateLimit;
use crate::{Error, PublicKey, Result, SignRequest, Signed, Signer, health::Health};

/// A signer under a [`RateLimit`]: see [`RateLimit::limit`].
#[derive(Clone, Debug)]
pub struct RateLimited<S> {
    pub(super) inner: S,
    pub(super) limit: RateLimit,
}

impl<S: Signer> RateLimited<S> {
    /// The signer inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Takes the layer off and returns the signer inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Signer> Signer for RateLimited<S> {
    fn public_key(&self) -> &PublicKey {
        self.inner.public_key()
    }

    /// # Errors
    ///
    /// [`Error::QueueFull`] and
    /// [`Error::QueuedTooLong`] before anything was sent;
    /// otherwise those of the signer inside.
    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        self.limit.run(self.inner.sign(request)).await
    }

    /// Not limited, since nothing is sent.
    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        self.inner.note_refusal(request, error).await;
    }

    /// Not limited: a check that waits for its turn would find a busy signer not ready. Its calls count
    /// against the key store's quota, so leave room for them.
    async fn check(&self) -> Health {
        self.inner.check().await
    }
}
