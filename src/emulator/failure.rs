//! Injected failures: what an emulator does wrong on command, with one constructor for each.

use std::time::Duration;

use hyper::{StatusCode, body::Bytes};

mod injected;
mod latency;
mod rule;
mod rules;

pub use self::{injected::InjectedFailure, latency::Latency, rule::FailureRule};

pub(super) use self::rules::{Plan, Rules, Seen};

use super::{
    answer::{Abort, Delivery},
    service::Emulated,
};

/// One thing that goes wrong; a [`FailureRule`] says when.
///
/// The constructors here are for failures on the way to a key store, whichever store that is. A key
/// store's emulator adds its own, and has a short name for this type:
/// [`aws_kms::KmsFailure`](super::aws_kms::KmsFailure).
///
/// ```
/// use std::time::Duration;
/// use kms_signer::emulator::aws_kms::KmsFailure;
///
/// let busy = KmsFailure::throttling().retry_after(Duration::from_secs(2));
/// let new_error = KmsFailure::error("KeyOnHolidayException").status(503).message("Back on Monday.");
/// let proxy = KmsFailure::page(502);
/// ```
#[derive(Clone, Debug)]
pub struct Failure<S: Emulated> {
    pub(super) kind: Kind<S>,
    pub(super) status: Option<StatusCode>,
    pub(super) retry_after: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind<S: Emulated> {
    /// Asks the next rule too.
    Delay(Latency),
    /// Asks the next rule too.
    Change(S::Change),
    /// The key store gives this answer.
    WrongAnswer(S::WrongAnswer),
    /// Something in front of the key store answers; the key store never sees the request.
    Response(Page),
    /// The request does not arrive, and the connection ends.
    Abort(Abort),
    /// The request does not arrive, and the connection stays open.
    Stall,
    /// The key store handles the request, and its answer does not arrive.
    AbortAfter(Abort),
    /// The key store handles the request, and its answer arrives incomplete, slowly, or before the
    /// connection closes.
    Delivery(Delivery),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

/// Refinements.
impl<S: Emulated> Failure<S> {
    /// Sets another HTTP status, for any failure with an answer. A status below 200 or above 999
    /// becomes 500.
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status_code(status));
        self
    }

    /// Adds a `Retry-After` header, for any failure with an answer, in whole seconds, rounded up.
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self
    }
}

/// Answers that do not come from the key store. The request is not handled.
impl<S: Emulated> Failure<S> {
    /// An HTML page, as a load balancer or a proxy sends it: 502, 503, even 200. A status below 200
    /// or above 999 becomes 500.
    pub fn page(status: u16) -> Self {
        let status = status_code(status);
        let title = match status.canonical_reason() {
            Some(reason) => format!("{} {reason}", status.as_str()),
            None => status.as_str().to_owned(),
        };
        let body = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n\
             <center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        Self::response(status.as_u16(), "text/html", body)
    }

    /// Your own answer. A status below 200 or above 999 becomes 500. A `content_type` that is not a
    /// valid header is left out.
    pub fn response(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(Kind::Response(Page {
            status: status_code(status),
            content_type: content_type.to_owned(),
            body: Bytes::from(body.into()),
        }))
    }
}

/// Connections that break, hang or crawl.
impl<S: Emulated> Failure<S> {
    /// The connection is reset (RST), and the request is not handled.
    pub fn reset() -> Self {
        Self::new(Kind::Abort(Abort::Reset))
    }

    /// The key store handles the request, so the key has signed, and then the connection is reset.
    pub fn reset_after_processing() -> Self {
        Self::new(Kind::AbortAfter(Abort::Reset))
    }

    /// The connection is closed (FIN) without an answer, and the request is not handled.
    pub fn close() -> Self {
        Self::new(Kind::Abort(Abort::Close))
    }

    /// The answer arrives whole, and then the connection is closed without notice.
    ///
    /// A client that pools connections uses a closed one for its next request.
    pub fn close_after_answer() -> Self {
        Self::new(Kind::Delivery(Delivery::ThenClose))
    }

    /// No answer ever comes, and the request is not handled. The connection stays open until the
    /// client closes it or the emulator stops.
    pub fn stall() -> Self {
        Self::new(Kind::Stall)
    }

    /// The headers and half of the body arrive, and then nothing more. The connection stays open as
    /// for [`stall`](Self::stall).
    pub fn stall_in_body() -> Self {
        Self::new(Kind::Delivery(Delivery::Stalled))
    }

    /// Half of the body arrives, and then the connection is closed. This cuts errors too.
    pub fn truncated_body() -> Self {
        Self::new(Kind::Delivery(Delivery::Truncated))
    }

    /// The body arrives byte by byte, with a pause of at least a millisecond before each byte.
    pub fn slow_body(pause: Duration) -> Self {
        Self::new(Kind::Delivery(Delivery::Slow { pause }))
    }

    /// The request waits before it is handled. It is not handled at all if the client closes the
    /// connection during the wait.
    ///
    /// Latencies add up, and the emulator still asks the other rules.
    pub fn latency(latency: Latency) -> Self {
        Self::new(Kind::Delay(latency))
    }
}

impl<S: Emulated> Failure<S> {
    pub(super) fn new(kind: Kind<S>) -> Self {
        Self {
            kind,
            status: None,
            retry_after: None,
        }
    }
}

/// As [`Failure::latency`].
impl<S: Emulated> From<Latency> for Failure<S> {
    fn from(latency: Latency) -> Self {
        Self::latency(latency)
    }
}

/// 1xx is not a final answer, and hyper would not send it.
fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status)
        .ok()
        .filter(|status| !status.is_informational())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests;
