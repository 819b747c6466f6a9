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

/// Runs blocking work, such as a `C_Sign` of PKCS#11, on threads of its own, so many at a time.
///
/// This gives a provider what [`Signer::sign`](crate::Signer::sign) promises: dropping the future of
/// [`run`](Self::run) returns at once and nothing comes of the work. Work that has not begun never
/// begins. Work that has begun goes on *detached*, since no thread can be stopped, and its result is
/// dropped on that thread. Until it ends it keeps its place, so that a key store that hangs costs at
/// most so many threads, however many callers give up waiting.
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
/// Within a tokio runtime the threads are those of `spawn_blocking`; under another executor each
/// work has a thread of its own. Spans and events of the work belong to the span of its caller.
/// Clones share the places. Feature `blocking`.
#[derive(Clone, Debug)]
pub struct Blocking {
    places: Arc<Semaphore>,
    count: usize,
}

impl Blocking {
    /// At most `count` works at a time: as many as the key store takes at once, for example its
    /// sessions.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] when `count` is 0, or more than a `Semaphore` of tokio can count.
    pub fn new(count: usize) -> Result<Self> {
        const MOST: usize = Semaphore::MAX_PERMITS;
        match count {
            1..=MOST => Ok(Self {
                places: Arc::new(Semaphore::new(count)),
                count,
            }),
            _ => Err(Error::InvalidConfig {
                reason: format!("the count is {count}; use 1 to {MOST}"),
            }),
        }
    }

    /// How many works are under way now, with those whose callers have left.
    pub fn under_way(&self) -> usize {
        self.count - self.places.available_permits()
    }

    /// Runs `work` on another thread as soon as there is a place, in the order of the callers.
    ///
    /// There is no limit to the wait: a layer or the provider sets the timeout.
    ///
    /// # Errors
    ///
    /// What `work` returns. [`Error::KeyStore`] with [`KeyStoreFault::Other`] when it panics or no
    /// thread can be started, and [`Error::Cancelled`] when the runtime shuts down before it began.
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
            // Given back when the work ends, also by a panic, and not when its caller leaves.
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
    Error::KeyStore {
        fault: KeyStoreFault::Other,
        code: None,
        retry_after: None,
        remedy: "see the source, and report a panic to the authors of the provider".into(),
        receipt: None,
        source,
    }
}

#[cfg(test)]
mod tests;
