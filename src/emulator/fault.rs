//! Faults: what can be made to go wrong, one constructor for each.

use std::time::Duration;

use hyper::{StatusCode, body::Bytes};

mod change;
mod latency;
mod lie;
mod rules;
mod service_error;

pub use self::{
    latency::Latency,
    lie::SignaturePart,
    rules::{FaultRule, InjectedFault},
};

pub(super) use self::{
    rules::{Plan, Rules, Seen},
    service_error::{ServiceError, Subject},
};

use self::{
    change::Change,
    lie::{Forgery, Lie},
    service_error::CLOCK_SKEW,
};
use super::answer::{Abort, Delivery};

/// One thing that goes wrong; a [`FaultRule`] says when.
///
/// The table in the [module's documentation](crate::emulator#faults) has all of them.
///
/// ```
/// use std::time::Duration;
/// use kms_signer::emulator::Fault;
///
/// let busy = Fault::throttling().retry_after(Duration::from_secs(2));
/// let new_error = Fault::error("KeyOnHolidayException").status(503).message("Back on Monday.");
/// let proxy = Fault::page(502);
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    pub(super) kind: Kind,
    pub(super) status: Option<StatusCode>,
    pub(super) retry_after: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Goes on to the next rule.
    Delay(Latency),
    /// Goes on to the next rule.
    Change(Change),
    /// Sent by KMS, which does nothing else.
    Error(ServiceError),
    /// Sent by something before KMS, which sees nothing of the request.
    Response(Page),
    /// The request reaches nobody.
    Abort(Abort),
    /// The request reaches nobody, and the connection stays.
    Stall,
    /// KMS handles the request, and its answer does not arrive.
    AbortAfter(Abort),
    /// KMS handles the request, and its answer arrives in another way.
    Delivery(Delivery),
    /// KMS handles the request, and another answer arrives.
    Lie(Lie),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

/// Errors of KMS. The request is not handled.
impl Fault {
    /// An error of KMS by its code, for example `NotFoundException`.
    ///
    /// Status and message are those of KMS where it has them. A code that KMS does not know is
    /// sent with status 400 and without a message.
    pub fn error(code: &str) -> Self {
        Self::new(Kind::Error(ServiceError {
            code: code.to_owned(),
            message: None,
        }))
    }

    /// `ThrottlingException`, as above the account's quota.
    pub fn throttling() -> Self {
        Self::error("ThrottlingException")
    }

    /// `AccessDeniedException`, as without a policy that allows the operation.
    pub fn access_denied() -> Self {
        Self::error("AccessDeniedException")
    }

    /// `KMSInternalException`, with status 500.
    pub fn internal_error() -> Self {
        Self::error("KMSInternalException")
    }

    /// `InvalidSignatureException`, as for a client whose clock is late by a quarter of an hour. The
    /// answer's `Date` is the time, so a client whose clock is right has nothing to correct.
    pub fn clock_skew() -> Self {
        Self::error("InvalidSignatureException").message(CLOCK_SKEW)
    }

    /// `ExpiredTokenException`, as for temporary credentials that were not renewed.
    pub fn expired_credentials() -> Self {
        Self::error("ExpiredTokenException")
    }
}

/// Refinements.
impl Fault {
    /// Another HTTP status, for any fault with an answer. One below 200 or above 999 is taken as
    /// 500.
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status_code(status));
        self
    }

    /// Another message, for an error of KMS. An empty one is left out. It changes no other fault.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        if let Kind::Error(error) = &mut self.kind {
            error.message = Some(message.into());
        }
        self
    }

    /// A header `Retry-After`, for any fault with an answer; in whole seconds, rounded up.
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self
    }
}

/// Answers that are not of KMS. The request is not handled.
impl Fault {
    /// A page in HTML, as a load balancer or a proxy answers in KMS's place: 502, 503, even 200.
    /// A status below 200 or above 999 is taken as 500.
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

