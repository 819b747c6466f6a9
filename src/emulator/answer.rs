//! What goes back to a client: an answer, whole or in parts, or the end of its connection.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::{
    Response,
    body::{Body, Bytes, Frame, SizeHint},
};
use tokio::{
    sync::Notify,
    time::{Sleep, sleep},
};

/// What the server does with a request.
pub(super) type Answer = Result<Response<AnswerBody>, Abort>;

/// The end of a connection, instead of an answer or in the middle of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Abort {
    /// With a FIN: every byte that was sent still arrives.
    #[error("the connection is closed without an answer")]
    Close,
    /// With an RST: the client's next read fails.
    #[error("the connection is reset without an answer")]
    Reset,
}

/// How a complete answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// All of it; then the connection is closed without notice.
    ThenClose,
    /// Half of the body, and then the connection is closed.
    Truncated,
    /// Half of the body, and then nothing.
    Stalled,
    /// One byte of the body at a time, each after a pause.
    Slow { pause: Duration },
}

/// A body with its announced length, which may be more than is sent.
pub(super) struct AnswerBody {
    /// What is still to be sent.
    rest: Bytes,
    /// How much of the announced length is not sent yet.
    announced: usize,
    pace: Pace,
    hang_up: HangUp,
}

enum Pace {
    AtOnce,
    ThenAbort {
        is_flushed: bool,
    },
    ThenStall,
    Slow {
        pause: Duration,
        pending: Option<Pin<Box<Sleep>>>,
    },
}

/// Whether to close the connection after the body.
enum HangUp {
    No,
    Yes,
    /// Notifies the connection when hyper drops it, which is at the body's end.
    Notifies(Arc<Notify>),
}

impl AnswerBody {
    pub(super) fn whole(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self {
            announced: body.len(),
            rest: body,
            pace: Pace::AtOnce,
            hang_up: HangUp::No,
        }
    }

    pub(super) fn deliver(mut self, delivery: Delivery) -> Self {
        match delivery {
            Delivery::ThenClose => self.hang_up = HangUp::Yes,
            Delivery::Truncated => self.halve(Pace::ThenAbort { is_flushed: false }),
            Delivery::Stalled => self.halve(Pace::ThenStall),
            Delivery::Slow { pause } => {
                self.pace = Pace::Slow {
                    pause,
                    pending: None,
                };
            }
        }
        self
    }

    fn halve(&mut self, pace: Pace) {
        // An empty body announces one byte, so that something can be missing.
        self.announced = self.rest.len().max(1);
        self.rest.truncate(self.rest.len() / 2);
        self.pace = pace;
    }

    /// Sets the connection to notify, for a body that closes its connection.
    pub(super) fn on(mut self, connection: &Arc<Notify>) -> Self {
        if matches!(self.hang_up, HangUp::Yes) {
            self.hang_up = HangUp::Notifies(connection.clone());
        }
        self
    }

    fn send(&mut self, length: usize) -> Poll<Option<Result<Frame<Bytes>, Abort>>> {
        let data = self.rest.split_to(length.min(self.rest.len()));
        self.announced = self.announced.saturating_sub(data.len());
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Abort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Abort>>> {
        let this = &mut *self;
        if this.announced == 0 {
            return Poll::Ready(None);
        }
        if let Pace::Slow { pause, pending } = &mut this.pace {
            let pause = *pause;
            // A timer takes at least a millisecond.
            if !pause.is_zero() {
                let sleep = pending.get_or_insert_with(|| Box::pin(sleep(pause)));
                ready!(sleep.as_mut().poll(context));
                *pending = None;
            }
            return this.send(1);
        }
        if !this.rest.is_empty() {
            return this.send(usize::MAX);
        }
        match &mut this.pace {
            // On an error hyper discards what it has not written yet, so it first gets time to
            // write.
            Pace::ThenAbort { is_flushed: false } => {
                this.pace = Pace::ThenAbort { is_flushed: true };
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Pace::ThenAbort { is_flushed: true } => Poll::Ready(Some(Err(Abort::Close))),
            Pace::ThenStall => Poll::Pending,
            Pace::AtOnce | Pace::Slow { .. } => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.announced == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced as u64)
    }
}

impl Drop for HangUp {
    fn drop(&mut self) {
        if let Self::Notifies(connection) = self {
            connection.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
