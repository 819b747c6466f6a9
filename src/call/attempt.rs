//! One attempt as its transport sees it: the deadline, and the mark that the request went out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// One attempt at a call, for the transport that makes it.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// The transport marks it when the request goes out, before it connects.
    pub(crate) sent: Arc<Sent>,
    /// When the whole call ends, with all its attempts.
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
    /// Records that the request goes out now.
    pub(crate) fn mark(&self) {
        self.is_marked.store(true, Ordering::Relaxed);
        self.marked.notify_one();
    }

    pub(super) fn is_marked(&self) -> bool {
        self.is_marked.load(Ordering::Relaxed)
    }

    /// Completes when the request has gone out.
    pub(super) async fn marked(&self) {
        self.marked.notified().await;
    }
}
