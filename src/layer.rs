//! Layers: signers around a signer. Each does one thing, and they nest.
//!
//! | layer | what it does |
//! |---|---|
//! | [`audit`] | records each signature, and returns none that is not recorded |
//! | [`timeout`] | ends a request that takes too long |
//! | [`rate_limit`] | stays below a quota, and backs off when the key store throttles |
//! | [`failover`] | asks another signer of the same key when one fails, or cannot use it |
//! | [`hedge`] | starts a second attempt when the first is slow |
//!
//! A layer is generic over the [`Signer`](crate::Signer) inside and knows no other layer. Where the
//! layers are settled at run time, `Arc<dyn Signer>` goes inside and comes out.
//!
//! A layer without settings has a `new`, one with settings has a builder. A number with which a layer
//! cannot work, such as a limit of 0, is [`Error::InvalidConfig`](crate::Error::InvalidConfig) from
//! `new` or `build`, with the name of the setting; no number is changed silently. `inner` borrows
//! the signer inside, and `into_inner` returns it.
//!
//! All of them need a tokio runtime with its timers enabled, and panic without one. Dropping the future of `sign` gives
//! back whatever it held, at any time: a place in a queue, a permit, a probe.
//!
//! # Order
//!
//! From the outside in. Leave out what you do not need:
//!
//! 1. **[`Audit`](audit::Audit)**: outermost, so that it records what the caller got, once for each request.
//! 2. **[`Timeout`](timeout::Timeout)**: the caller's patience. It counts all that
//!    follows: waiting for a turn, and one region after the other.
//! 3. **[`Failover`](failover::Failover)**: above the limits, since every region has a quota of its
//!    own. A region whose queue is full is then one more reason to ask the next.
//! 4. **[`RateLimited`](rate_limit::RateLimited)**: one [`RateLimit`](rate_limit::RateLimit) for
//!    each account and region, cloned to all its signers. Below a failover give its queue a short
//!    [`max_wait`](rate_limit::RateLimitBuilder::max_wait), some 100 ms: while a region throttles,
//!    that is what each request waits before it goes on to the next one.
//! 5. **[`Hedge`](hedge::Hedge)**: inside of the limit, or it would take waiting for a turn for a
//!    slow key store, and send more just when there is too much. Its second attempts are not
//!    counted by the limit, neither by rate nor in flight: keep 5 % of both free for them. Give
//!    the provider inside few attempts, since each of the two makes as many.
//! 6. **`Timeout`** once more, if there is a failover and the provider has no limit of its
//!    own, or one too long: a region that hangs must fail while there is time for the next one.
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
//!     // Made once for an account and region, and kept for its other signers.
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
