//! The layer itself.

use async_trait::async_trait;

use super::RateLimit;
use crate::{Error, PublicKey, Result, SignRequest, Signed, Signer};

/// A signer under a [`RateLimit`].
#[derive(Clone, Debug)]
pub struct RateLimited<S> {
    signer: S,
    limit: RateLimit,
}

impl<S: Signer> RateLimited<S> {
    /// Puts `signer` under `limit`.
    pub fn new(signer: S, limit: RateLimit) -> Self {
        Self { signer, limit }
    }

    /// The signer inside.
    pub fn signer(&self) -> &S {
        &self.signer
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Signer> Signer for RateLimited<S> {
    fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    /// # Errors
    ///
    /// [`Error::QueueFull`](crate::Error::QueueFull) and
    /// [`Error::QueuedTooLong`](crate::Error::QueuedTooLong) before anything was sent;
    /// otherwise those of the signer inside.
    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        self.limit.run(self.signer.sign(request)).await
    }

    /// Not limited, since nothing is sent.
    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        self.signer.note_refusal(request, error).await;
    }
}
