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

use crate::{
    Error, PublicKey, Result, SignRequest, Signed, Signer, health::Health,
    telemetry::ended_by_layer,
};

/// Ends a request that takes longer than the timeout, and drops its future.
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    inner: S,
    timeout: Duration,
}

impl<S: Signer> Timeout<S> {
    /// Limits each request to `signer` to `timeout`, from the call of `sign` to its answer.
    ///
    /// An answer that is ready when the time is up still counts.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] when `timeout` is 0.
    pub fn new(signer: S, timeout: Duration) -> Result<Self> {
        match timeout.is_zero() {
            true => Err(Error::invalid_config(
                "the timeout is 0, which no signer meets",
                "use a longer one",
            )),
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
    /// [`Error::TimedOut`] after the timeout; otherwise those of the signer inside.
    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        match time::timeout(self.timeout, self.inner.sign(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(ended_by_layer(Error::timed_out(
                self.timeout,
                "while waiting for the signer",
            ))),
        }
    }

    /// Ends after the same timeout. An audit layer inside then reports the missing record.
    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        let _ = time::timeout(self.timeout, self.inner.note_refusal(request, error)).await;
    }

    /// Ends after the same timeout. The signer is then not ready, since a signature would take as long.
    async fn check(&self) -> Health {
        let checked = time::timeout(self.timeout, self.inner.check()).await;
        checked.unwrap_or_else(|_| Health {
            may_sign: Err(Error::timed_out(self.timeout, "while checking the signer")),
            ..Health::default()
        })
    }
}
