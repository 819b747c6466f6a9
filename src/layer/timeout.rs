//! A time limit for a signature, whatever happens inside.
//!
//! ```
//! # async fn example() -> kms_signer::Result<()> {
//! use std::time::Duration;
//! use kms_signer::{KeyType, SignRequest, Signer, layer::timeout::Timeout, provider::local::LocalSigner};
//!
//! let signer = LocalSigner::random(KeyType::Secp256k1)?;
//! let signer = Timeout::new(signer, Duration::from_secs(3))?;
//! match signer.sign(&SignRequest::keccak256(b"preimage")).await {
//!     Err(error) if error.is_retryable() => println!("later: {error}"),
//!     signed => println!("{}", signed?.receipt),
//! }
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use async_trait::async_trait;
use tokio::time;

use crate::{Error, PublicKey, Result, SignRequest, Signed, Signer, telemetry::ended_by_layer};

/// Ends a request that takes longer than its limit, and drops the work on it.
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    inner: S,
    timeout: Duration,
}

impl<S: Signer> Timeout<S> {
    /// Gives each request to `signer` this much time, from the call of `sign` to its answer.
    ///
    /// An answer that is there when the time is up still counts.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] when `timeout` is 0.
    pub fn new(signer: S, timeout: Duration) -> Result<Self> {
        match timeout.is_zero() {
            true => Err(Error::InvalidConfig {
                reason: "the timeout is 0, which no signer meets; use a longer one".into(),
            }),
            false => Ok(Self {
                inner: signer,
                timeout,
            }),
        }
    }

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
impl<S: Signer> Signer for Timeout<S> {
    fn public_key(&self) -> &PublicKey {
        self.inner.public_key()
    }

    /// # Errors
    ///
    /// [`Error::DeadlineExceeded`] when the time was up; otherwise those of the signer inside.
    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        match time::timeout(self.timeout, self.inner.sign(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(ended_by_layer(Error::DeadlineExceeded {
                limit: self.timeout,
                stage: "while the signer was at work",
            })),
        }
    }

    /// Gives up after the same time; an audit layer inside reports that its record is missing.
    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        let _ = time::timeout(self.timeout, self.inner.note_refusal(request, error)).await;
    }
}
