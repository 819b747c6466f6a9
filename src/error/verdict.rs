//! What a caller may do about each error: one table, and the questions that read it.

use std::time::Duration;

use super::{AnswerFault, AuditFault, EncodingFault, Error, KeyFault, KeyStoreFault};

/// What an error says of the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The cause passes without anyone's doing.
    Passing,
    /// The cause stays until someone acts, and belongs to this key store or region alone.
    Local,
    /// The cause stays, wherever the request goes.
    Final,
    /// Something answered that cannot be trusted.
    Alarm,
}

impl Error {
    /// Whether the same request may succeed later without any change.
    ///
    /// Signing twice is harmless: only verified signatures are returned, and both are over the
    /// same bytes. True for throttling, timeouts, lost connections, a key store that is
    /// temporarily unavailable, a successful answer that came incomplete, a deadline that passed,
    /// a client-side limit that let nothing through, and an audit sink that was busy. Not for
    /// [`Cancelled`](Self::Cancelled), which is the caller's own doing.
    ///
    /// The message says "retry" or "sign again" exactly when this is true, and "do not retry" never
    /// then; in [`KeyStore`](Self::KeyStore) it is the provider that words it.
    pub fn is_retryable(&self) -> bool {
        self.verdict() == Verdict::Passing
    }

    /// Whether the same request may succeed now with another signer of the same key, such as the
    /// replica of a multi-Region key in another region.
    ///
    /// True for every error that [is retryable](Self::is_retryable): what passes here need not
    /// have happened there. True as well for what stays until someone acts but belongs to this key
    /// store or region: access is denied, the key is not found, it is disabled, or it is in a
    /// state that does not allow signing; or what answers at the endpoint is not the key store.
    ///
    /// False for what follows the request or the caller everywhere: a request that the key cannot
    /// sign, a message that is too long, credentials that are not accepted. And false for an
    /// [alarm](Self::is_alarm): another answer would hide it.
    /// `layer::failover` decides by this.
    pub fn may_succeed_elsewhere(&self) -> bool {
        matches!(self.verdict(), Verdict::Passing | Verdict::Local)
    }

    /// Whether something answered that cannot be the key you pinned: find out what, before you
    /// sign more.
    ///
    /// True for a signature that does not verify, is malformed or is another key's, for an answer by another key or
    /// with another algorithm, and for a key whose description contradicts its public key or the
    /// pinned one. The cause is most often a moved alias or a wrong pin, and may be something that
    /// changes what the key store answers. Nothing was returned. An alarm is neither retryable nor
    /// tried elsewhere, and layers that choose between answers report and return each one they
    /// get. An attempt that is still in flight when another one signs is dropped, and what it would
    /// have answered is not known.
    pub fn is_alarm(&self) -> bool {
        self.verdict() == Verdict::Alarm
    }

    /// Without a wildcard, so that a new error cannot do without a verdict.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::DeadlineExceeded { .. } | Self::QueueFull { .. } | Self::QueuedTooLong { .. } => {
                Verdict::Passing
            }
            Self::KeyStore { fault, .. } => match fault {
                KeyStoreFault::Throttled
                | KeyStoreFault::Unavailable
                | KeyStoreFault::Timeout
                | KeyStoreFault::Connection => Verdict::Passing,
                KeyStoreFault::AccessDenied
                | KeyStoreFault::NotFound
                | KeyStoreFault::Disabled
                | KeyStoreFault::InvalidState
                | KeyStoreFault::WrongEndpoint => Verdict::Local,
                // The credentials are the caller's in every region.
                KeyStoreFault::Credentials
                | KeyStoreFault::InvalidUsage
                | KeyStoreFault::InvalidRequest
                | KeyStoreFault::Other => Verdict::Final,
            },
            Self::UnusableAnswer { fault, .. } => match fault {
                AnswerFault::Missing { .. } => Verdict::Passing,
                AnswerFault::TooLong { .. } => Verdict::Local,
                AnswerFault::Key { .. } | AnswerFault::Algorithm { .. } => Verdict::Alarm,
            },
            Self::AuditFailed { fault, .. } => match fault {
                AuditFault::Temporary => Verdict::Passing,
                AuditFault::Permanent => Verdict::Final,
            },
            Self::UnencodableSignature { fault } => match fault {
                EncodingFault::ReducedX => Verdict::Passing,
                EncodingFault::VTooLarge => Verdict::Final,
            },
            Self::KeyRefused { fault, .. } => match fault {
                KeyFault::Contradiction { .. } | KeyFault::AnotherPublicKey => Verdict::Alarm,
                KeyFault::Spec { .. }
                | KeyFault::Usage { .. }
                | KeyFault::Algorithm { .. }
                | KeyFault::PublicKey(_) => Verdict::Final,
            },
            Self::InvalidSignature { .. }
            | Self::SignatureNotVerified { .. }
            | Self::SignedByAnotherKey { .. }
            | Self::KeyMoved { .. } => Verdict::Alarm,
            Self::InvalidPublicKey { .. }
            | Self::InvalidSecretKey { .. }
            | Self::Randomness { .. }
            | Self::KeyTypeMismatch { .. }
            | Self::UnsupportedRequest { .. }
            | Self::AmbiguousMessage
            | Self::InvalidDigestLength { .. }
            | Self::MessageLength { .. }
            | Self::ChainIdRefused { .. }
            | Self::BareHashRefused { .. }
            | Self::InvalidPayload { .. }
            | Self::InvalidConfig { .. }
            | Self::Cancelled => Verdict::Final,
        }
    }

    /// Whether fewer requests are asked for, by the key store or by a client-side limit. Such an
    /// error is also retryable.
    pub fn is_throttled(&self) -> bool {
        matches!(
            self,
            Self::QueueFull { .. }
                | Self::KeyStore {
                    fault: KeyStoreFault::Throttled,
                    ..
                }
        )
    }

    /// How long to wait before the next attempt, when the key store or a client-side limit said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::KeyStore { retry_after, .. } => *retry_after,
            Self::QueueFull { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
