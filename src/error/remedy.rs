//! What to do about each error: one table.

use std::borrow::Cow;

use super::{
    AnswerFault, AuditFault, EncodingFault, Error, KeyFault, PublicKeyFault, SignatureFault,
};
use crate::KeyType;

const CHECK_ENDPOINT: &str = "check for a proxy or a wrong endpoint";

impl Error {
    /// What to do about it, in one sentence without a full stop. The message ends with the same
    /// text.
    ///
    /// It says "retry" or "sign again" exactly when the error [is retryable](Self::is_retryable).
    /// In [`KeyStore`](Self::KeyStore), [`Refused`](Self::Refused) and
    /// [`InvalidConfig`](Self::InvalidConfig) the provider, policy or builder that made the error
    /// wrote the remedy.
    pub fn remedy(&self) -> Cow<'_, str> {
        let fixed = match self {
            Self::InvalidSecretKey { remedy, .. }
            | Self::Refused { remedy, .. }
            | Self::InvalidConfig { remedy, .. }
            | Self::KeyStore { remedy, .. } => return Cow::Borrowed(remedy),
            Self::KeyTypeMismatch { expected, .. } => {
                return format!("use a key of type {expected}").into();
            }
            Self::KeyRefused { fault, .. } => return fault.remedy(),
            Self::InvalidPublicKey { fault } => fault.remedy(),
            Self::InvalidSignature { fault, .. } => fault.remedy(),
            Self::UnencodableSignature { fault } => fault.remedy(),
            Self::UnusableAnswer { fault, .. } => fault.remedy(),
            Self::AuditFailed { fault, .. } => fault.remedy(),
            Self::Randomness { .. } => {
                "check that this process may use it (getrandom, /dev/urandom)"
            }
            Self::SignatureNotVerified { .. } => {
                "compare that key with the one the key store exports, and if they are the same check \
                 for a proxy or a wrong endpoint"
            }
            Self::SignedByAnotherKey { .. } => "fix the layer or provider that mixes up two keys",
            Self::UnsupportedRequest { key_type, .. } => match key_type {
                KeyType::Ed25519 => "use SignRequest::message or SignRequest::blake2b256",
                KeyType::Secp256k1 | KeyType::P256 => {
                    "use SignRequest::keccak256, sha256 or blake2b256, which name the hash"
                }
            },
            Self::AmbiguousMessage => {
                "use SignRequest::blake2b256 with its preimage, make the message longer, or use \
                 hazmat::prehashed_message"
            }
            Self::InvalidDigestLength { .. } => "pass the hash itself, in binary",
            Self::MessageLength { .. } => {
                "sign a message of such a length, or keep the key in a store without this limit"
            }
            Self::InvalidPayload { .. } => "correct what the source names",
            Self::KeyMoved { .. } => {
                "if an alias was moved on purpose, make a new signer, which has another public key; \
                 otherwise point the alias back"
            }
            Self::TimedOut { .. } => "retry later, or allow more time",
            Self::QueueFull { .. } => {
                "retry later, send fewer requests, or raise the limit if the key store's quota \
                 allows it"
            }
            Self::QueuedTooLong { .. } => {
                "retry later, send fewer requests, allow more time, or raise the limit if the key \
                 store's quota allows it"
            }
            Self::Cancelled => "submit it again if it is still wanted",
        };
        fixed.into()
    }
}

impl PublicKeyFault {
    fn remedy(self) -> &'static str {
        match self {
            Self::Malformed => {
                "pass the complete DER, and pass base64, PEM and JWK to the function of that name"
            }
            Self::Base64 => "pass the base64 text that the key store prints",
            Self::Pem => "pass the output of `openssl pkey -pubout`",
            Self::Jwk => "pass a JSON object with these members",
            Self::JwkCoordinate | Self::NotOnCurve | Self::Identity | Self::NotCanonical => {
                "export the key again"
            }
            Self::JwkSecret => {
                "pass only the public members, and replace the key if others have seen this text"
            }
            Self::JwkUsage | Self::SmallOrder => "use another key",
            Self::TooLong => "pass only the key",
            Self::TrailingData => "pass only the DER of the key",
            Self::UnsupportedAlgorithm => "use an EC or Ed25519 key",
            Self::UnsupportedCurve => "use a key on one of these two curves",
            Self::Length => {
                "pass an EC point of 65 bytes (04‖X‖Y) or 33 (02‖X or 03‖X), or an Ed25519 key of 32"
            }
            Self::PointFormat => "pass the point as 04‖X‖Y",
            Self::NotUncompressed => "convert it to the uncompressed form",
        }
    }
}

impl SignatureFault {
    /// The same for every fault: a key store does not return such bytes.
    fn remedy(self) -> &'static str {
        match self {
            Self::Malformed
            | Self::TrailingData
            | Self::Negative
            | Self::Padded
            | Self::Zero
            | Self::OutOfRange
            | Self::Length
            | Self::WrongEncoding => CHECK_ENDPOINT,
        }
    }
}

impl KeyFault {
    fn remedy(&self) -> Cow<'_, str> {
        let fixed = match self {
            Self::Spec { expected, .. } => {
                return format!("create a key with one of {expected}").into();
            }
            Self::Usage { expected, .. } => {
                return format!("create a key with usage {expected}; a key's usage cannot change")
                    .into();
            }
            Self::Algorithm { expected, .. } => {
                return format!("create a key that offers {expected}").into();
            }
            Self::Contradiction { .. } => {
                "do not use this key, and check for a proxy or a wrong endpoint"
            }
            Self::PublicKey(fault) => fault.remedy(),
            Self::AnotherPublicKey => {
                "pin the key's own public key, or name the key that has the pinned one"
            }
        };
        fixed.into()
    }
}

impl AnswerFault {
    fn remedy(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "retry, and if it persists check for a proxy that cuts answers",
            Self::TooLong { .. } | Self::Key { .. } | Self::Algorithm { .. } => CHECK_ENDPOINT,
        }
    }
}

impl AuditFault {
    fn remedy(self) -> &'static str {
        match self {
            Self::Temporary => "sign again, and if it persists check what the source names",
            Self::Permanent => {
                "correct what the source names (disk space, permissions, path) before you sign more"
            }
        }
    }
}

impl EncodingFault {
    fn remedy(self) -> &'static str {
        match self {
            Self::ReducedX => "sign again",
            Self::VTooLarge => "use V::Parity or V::Electrum",
        }
    }
}

#[cfg(test)]
mod tests;
