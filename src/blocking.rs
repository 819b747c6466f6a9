//! Work that blocks its thread and cannot be stopped, for providers over a synchronous library.

use std::{io, sync::Arc, thread};

use tokio::{
    runtime::Handle,
    sync::{Semaphore, oneshot},
};
use tracing::{Span, dispatcher};

use crate::{
    Error, Result,
    error::{BoxError, KeyStoreFault},
};

/// Runs blocking work, such as a `C_Sign` of PKCS#11, on threads of its own, with bounded
/// concurrency.
///
/// This lets a provider keep the contract of [`Signer::sign`](crate::Signer::sign): dropping the
/// future of [`run`](Self::run) returns at once and discards the result. Work that has not started
/// never starts. Work that has started continues *detached*, since a thread cannot be stopped, and
/// its result is dropped on that thread. It counts against the limit until it ends, so a key store
/// that hangs blocks a bounded number of threads, however many callers give up.
///
/// ```
/// use kms_signer::{Blocking, Result};
///
/// # struct Hsm;
/// # impl Hsm { fn sign(&self, digest: &[u8]) -> Result<Vec<u8>> { Ok(digest.to_vec()) } }
/// async fn sign(hsm: std::sync::Arc<Hsm>, blocking: &Blocking, digest: [u8; 32]) -> Result<Vec<u8>> {
///     blocking.run(move || hsm.sign(&digest)).await
/// }
/// ```
///
/// In a tokio runtime it uses the threads of `spawn_blocking`; under another executor it starts a
/// thread for each piece of work. Spans and events of the work belong to the span of its caller.
/// Clones share the limit. Feature `blocking`.
#[derive(Clone, Debug)]
pub struct Blocking {
    places: Arc<Semaphore>,
    count: usize,
}

impl Blocking {
    /// Runs at most `count` pieces of work at a time. Use as many as the key store handles at once,
    /// for example its number of sessions.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] when `count` is 0 or above `Semaphore::MAX_PERMITS` of tokio.
    pub fn new(count: usize) -> Result<Self> {
        const MOST: usize = Semaphore::MAX_PERMITS;
        match count {
            1..=MOST => Ok(Self {
                places: Arc::new(Semaphore::new(count)),
                count,
            }),
            _ => Err(Error::invalid_config(
                format!("the count is {count}"),
                format!("use 1 to {MOST}"),
            )),
        }
    }

    /// How many pieces of work are running or wait for a thread, including those whose callers have
    /// given up.
    pub fn under_way(&self) -> usize {
        self.count - self.places.available_permits()
    }

    /// Runs `work` on another thread as soon as the limit allows it, in the order of the calls.
    ///
    /// It waits without a limit: a layer or the provider sets the timeout.
    ///
    /// # Errors
    ///
    /// Returns the error of `work`, [`Error::KeyStore`] with [`KeyStoreFault::Other`] when it
    /// panics or no thread can be started, and [`Error::Cancelled`] when the runtime shuts down
    /// before it starts.
    pub async fn run<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce() -> Result<T> + Send + 'static,
    {
        // Never closed.
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| Error::Cancelled)?;
        let (sender, receiver) = oneshot::channel();
        let (begun, has_begun) = oneshot::channel();
        let span = Span::current();
        let subscriber = dispatcher::get_default(Clone::clone);
        let detached = move || {
            // Freed when the work ends, even by a panic, and not when its caller gives up.
            let place = place;
            if sender.is_closed() {
                return;
            }
            let _ = begun.send(());
            let result = dispatcher::with_default(&subscriber, || span.in_scope(work));
            drop(place);
            // Without a caller the result is dropped.
            let _ = sender.send(result);
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(detached)),
            Err(_) => start_thread(detached)?,
        }
        match receiver.await {
            Ok(result) => result,
            Err(_) if has_begun.await.is_err() => Err(Error::Cancelled),
            Err(_) => Err(failed("the call to the key store panicked".into())),
        }
    }
}

fn start_thread(detached: impl FnOnce() + Send + 'static) -> Result<()> {
    let builder = thread::Builder::new().name("kms-signer-blocking".into());
    let started: io::Result<_> = builder.spawn(detached);
    started.map(drop).map_err(|error| failed(error.into()))
}

fn failed(source: BoxError) -> Error {
    Error::key_store(
        KeyStoreFault::Other,
        "read the source, and report a panic to the authors of the provider",
        source,
    )
}

#[cfg(test)]
mod tests;
