//! Observes one request from outside: how often it was sent, and when a signer inside was done.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, Ordering},
};

use kms_signer::{PublicKey, Result, SignRequest, Signed, Signer, async_trait};
use tokio::time::Instant;

tokio::task_local! {
    static OBSERVED: Arc<Observed>;
}

/// The observations of the request that the current task makes.
#[derive(Debug, Default)]
pub struct Observed {
    sent: AtomicU32,
    done: OnceLock<Instant>,
}

impl Observed {
    /// Runs `call` and observes it.
    pub async fn during<T>(call: impl Future<Output = T>) -> (T, Arc<Self>) {
        let observed = Arc::new(Self::default());
        let result = OBSERVED.scope(observed.clone(), call).await;
        (result, observed)
    }

    /// Counts a request that is sent.
    pub fn count_attempt() {
        OBSERVED.with(|observed| observed.sent.fetch_add(1, Ordering::Relaxed));
    }

    /// How often it was sent, if that was counted.
    pub fn sent(&self) -> Option<u32> {
        Some(self.sent.load(Ordering::Relaxed)).filter(|sent| *sent > 0)
    }

    /// When the [`Inner`] signer was done, if there is one.
    pub fn done(&self) -> Option<Instant> {
        self.done.get().copied()
    }
}

/// A signer whose deadline the test checks, inside a layer that has none.
#[derive(Debug)]
pub struct Inner<S>(pub S);

#[async_trait]
impl<S: Signer> Signer for Inner<S> {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let signed = self.0.sign(request).await;
        OBSERVED.with(|observed| {
            let _ = observed.done.set(Instant::now());
        });
        signed
    }
}
