//! Layers: signers around a signer. Each does one thing, and they nest.
//!
//! | layer | what it does |
//! |---|---|
//! | [`audit`] | records each signature before it returns it |
//! | [`timeout`] | ends a request that takes too long |
//! | [`rate_limit`] | stays below a quota, and pauses when the key store throttles |
//! | [`failover`] | asks another signer of the same key when one fails |
//! | [`hedge`] | starts a second attempt when the first is slow |
//!
//! A layer is generic over the [`Signer`](crate::Signer) inside and knows no other layer. To choose
//! layers at run time, use `Arc<dyn Signer>` as the signer inside.
//!
//! A layer without settings has a `new`, one with settings has a builder. A number with which a layer
//! cannot work, such as a limit of 0, is [`Error::InvalidConfig`](crate::Error::InvalidConfig) from
//! `new` or `build`, with the name of the setting; no number is changed silently. `inner` borrows
//! the signer inside, and `into_inner` returns it.
//!
//! Layers need a tokio runtime with its timers enabled, and panic without one. Dropping the future
//! of `sign` frees whatever it used: its place in a queue, its share of a limit, its probe.
//!
//! # Order
//!
//! From the outside in. Skip what you do not need:
//!
//! 1. **[`Audit`](audit::Audit)**: outermost, so that it records what the caller got, once for each
//!    request.
//!    A policy of your own goes right inside it: what it rejects, with
//!    [`Error::refused`](crate::Error::refused), is then recorded. If it has to be outside, it calls
//!    [`note_refusal`](crate::Signer::note_refusal) of the signer inside.
//! 2. **[`Timeout`](timeout::Timeout)**: how long the caller waits in all. It includes queues, and
//!    each region that is tried.
//! 3. **[`Failover`](failover::Failover)**: outside the rate limits, since each region has its own
//!    quota. If the queue of one region is full, the request goes to the next.
//! 4. **[`RateLimited`](rate_limit::RateLimited)**: one [`RateLimit`](rate_limit::RateLimit) for
//!    each account and region, cloned to all its signers. Inside a failover set a short
//!    [`max_wait`](rate_limit::RateLimitBuilder::max_wait), about 100 ms: while a region throttles,
//!    each request waits that long before it goes to the next region.
//! 5. **[`Hedge`](hedge::Hedge)**: inside the rate limit. Outside, it would mistake waiting in the
//!    queue for a slow key store, and add calls when there are too many. The limit does not count
//!    second attempts, neither per second nor in flight: keep 5 % of both free for them. Give the
//!    provider inside few retries, since a hedge doubles them.
//! 6. **`Timeout`** again, if there is a failover and the provider's own timeout is too long: a
//!    region that hangs must fail while there is time for the next one.
//! 7. The provider.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> kms_signer::Result<()> {
//! use std::{sync::Arc, time::Duration};
//! use kms_signer::{
//!     KeyType, SignRequest, Signer,
//!     layer::{timeout::Timeout, failover::Failover, hedge::Hedge, rate_limit::RateLimit},
//!     provider::local::LocalSigner,
//! };
//!
//! // In production, one `AwsKmsSigner` for each region of a multi-Region key.
//! let frankfurt = LocalSigner::random(KeyType::Secp256k1)?;
//! let dublin = frankfurt.clone();
//!
//! let mut regions = Vec::new();
//! for region in [frankfurt, dublin] {
//!     // One for each account and region, shared by all its signers.
//!     let limit = RateLimit::per_second(300).max_wait(Duration::from_millis(100)).build()?;
//!     let region = Timeout::new(region, Duration::from_secs(2))?;
//!     let region = Hedge::at_quantile(region, 0.95).build()?;
//!     regions.push(limit.limit(region));
//! }
//! let signer = Failover::builder(regions).build()?;
//! let signer: Arc<dyn Signer> = Arc::new(Timeout::new(signer, Duration::from_secs(10))?);
//!
//! let signed = signer.sign(&SignRequest::keccak256(b"preimage")).await?;
//! println!("{}", signed.receipt);
//! # Ok(())
//! # }
//! ```

pub mod audit;
pub mod failover;
pub mod hedge;
pub mod rate_limit;
pub mod timeout;