    /// An answer of your own. A status below 200 or above 999 is taken as 500, and a
    /// `content_type` that fits into no header is left out.
    pub fn response(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(Kind::Response(Page {
            status: status_code(status),
            content_type: content_type.to_owned(),
            body: Bytes::from(body.into()),
        }))
    }
}

/// Successful answers that were spoilt. The request is handled; what KMS refuses stays as it is.
impl Fault {
    /// The body is empty.
    pub fn empty_body() -> Self {
        Self::lie(Lie::EmptyBody)
    }

    /// The body is `{}`.
    pub fn empty_object() -> Self {
        Self::lie(Lie::EmptyObject)
    }

    /// The body lacks the last byte of its JSON; its length is announced as it is.
    pub fn malformed_json() -> Self {
        Self::lie(Lie::MalformedJson)
    }

    /// The member `Signature` of `Sign`, or `PublicKey` of `GetPublicKey`, is not base64.
    pub fn bad_base64() -> Self {
        Self::lie(Lie::BadBase64)
    }

    /// One member is left out, for example `KeyId`.
    pub fn without_member(name: &str) -> Self {
        Self::lie(Lie::Without(name.to_owned()))
    }

    /// Half of the body comes, and then the connection is closed. Errors are cut too.
    pub fn truncated_body() -> Self {
        Self::new(Kind::Delivery(Delivery::Truncated))
    }
}

/// Connections that break, hang or crawl.
impl Fault {
    /// The connection is reset (RST), and the request is not handled.
    pub fn reset() -> Self {
        Self::new(Kind::Abort(Abort::Reset))
    }

    /// The request is handled, so that a key has signed, and then the connection is reset.
    pub fn reset_after_processing() -> Self {
        Self::new(Kind::AbortAfter(Abort::Reset))
    }

    /// The connection is closed (FIN) without an answer, and the request is not handled.
    pub fn close() -> Self {
        Self::new(Kind::Abort(Abort::Close))
    }

    /// The answer is whole, and then the connection is closed, though it was to be kept alive.
    ///
    /// A client that pools connections finds a stale one for its next request.
    pub fn close_after_answer() -> Self {
        Self::new(Kind::Delivery(Delivery::ThenClose))
    }

    /// Nothing is ever answered, and the request is not handled. The connection stays open until
    /// the client closes it or the emulator stops.
    pub fn stall() -> Self {
        Self::new(Kind::Stall)
    }

    /// The headers and half of the body come, and then nothing more, as for [`stall`](Self::stall).
    pub fn stall_in_body() -> Self {
        Self::new(Kind::Delivery(Delivery::Stalled))
    }

    /// The body comes byte by byte, with a pause of at least a millisecond before each.
    pub fn slow_body(pause: Duration) -> Self {
        Self::new(Kind::Delivery(Delivery::Slow { pause }))
    }

    /// The request waits before it is handled. If the client goes away meanwhile, it never is.
    ///
    /// Latencies add up, and other rules are asked as if there were none.
    pub fn latency(latency: Latency) -> Self {
        Self::new(Kind::Delay(latency))
    }
}

/// Answers that lie. All of them a [`Verifier`](crate::Verifier) refuses, or a comparison of what
/// was answered with what was asked.
impl Fault {
    /// `Sign`, `Verify` or `GetPublicKey` names another key: any text.
    pub fn other_key_id(key_id: &str) -> Self {
        Self::lie(Lie::KeyId(key_id.to_owned()))
    }

    /// `Sign` or `Verify` names another signing algorithm: any text.
    pub fn other_algorithm(algorithm: &str) -> Self {
        Self::lie(Lie::Algorithm(algorithm.to_owned()))
    }

    /// `Sign` signs with another key of the same type, made for the occasion.
    pub fn signature_by_another_key() -> Self {
        Self::lie(Lie::Signature(Forgery::ByAnotherKey))
    }

