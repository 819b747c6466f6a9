//! Whether a retry helps after each error: one table, and the questions that read it.

use std::time::Duration;

use super::{AnswerFault, AuditFault, EncodingFault, Error, KeyFault, KeyStoreFault};

/// What helps after an error: see [`Error::verdict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// A retry may succeed, here or with another signer of the same key.
    Retryable,
    /// Like [`Retryable`](Self::Retryable), but send fewer requests.
    Throttled,
    /// A retry with the same signer may succeed later. Do not ask another signer: that would evade
    /// the rule that rejected the request.
    Later,
    /// Another signer of the same key may succeed, for example in another region. This one fails
    /// until an operator acts.
    Local,
    /// Nothing helps until the request, the configuration or the key changes.
    Final,
    /// The answer cannot be that of the pinned key. Investigate before you sign more.
    Alarm,
}

impl Error {
    /// Whether the same request may succeed later without any change.
    ///
    /// Signing twice is harmless: only verified signatures are returned, and both are over the same
    /// bytes. True for throttling, timeouts, lost connections, a key store that is temporarily
    /// unavailable, an incomplete answer, a client-side rate limit that did not admit the request,
    /// a rule that will allow it at a known time, and an audit sink that was busy. False for
    /// [`Cancelled`](Self::Cancelled), which was the caller's decision.
    ///
    /// [`remedy`](Self::remedy) says "retry" or "sign again" exactly when this is true, and "do not
    /// retry" only when it is false. The text in [`KeyStore`](Self::KeyStore),
    /// [`Refused`](Self::Refused) and [`InvalidConfig`](Self::InvalidConfig) comes from the
    /// provider, policy or builder that made the error.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.verdict(),
            Verdict::Retryable | Verdict::Throttled | Verdict::Later
        )
    }

    /// Whether the same request may succeed now with another signer of the same key, such as the
    /// replica of a multi-Region key in another region.
    ///
    /// `layer::failover` decides by this.
    ///
    /// True for every error that [is retryable](Self::is_retryable), except a rule that rejects the
    /// request for now ([`Refused`](Self::Refused)): asking elsewhere would evade it. Also true for
    /// an error that an operator must fix but that concerns only this key store or region: access
    /// is denied, the key is not found, disabled or in a state that does not allow signing, the
    /// endpoint is not the key store, or its answer is too long.
    ///
    /// False for an error that would be the same everywhere: a request that the key cannot sign, a
    /// message that is too long, rejected credentials. False for an [alarm](Self::is_alarm) too:
    /// another answer would hide it.
    pub fn may_succeed_elsewhere(&self) -> bool {
        matches!(
            self.verdict(),
            Verdict::Retryable | Verdict::Throttled | Verdict::Local
        )
    }

    /// Whether the answer cannot be that of the key you pinned: investigate before you sign more.
    ///
    /// True for a signature that does not verify, is malformed or is another key's, for an answer
    /// by another key or with another algorithm, and for a key whose description contradicts its
    /// public key or the pinned one. The cause is most often a moved alias or a wrong pin; it may
    /// also be a proxy that changes answers. No signature was returned. An alarm is neither retried
    /// nor sent to another signer, and `layer::failover` and `layer::hedge` report and return each
    /// one they get. They drop an attempt that is still in flight when another one signs, so its
    /// answer is not known.
    pub fn is_alarm(&self) -> bool {
        self.verdict() == Verdict::Alarm
    }

    /// Whether the key store or a client-side rate limit asks for fewer requests. Such an error is
    /// also retryable.
    pub fn is_throttled(&self) -> bool {
        self.verdict() == Verdict::Throttled
    }

    /// What helps. The questions above read this one table.
    pub fn verdict(&self) -> Verdict {
        // No wildcard, so that a new error does not compile without a verdict.
        match self {
            Self::TimedOut { .. } | Self::QueuedTooLong { .. } => Verdict::Retryable,
            Self::QueueFull { .. } => Verdict::Throttled,
            Self::Refused { retry_after, .. } => match retry_after {
                Some(_) => Verdict::Later,
                None => Verdict::Final,
            },
            Self::KeyStore { fault, .. } => match fault {
                KeyStoreFault::Provider(verdict) => *verdict,
                KeyStoreFault::Throttled => Verdict::Throttled,
                KeyStoreFault::Unavailable | KeyStoreFault::Timeout | KeyStoreFault::Connection => {
                    Verdict::Retryable
                }
                KeyStoreFault::AccessDenied
                | KeyStoreFault::NotFound
                | KeyStoreFault::Disabled
                | KeyStoreFault::InvalidState
                | KeyStoreFault::WrongEndpoint => Verdict::Local,
                // The caller uses the same credentials in every region.
                KeyStoreFault::Credentials
                | KeyStoreFault::InvalidUsage
                | KeyStoreFault::InvalidRequest
                | KeyStoreFault::Other => Verdict::Final,
            },
            Self::UnusableAnswer { fault, .. } => match fault {
                AnswerFault::Missing { .. } => Verdict::Retryable,
                AnswerFault::TooLong { .. } => Verdict::Local,
                AnswerFault::Key { .. } | AnswerFault::Algorithm { .. } => Verdict::Alarm,
            },
            Self::AuditFailed { fault, .. } => match fault {
                AuditFault::Temporary => Verdict::Retryable,
                AuditFault::Permanent => Verdict::Final,
            },
            Self::UnencodableSignature { fault } => match fault {
                EncodingFault::ReducedX => Verdict::Retryable,
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
            | Self::InvalidPayload { .. }
            | Self::InvalidConfig { .. }
            | Self::Cancelled => Verdict::Final,
        }
    }

    /// How long to wait before the next attempt, if the key store, a rule or a client-side rate
    /// limit set a time and the error [is retryable](Self::is_retryable).
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::KeyStore { retry_after, .. } | Self::Refused { retry_after, .. } => {
                retry_after.filter(|_| self.is_retryable())
            }
            Self::QueueFull { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
