//! A limit on what this process asks of a key store, shared by all that count on one quota.
//!
//! AWS KMS has a quota of requests per second for each account, region and kind of key, and all
//! keys draw on it together. So one [`RateLimit`] is cloned to every signer of that account and
//! region. Which rate to give is for you to know: AWS changes the quotas, raises them on request,
//! and other programs draw on them too. The page "Request quotas" of the KMS guide and the console
//! of Service Quotas have them.
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
//! // Whatever else draws on the quota, such as opening a key.
//! let key = limit.run(async { LocalSigner::random(KeyType::P256) }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Who goes when
//!
//! A request goes at once if nobody waits and the limits allow it. Otherwise it waits in a queue
//! of bounded length, and is served first come, first served. A full queue refuses it with
//! [`Error::QueueFull`](crate::Error::QueueFull), and whoever waited too long gets
//! [`Error::QueuedTooLong`](crate::Error::QueuedTooLong). In both cases nothing was sent.
//! Requests that are dropped while they wait leave the queue, and cost nothing of the rate.
//!
//! In any span of `t` seconds at most `burst + rate·t` requests go. What a provider repeats by
//! itself inside one request is not counted again: give it few attempts of its own.
//!
//! # When the key store throttles
//!
//! It does so when others draw on the quota, or the rate was set too high. An error that
//! [`is_throttled`](crate::Error::is_throttled) is returned to its caller, and holds back everyone
//! who shares the limit:
//!
//! - The pause is 50 ms at first and twice as long after each pause that did not help, up to 1 s.
//!   If the key store said how long to wait, then that long, from 50 ms to 5 s. Up to a
//!   quarter is added at random, so that the processes that share a quota do not return together.
//! - What was sent before the pause began says nothing about whether it helped. So a burst of
//!   throttled answers is one event, and only makes the pause longer if an answer asks for it.
//! - After the pause one request goes alone. If it succeeds, everyone goes; if it is throttled, the
//!   next pause begins; if it ends in another way, or is dropped, the next one takes its
//!   place, and so too if it has no answer after 1 s.
//!
//! So a key store that throttles everything is asked about once a second, and takes requests again
//! less than 2 s after it has recovered, unless it asked for a longer pause.
//!
//! # Nesting
//!
//! The limit belongs to one account and region, so it goes around the signer of that region and
//! inside of a failover. See [the order of layers](crate::layer#order).

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

    /// Runs one call under this limit, such as opening a key: waits for its turn, awaits it, and
    /// starts a pause if the key store throttled it.
    ///
    /// The call is not polled before its turn.
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

    /// How many requests wait for their turn.
    pub fn waiting(&self) -> usize {
        self.gate.waiting()
    }

    /// How many requests are in flight. One that is next in turn and waits for the rate counts too.
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
