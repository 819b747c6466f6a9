//! A second attempt when the first one is slow, to cut the longest waits.
//!
//! Nearly all calls to a key store take about the same time, and a few take ten times as long: a
//! connection was lost, or a host is busy. A second call at that moment is most likely done first.
//! Signing twice is harmless, since both signatures are verified and over the same bytes.
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
//! The first signature wins, and the other attempt is dropped, unless it has an
//! [alarm](Error::is_alarm) ready by then: that returns in place of the signature. What an attempt
//! that is still in flight would have answered is not known. An attempt that fails with a
//! [retryable](Error::is_retryable) error while the other is still under way waits for that one.
//! Any other error returns at once, since another attempt cannot cure it; above all an
//! alarm, such as a signature that does not verify, which an ERROR event and a counter report as
//! well. If both fail with retryable errors, that of the first attempt returns.
//!
//! If the first attempt fails before there is a second, its error returns at once: to repeat a
//! failed call is not what this layer is for.
//!
//! # What it costs
//!
//! Each request adds a twentieth of a token ([`max_extra`](HedgeBuilder::max_extra)), and a second attempt
//! takes a whole one. It begins with none, so at no time were more than 5 % of the requests so far
//! sent twice. At most 10 tokens are saved, so in any run of `n` requests at most `n/20 + 10` are.
//! A request that finds no token when it is slow stays with its first attempt. So when the key
//! store as a whole is slow, this layer adds at most one call in twenty.
//!
//! A second attempt is a call like any other: it is billed, CloudTrail has it, and it draws on
//! the key store's quota. Keep that much of the rate free.
//!
//! # How long it waits
//!
//! With [`Hedge::after`] a fixed time. With [`Hedge::at_quantile`] as long as that share of the
//! latest 256 signed requests took, but at least 5 ms ([`min_delay`](HedgeBuilder::min_delay)); and
//! there is no second attempt until 32 were signed. Clones share what they have seen.
//!
//! What is taken down is the time from the start of a request to its signature. If the second
//! attempt won, the first would have taken longer than that, how long is not known. But either
//! time is longer than the delay was, so the share of requests that take longer than the delay
//! stays right. Taking down the shorter time that the second attempt took by itself would
//! lower the delay step by step. Requests that failed or were dropped are not taken down.

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
use crate::{Error, PublicKey, Result, SignRequest, Signed, Signer, telemetry};

/// Starts a second attempt when the first one is slow, and returns the signature that is first.
///
/// Clones share the budget and what was seen of latencies.
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

    /// How many second attempts were started so far.
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
            // What stays says more than what passes, and what the first attempt met more than what
            // the extra one did.
            Err(last) if !last.is_retryable() || !was_first => Err(last),
            Err(_) => Err(error),
        }
    }
}

impl Trigger {
    /// How long to wait for the first attempt; `None` for as long as it takes.
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

/// Two attempts under way. Counts who won, also when the race is dropped.
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
    /// Those of the signer inside. An [alarm](Error::is_alarm) comes before a signature that was
    /// ready at the same time. Of two attempts that failed, the one that is not retryable, or else
    /// that of the first.
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

    /// Once, since nothing is attempted.
    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        self.inner.note_refusal(request, error).await;
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
