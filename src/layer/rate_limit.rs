//! A limit on requests to a key store, per second and in flight, shared by all signers on one quota.
//!
//! AWS KMS has a quota of requests per second for each account, region and type of key, and all
//! keys share it. So clone one [`RateLimit`] to every signer of that account and region. Choose the
//! rate yourself: AWS changes the quotas and raises them on request, and other programs use them
//! too. See the page "Request quotas" of the KMS guide, and the console of Service Quotas.
//!
//! ```
//! # async fn example() -> kms_signer::Result<()> {
//! use std::time::Duration;
//! use kms_signer::{KeyType, SignRequest, Signer, layer::rate_limit::RateLimit, provider::local::LocalSigner};
//!
//! let limit = RateLimit::per_second(300)
//!     .in_flight(32)
//!     .queue(2_000)
//!     .max_wait(Duration::from_secs(10))
//!     .build()?;
//! let payouts = limit.limit(LocalSigner::random(KeyType::Secp256k1)?);
//! let refunds = limit.limit(LocalSigner::random(KeyType::Secp256k1)?);
//! payouts.sign(&SignRequest::keccak256(b"preimage")).await?;
//!
//! // Other calls that count against the quota, such as opening a key.
//! let key = limit.run(async { LocalSigner::random(KeyType::P256) }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # The queue
//!
//! A request starts at once if no other waits and the limits allow it. Otherwise it waits in a
//! queue of bounded length, first come, first served. When the queue is full the request fails with
//! [`Error::QueueFull`](crate::Error::QueueFull), and when it waited too long with
//! [`Error::QueuedTooLong`](crate::Error::QueuedTooLong). In both cases nothing was sent. A request
//! that is dropped while it waits frees its place and does not count against the rate.
//!
//! In any span of `t` seconds at most `burst + rate·t` requests start. A provider's own retries
//! inside one request are not counted again: give it few attempts.
//!
//! # When the key store throttles
//!
//! It does so when other programs use the quota, or the rate is set too high. An error that
//! [`is_throttled`](crate::Error::is_throttled) is returned to its caller, and starts a pause for
//! all requests that share the limit:
//!
//! - The first pause takes 50 ms, and each further one twice as long, up to 1 s, until a request
//!   succeeds. If the key store says how long to wait, the pause takes that long, from 50 ms to
//!   5 s. Up to a quarter is added at random, so that processes that share a quota do not
//!   return together.
//! - Answers to requests from before the pause do not show whether it helped. So a burst of
//!   throttled answers counts once, and only makes the pause longer if one of them asks for it.
//! - After the pause one request, the probe, goes alone. If it succeeds, all may start. If it is
//!   throttled, the next pause begins. If it ends in another way, is dropped, or has no
//!   answer after 1 s, the next request becomes the probe.
//!
//! So a key store that throttles everything gets about one request per second, and full load again
//! less than 2 s after it has recovered, unless it asked for a longer pause.
//!
//! # Nesting
//!
//! The limit belongs to one account and region, so put it around the signer of that region and
//! inside a failover. See [the order of layers](crate::layer#order).

mod backoff;
mod builder;
mod gate;
mod rate;
mod signer;

use std::{fmt, sync::Arc};

use self::gate::Gate;
pub use self::{builder::RateLimitBuilder, signer::RateLimited};
use crate::{Result, Signer};

/// A limit on requests per second and in flight. Clones share it.
#[derive(Clone)]
pub struct RateLimit {
    gate: Arc<Gate>,
}

impl RateLimit {
    /// Starts to configure a limit of so many requests per second.
    pub fn per_second(rate: u32) -> RateLimitBuilder {
        RateLimitBuilder::new(rate)
    }

    /// Puts a signer under this limit.
    pub fn limit<S: Signer>(&self, signer: S) -> RateLimited<S> {
        RateLimited {
            inner: signer,
            limit: self.clone(),
        }
    }

    /// Runs one call under this limit, such as opening a key: waits in the queue, awaits it, and
    /// starts a pause if the key store throttled it.
    ///
    /// The call is not polled while it waits.
    ///
    /// # Errors
    ///
    /// Before the call was polled, [`Error::QueueFull`](crate::Error::QueueFull) and
    /// [`Error::QueuedTooLong`](crate::Error::QueuedTooLong). Afterwards those of the call.
    pub async fn run<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let permit = self.gate.enter().await?;
        let outcome = call.await;
        permit.finish(&outcome);
        outcome
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.gate.waiting()
    }

    /// How many requests are in flight, with the one at the head of the queue that waits for the rate.
    pub fn in_flight(&self) -> usize {
        self.gate.in_flight()
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("settings", self.gate.settings())
            .field("waiting", &self.waiting())
            .field("in_flight", &self.in_flight())
            .finish()
    }
}
