//! A second attempt when the first one is slow, to shorten the longest waits.
//!
//! Most calls to a key store take about the same time, and a few take ten times as long, because a
//! connection was lost or a host is busy. A second call then most likely ends first. Signing twice
//! is harmless: both signatures are over the same bytes, and both are verified.
//!
//! ```
//! # async fn example() -> kms_signer::Result<()> {
//! use kms_signer::{KeyType, SignRequest, Signer, layer::hedge::Hedge, provider::local::LocalSigner};
//!
//! let signer = LocalSigner::random(KeyType::Secp256k1)?;
//! let signer = Hedge::at_quantile(signer, 0.95).build()?;
//! signer.sign(&SignRequest::keccak256(b"preimage")).await?;
//! println!("{} second attempts so far", signer.hedges());
//! # Ok(())
//! # }
//! ```
//!
//! # Which answer counts
//!
//! The first signature is returned, and the other attempt is dropped. An
//! [alarm](Error::is_alarm) that is ready at the same time is returned instead of the signature; an
//! alarm that would have come later goes unseen. After a [retryable](Error::is_retryable) error the
//! other attempt is awaited. Any other error is returned at once, since another attempt does not
//! help; above all an alarm, such as a signature that does not verify, which an ERROR event and
//! a counter report as well. If both attempts fail with retryable errors, the error of the
//! first attempt is returned.
//!
//! If the first attempt fails before the second starts, its error is returned at once: this layer
//! does not retry.
//!
//! # What it costs
//!
//! Each request earns a twentieth of a token ([`max_extra`](HedgeBuilder::max_extra)), and a second
//! attempt costs one token. The budget starts empty, so at any time at most 5 % of the requests so
//! far had a second attempt. It holds at most 10 tokens, so of any `n` requests in a row at most
//! `n/20 + 10` have one. Without a token a slow request waits for its first attempt. So when the
//! whole key store is slow, this layer adds at most one call in twenty.
//!
//! A second attempt is a call like any other: it is billed, appears in CloudTrail, and counts
//! against the key store's quota. Keep that share of the quota free.
//!
//! # How long it waits
//!
//! [`Hedge::after`] waits a fixed time. [`Hedge::at_quantile`] waits as long as that share of the
//! latest 256 signed requests took, at least 5 ms ([`min_delay`](HedgeBuilder::min_delay)), and
//! starts no second attempt before 32 requests were signed. Clones share these latencies.
//!
//! The latency of a request is the time from its start to its signature. If the second attempt
//! wins, the first one would have taken longer, by how much is not known. Both are longer than the
//! delay, so the share of requests slower than the delay stays right. To use the second attempt's
//! own, shorter time would lower the delay step by step. Requests that fail or are dropped do not
//! count.

mod budget;
mod builder;
mod latencies;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::{Either, FutureExt as _, select};
use tokio::time::{Instant, timeout};

pub use self::builder::HedgeBuilder;
use self::{budget::Budget, builder::Start, latencies::Latencies};
use crate::{Error, PublicKey, Result, SignRequest, Signed, Signer, health::Health, telemetry};

/// Starts a second attempt when the first one is slow, and returns the first signature.
///
/// Clones share the budget and the latencies.
#[derive(Clone)]
pub struct Hedge<S> {
    inner: S,
    trigger: Trigger,
    budget: Arc<Budget>,
    hedges: Arc<AtomicU64>,
}

/// When the second attempt starts.
#[derive(Clone)]
enum Trigger {
    After(Duration),
    Quantile {
        quantile: f64,
        min_delay: Duration,
        latencies: Arc<Latencies>,
    },
}

impl<S: Signer> Hedge<S> {
    /// Starts a second attempt after `delay`; with 0 at once.
    pub fn after(signer: S, delay: Duration) -> HedgeBuilder<S> {
        HedgeBuilder::new(signer, Start::After(delay))
    }

