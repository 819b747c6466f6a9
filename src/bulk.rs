//! Many requests, or many keys, at the same time.
//!
//! ```
//! use kms_signer::{SignRequest, Signer, bulk::Bulk};
//!
//! # async fn example(signer: impl Signer, preimages: Vec<Vec<u8>>) -> kms_signer::Result<()> {
//! let requests = preimages.iter().map(|preimage| SignRequest::keccak256(preimage));
//! let results = Bulk::with_concurrency(64)?
//!     .on_progress(|progress| eprintln!("{} of {}", progress.done, progress.total))
//!     .sign_all(&signer, requests)
//!     .await;
//! for (index, result) in results.iter().enumerate() {
//!     match result {
//!         Ok(signed) => println!("{index}: {:?}", signed.signature),
//!         Err(error) => eprintln!("{index}: {error}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Bulk::run`] does the same with any futures, for example to open many keys:
//!
//! ```no_run
//! # #[cfg(feature = "aws-kms")]
//! # async fn example(aliases: Vec<String>, hot: kms_signer::provider::aws_kms::AwsKmsSigner) {
//! use kms_signer::bulk::Bulk;
//!
//! // They share one client and one retry budget.
//! let opening = aliases.iter().map(|alias| hot.another_key(alias).connect());
//! let signers = Bulk::new().run(opening).await;
//! # }
//! ```

use std::{fmt, task::Poll};

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{self, BoxFuture},
    stream,
};

use crate::{Error, Result, SignRequest, Signed, Signer};

const DEFAULT_CONCURRENCY: usize = 32;

/// Processes many requests with bounded concurrency.
///
/// Results are in the order of the requests. A failure does not affect the other requests. `Bulk`
/// itself neither retries nor limits the rate: put a layer around the signer for that.
///
/// The task that polls the returned future does the work, on any executor. Dropping the future
/// drops the requests in flight. The future is `Send`, and its inputs must be too.
///
/// Besides the results, it needs memory only for the requests in flight.
#[must_use = "a bulk does nothing until `sign_all` or `run` is called and awaited"]
pub struct Bulk<'a> {
    concurrency: usize,
    on_progress: Box<dyn FnMut(Progress) + Send + 'a>,
    until: BoxFuture<'a, ()>,
}

/// How many requests are finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many are finished, with a result or an error.
    pub done: usize,
    /// How many there are.
    pub total: usize,
}

impl<'a> Bulk<'a> {
    /// A bulk run with a concurrency of 32 and no reports of progress.
    pub fn new() -> Self {
        Self {
            concurrency: DEFAULT_CONCURRENCY,
            on_progress: Box::new(|_| {}),
            until: future::pending().boxed(),
        }
    }

    /// A bulk run with at most `concurrency` requests in flight, 1 or more.
    ///
    /// The highest rate is this number divided by the time of one signature: 1600 signatures per
    /// second with 32 and 20 ms. To stay within a key store's quota, use `layer::rate_limit`
    /// instead, with a queue at least as long as the concurrency.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] when `concurrency` is 0.
    pub fn with_concurrency(concurrency: usize) -> Result<Self> {
        match concurrency {
            0 => Err(Error::invalid_config(
                "the concurrency is 0",
                "use at least 1",
            )),
            _ => Ok(Self {
                concurrency,
                ..Self::new()
            }),
        }
    }

    /// Calls `report` each time a request finishes.
    ///
    /// It runs on the task that does the work, so it must not block.
    pub fn on_progress(mut self, report: impl FnMut(Progress) + Send + 'a) -> Self {
        self.on_progress = Box::new(report);
        self
    }

    /// Stops as soon as `stop` resolves.
    ///
    /// It then starts no further request, drops those in flight, and returns the results so far.
    /// All other results are [`Error::Cancelled`]. The key may have signed one of these requests,
    /// but its signature is not returned.
    ///
    /// ```
    /// # use kms_signer::{Result, SignRequest, Signed, Signer, bulk::Bulk};
    /// # async fn example(
    /// #     signer: impl Signer, requests: Vec<SignRequest<'_>>, shutdown: impl Future<Output = ()> + Send,
    /// # ) -> Vec<Result<Signed>> {
    /// Bulk::new().until(shutdown).sign_all(&signer, requests).await
    /// # }
    /// ```
    pub fn until(mut self, stop: impl Future + Send + 'a) -> Self {
        self.until = stop.map(drop).boxed();
        self
    }

    /// Signs each of `requests`, and returns the results in the same order.
    ///
    /// It takes each request from the iterator when it starts it, so a lazy iterator also spreads
    /// out the hashing.
    ///
    /// # Errors
    ///
    /// Each result has its own error: [`Error::Cancelled`] after [`until`](Self::until), otherwise
    /// one that the signer documents.
    pub fn sign_all<'r, S, I>(
        self,
        signer: &S,
        requests: I,
    ) -> impl Future<Output = Vec<Result<Signed>>> + Send
    where
        S: Signer + ?Sized,
        I: IntoIterator<Item = SignRequest<'r>, IntoIter: ExactSizeIterator + Send>,
    {
        let signing = requests
            .into_iter()
            .map(move |request| async move { signer.sign(&request).await });
        self.run(signing)
    }

    /// Runs each of `futures`, and returns the results in the same order.
    ///
    /// It takes each future from the iterator when it starts it, so a lazy iterator never makes
    /// more futures at a time than the concurrency.
    ///
    /// # Errors
    ///
    /// Each result has its own error: [`Error::Cancelled`] after [`until`](Self::until), otherwise
    /// the one that the future returned.
    pub fn run<T, F, I>(mut self, futures: I) -> impl Future<Output = Vec<Result<T>>> + Send
    where
        T: Send,
        F: Future<Output = Result<T>> + Send,
        I: IntoIterator<Item = F, IntoIter: ExactSizeIterator + Send>,
    {
        let futures = futures.into_iter();
        async move {
            let total = futures.len();
            let mut results: Vec<Option<Result<T>>> = Vec::new();
            results.resize_with(total, || None);
            let mut finished = stream::iter(futures.enumerate())
                .map(|(index, future)| future.map(move |result| (index, result)))
                .buffer_unordered(self.concurrency)
                .take_until(self.until);

            let mut done = 0;
            while let Some((index, result)) = finished.next().await {
                if let Some(place) = results.get_mut(index) {
                    *place = Some(result);
                }
                done += 1;
                (self.on_progress)(Progress { done, total });
                // Otherwise futures that never wait would keep the thread busy until all are done,
                // and the task that resolves `until` might never run.
                give_way().await;
            }
            // Drop the requests in flight before the caller gets the results.
            drop(finished);
            results
                .into_iter()
                .map(|result| result.unwrap_or(Err(Error::Cancelled)))
                .collect()
        }
    }
}

impl Default for Bulk<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Bulk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk")
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

/// Lets any executor run other tasks.
async fn give_way() {
    let mut has_given_way = false;
    future::poll_fn(|context| match has_given_way {
        true => Poll::Ready(()),
        false => {
            has_given_way = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}
