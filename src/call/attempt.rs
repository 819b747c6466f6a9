//! What a transport knows of the attempt that it makes, and what it reports of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

/// One attempt at a call, for the transport that makes it.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// To be marked when the request goes out.
    pub(crate) sent: Arc<Sent>,
    /// When the call is over, with all its attempts.
    pub(crate) deadline: Instant,
}

impl Attempt {
    /// The time until the deadline of the call.
    pub(crate) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Whether the request of an attempt went out.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    is_marked: AtomicBool,
    marked: Notify,
}

impl Sent {
    /// The request goes out now.
    pub(crate) fn mark(&self) {
        self.is_marked.store(true, Ordering::Relaxed);
        self.marked.notify_one();
    }

    pub(super) fn is_marked(&self) -> bool {
        self.is_marked.load(Ordering::Relaxed)
    }

    /// Ends when `timeout` has passed since the request went out.
    ///
    /// Not since the attempt began: credentials may take as long as the whole call, since what was
    /// begun to get them would be lost with the attempt.
    pub(super) async fn expired(&self, timeout: Duration) {
        self.marked.notified().await;
        sleep(timeout).await;
    }
}
