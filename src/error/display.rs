//! The message of an error: what failed, then the remedy.

use std::fmt;

use super::Error;
use crate::{KeyType, Receipt};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_failure(f)?;
        write!(f, "; {}", self.remedy())
    }
}

impl Error {
    /// Writes what failed and with which key, without the remedy.
    fn fmt_failure(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidPublicKey { fault } => write!(f, "public key rejected: {fault}"),
            Self::InvalidSecretKey { key_type, .. } => {
                write!(f, "not a valid {}secret key", OfType(*key_type))
            }
            Self::Randomness { .. } => f.write_str(
                "the operating system's random number generator failed, so no key was made",
            ),
            Self::InvalidSignature { fault, receipt } => {
                write!(f, "signature rejected{}: {fault}", Of(receipt))
            }
            Self::SignatureNotVerified { receipt } => write!(
                f,
                "signature rejected{}: it does not verify under the pinned public key",
                Of(receipt)
            ),
            Self::SignedByAnotherKey { receipt } => write!(
                f,
                "signature rejected{}: it verifies under another key than the signer's public key",
                Of(receipt)
            ),
            Self::KeyTypeMismatch { expected, actual } => {
                write!(f, "the key is of type {actual} and must be {expected}")
            }
            Self::UnsupportedRequest { request, key_type } => {
                write!(f, "{key_type} keys cannot sign a `{request}` request")
            }
            Self::AmbiguousMessage => f.write_str(
                "a message of 32 bytes may be the digest of something else, such as a Tezos \
                 operation",
            ),
            Self::InvalidDigestLength { actual } => {
                write!(f, "the digest has {actual} bytes instead of 32")
            }
            Self::MessageLength { actual, most } => write!(
                f,
                "the message has {actual} bytes, and the key store accepts 1 to {most}"
            ),
            Self::Refused {
                by, rule, reason, ..
            } => write!(f, "{by} rejected the request ({rule}): {reason}"),
            Self::InvalidPayload { what, .. } => write!(f, "{what} cannot be encoded for signing"),
            Self::UnencodableSignature { fault } => {
                write!(f, "the signature cannot be written in this form: {fault}")
            }
            Self::InvalidConfig { reason, .. } => write!(f, "invalid configuration: {reason}"),
            Self::KeyRefused { fault, receipt } => {
                write!(f, "key rejected{}: {fault}", Of(receipt))
            }
            Self::KeyMoved {
                pinned,
                returned,
                receipt,
            } => write!(
                f,
                "key {returned} answered instead of {pinned}{}",
                Of(receipt)
            ),
            Self::UnusableAnswer { fault, receipt } => write!(
                f,
                "unusable answer from the key store{}: {fault}",
                Of(receipt)
            ),
            Self::KeyStore {
                fault,
                code,
                receipt,
                ..
            } => write!(f, "{fault}{}{}", Code(code), Of(receipt)),
            Self::TimedOut { timeout, stage } => write!(f, "timed out after {timeout:?} {stage}"),
            Self::QueueFull { capacity, .. } => write!(
                f,
                "the queue of the rate limit is full: {capacity} requests are waiting"
            ),
            Self::QueuedTooLong { max_wait } => write!(f, "waited {max_wait:?} for the rate limit"),
            Self::AuditFailed { fault, receipt, .. } => write!(
                f,
                "the signature was not recorded, so it was not returned{}: {fault}",
                Of(receipt)
            ),
            Self::Cancelled => f.write_str("the caller cancelled the request before it finished"),
        }
    }
}

/// The call that an error came from, in parentheses.
struct Of<'a>(&'a Option<Box<Receipt>>);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(receipt) => write!(f, " ({receipt})"),
            None => Ok(()),
        }
    }
}

struct Code<'a>(&'a Option<String>);

impl fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(code) => write!(f, " [{code}]"),
            None => Ok(()),
        }
    }
}

struct OfType(Option<KeyType>);

impl fmt::Display for OfType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(key_type) => write!(f, "{key_type} "),
            None => Ok(()),
        }
    }
}