    /// `Sign` signs something else than it was given, with the right key.
    pub fn signature_over_another_message() -> Self {
        Self::lie(Lie::Signature(Forgery::OverAnotherMessage))
    }

    /// `Sign` answers as it should have answered the `Sign` before, of the same key; the key signs
    /// nevertheless. Until a key has signed once, this matches no request.
    ///
    /// If both requests ask for the same, the old signature is as good as a new one.
    pub fn replayed_answer() -> Self {
        Self::lie(Lie::Replayed)
    }

    /// One bit of the signature is flipped: the one given, or any.
    ///
    /// Bit 0 is the most significant of the part's first byte. Beyond its last one counting starts
    /// again from 0.
    pub fn flipped_signature_bit(part: SignaturePart, bit: Option<usize>) -> Self {
        Self::lie(Lie::Signature(Forgery::FlippedBit(part, bit)))
    }

    /// One bit of the SPKI in `GetPublicKey` is flipped: the one given, or any. Bits are counted
    /// as for [`flipped_signature_bit`](Self::flipped_signature_bit).
    ///
    /// What comes out is most often no key at all, and else another one.
    pub fn flipped_public_key_bit(bit: Option<usize>) -> Self {
        Self::lie(Lie::FlippedPublicKeyBit(bit))
    }

    /// A zero byte follows the signature.
    pub fn trailing_byte() -> Self {
        Self::lie(Lie::Signature(Forgery::TrailingByte))
    }

    /// The signature of an ECDSA key comes as 64 bytes `r‖s`, as long as one of Ed25519, and not
    /// in DER.
    pub fn fixed_width_signature() -> Self {
        Self::lie(Lie::Signature(Forgery::FixedWidth))
    }
}

/// Signatures of ECDSA keys that are unusual and valid. KMS makes all of them.
impl Fault {
    /// `s` is above half the order, as in one of two signatures of KMS.
    pub fn high_s() -> Self {
        Self::lie(Lie::Signature(Forgery::HighS))
    }

    /// `s` is at most half the order.
    pub fn low_s() -> Self {
        Self::lie(Lie::Signature(Forgery::LowS))
    }

    /// `r` begins with a zero byte, which makes the DER shorter, as in one of 256 signatures.
    ///
    /// The key signs until it is so, at most 4096 times. It fails with one of 9 million requests,
    /// which get a signature as any other.
    pub fn short_r() -> Self {
        Self::lie(Lie::Signature(Forgery::ShortR))
    }
}

/// Changes just before a request is handled. They add up and other rules are asked, as if there
/// were none. A change that KMS would refuse does not take place.
impl Fault {
    /// An alias is pointed at another key.
    pub fn alias_moved(alias: &str, key_id: &str) -> Self {
        Self::new(Kind::Change(Change::MoveAlias {
            alias: alias.to_owned(),
            key_id: key_id.to_owned(),
        }))
    }

    /// The key that the request names is disabled.
    pub fn key_disabled() -> Self {
        Self::new(Kind::Change(Change::DisableKey))
    }

    /// The deletion of the key that the request names is scheduled.
    pub fn key_deletion_scheduled() -> Self {
        Self::new(Kind::Change(Change::ScheduleKeyDeletion))
    }

    /// The key that the request names is deleted, with its aliases.
    pub fn key_deleted() -> Self {
        Self::new(Kind::Change(Change::DeleteKey))
    }
}

impl Fault {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            status: None,
            retry_after: None,
        }
    }

    fn lie(lie: Lie) -> Self {
        Self::new(Kind::Lie(lie))
    }
}

/// As [`Fault::latency`].
impl From<Latency> for Fault {
    fn from(latency: Latency) -> Self {
        Self::latency(latency)
    }
}

/// 1xx are no answers, and hyper would not send them.
fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status)
        .ok()
        .filter(|status| !status.is_informational())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests;