    /// Starts a second attempt when the first takes longer than this share of the latest requests
    /// took: 0.95 for the slowest twentieth. The share is greater than 0 and less than 1.
    pub fn at_quantile(signer: S, quantile: f64) -> HedgeBuilder<S> {
        HedgeBuilder::new(signer, Start::AtQuantile(quantile))
    }

    /// How many second attempts have started so far.
    pub fn hedges(&self) -> u64 {
        self.hedges.load(Ordering::Relaxed)
    }

    /// The signer inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Takes the layer off and returns the signer inside.
    pub fn into_inner(self) -> S {
        self.inner
    }

    async fn attempt(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let mut first = self.inner.sign(request);
        let Some(delay) = self.trigger.delay() else {
            return first.await;
        };
        if let Ok(answer) = timeout(delay, &mut first).await {
            return answer;
        }
        if !self.budget.spend() {
            return first.await;
        }
        let mut race = Race::start(&self.hedges);
        let second = self.inner.sign(request);
        let (answer, rest) = match select(first, second).await {
            Either::Left((answer, second)) => (answer, Either::Right(second)),
            Either::Right((answer, first)) => (answer, Either::Left(first)),
        };
        let winner = |is_first| if is_first { "first" } else { "second" };
        let was_first = matches!(rest, Either::Right(_));
        let error = match answer {
            Err(error) if error.is_retryable() => error,
            answer => {
                // Both may be ready at once, and a signature must not hide an alarm.
                return match rest.into_inner().now_or_never() {
                    Some(Err(alarm)) if alarm.is_alarm() => Err(alarm),
                    _ => race.won(winner(was_first), answer?),
                };
            }
        };
        match rest.into_inner().await {
            Ok(signed) => race.won(winner(!was_first), signed),
            // A permanent error says more than a temporary one, and the first attempt's more than
            // the second's.
            Err(last) if !last.is_retryable() || !was_first => Err(last),
            Err(_) => Err(error),
        }
    }
}

impl Trigger {
    /// How long to wait for the first attempt; `None` to wait without a limit.
    fn delay(&self) -> Option<Duration> {
        match self {
            Self::After(delay) => Some(*delay),
            Self::Quantile {
                quantile,
                min_delay,
                latencies,
            } => Some(latencies.quantile(*quantile)?.max(*min_delay)),
        }
    }
}

/// Two attempts in flight. Counts which one won, also when the race is dropped.
struct Race {
    winner: &'static str,
}

impl Race {
    fn start(hedges: &AtomicU64) -> Self {
        hedges.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(target: "kms_signer::hedge", "hedged");
        Self { winner: "none" }
    }

    fn won(&mut self, winner: &'static str, signed: Signed) -> Result<Signed> {
        self.winner = winner;
        Ok(signed)
    }
}

impl Drop for Race {
    fn drop(&mut self) {
        telemetry::hedged(self.winner);
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Signer> Signer for Hedge<S> {
    fn public_key(&self) -> &PublicKey {
        self.inner.public_key()
    }

    /// # Errors
    ///
    /// Those of the signer inside. An [alarm](Error::is_alarm) takes precedence over a signature
    /// that is ready at the same time. If both attempts fail, the error that is not retryable, or
    /// else that of the first attempt.
    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let start = Instant::now();
        self.budget.earn();
        let answer = self.attempt(request).await;
        let signed = answer.inspect_err(|error| telemetry::alarm("hedge", error))?;
        if let Trigger::Quantile { latencies, .. } = &self.trigger {
            latencies.record(start.elapsed());
        }
        Ok(signed)
    }

    /// Once, since no attempt is made.
    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        self.inner.note_refusal(request, error).await;
    }

    /// Once, since a check that is slow is an answer too.
    async fn check(&self) -> Health {
        self.inner.check().await
    }
}

impl<S: fmt::Debug> fmt::Debug for Hedge<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Hedge");
        debug.field("inner", &self.inner);
        match &self.trigger {
            Trigger::After(delay) => debug.field("after", delay),
            Trigger::Quantile { quantile, .. } => debug.field("at_quantile", quantile),
        };
        debug
            .field("hedges", &self.hedges.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}
