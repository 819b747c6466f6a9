//! The failures of AWS KMS: its errors, wrong answers, and changes between two requests.

use crate::emulator::{
    failure::{Failure, Kind},
    service::Emulated,
};

mod change;
mod lie;
mod service_error;

pub use self::lie::SignaturePart;

pub(super) use self::{
    change::Change,
    service_error::{ServiceError, Subject},
};

use self::{
    lie::{Forgery, Lie},
    service_error::CLOCK_SKEW,
};
use super::operation::Operation;

/// AWS KMS, as the parameter of [`Failure`] and [`FailureRule`](crate::emulator::FailureRule).
#[derive(Clone, Copy, Debug)]
pub enum AwsKms {}

impl Emulated for AwsKms {
    type Operation = Operation;
    type Change = Change;
    type WrongAnswer = WrongAnswer;
}

/// One thing that goes wrong with an emulated AWS KMS; a
/// [`FailureRule`](crate::emulator::FailureRule) says when.
///
/// The table in the [module's documentation](super#injected-failures) lists them all.
pub type KmsFailure = Failure<AwsKms>;

/// What KMS answers instead of the right answer.
#[derive(Clone, Debug)]
pub enum WrongAnswer {
    /// An error. The request is not handled.
    Error(ServiceError),
    /// The request is handled, and its answer is changed if it is a success.
    Lie(Lie),
}

/// Errors of KMS. The request is not handled.
impl Failure<AwsKms> {
    /// An error of KMS by its code, for example `NotFoundException`.
    ///
    /// Status and message are KMS's own, if it has them. A code that KMS does not know is sent with
    /// status 400 and without a message.
    pub fn error(code: &str) -> Self {
        Self::new(Kind::WrongAnswer(WrongAnswer::Error(ServiceError {
            code: code.to_owned(),
            message: None,
        })))
    }

    /// `ThrottlingException`, as when the account exceeds its quota.
    pub fn throttling() -> Self {
        Self::error("ThrottlingException")
    }

    /// `AccessDeniedException`, as when no policy allows the operation.
    pub fn access_denied() -> Self {
        Self::error("AccessDeniedException")
    }

    /// `KMSInternalException`, with status 500.
    pub fn internal_error() -> Self {
        Self::error("KMSInternalException")
    }

    /// `InvalidSignatureException`, as for a client whose clock is a quarter of an hour late. The
    /// answer's `Date` is the real time, so a client whose clock is right has nothing to correct.
    pub fn clock_skew() -> Self {
        Self::error("InvalidSignatureException").message(CLOCK_SKEW)
    }

    /// `ExpiredTokenException`, as for temporary credentials that were not renewed.
    pub fn expired_credentials() -> Self {
        Self::error("ExpiredTokenException")
    }

    /// Sets another message for an error of KMS; an empty one is left out. Does nothing for other
    /// failures.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        if let Kind::WrongAnswer(WrongAnswer::Error(error)) = &mut self.kind {
            error.message = Some(message.into());
        }
        self
    }
}

/// Successful answers that are damaged. The request is handled. An error of KMS stays as it is.
impl Failure<AwsKms> {
    /// The body is empty.
    pub fn empty_body() -> Self {
        Self::lie(Lie::EmptyBody)
    }

    /// The body is `{}`.
    pub fn empty_object() -> Self {
        Self::lie(Lie::EmptyObject)
    }

    /// The body lacks the last byte of its JSON. Its announced length is correct.
    pub fn malformed_json() -> Self {
        Self::lie(Lie::MalformedJson)
    }

    /// The member `Signature` of `Sign`, or `PublicKey` of `GetPublicKey`, is not base64.
    pub fn bad_base64() -> Self {
        Self::lie(Lie::BadBase64)
    }

    /// One member is missing, for example `KeyId`.
    pub fn without_member(name: &str) -> Self {
        Self::lie(Lie::Without(name.to_owned()))
    }
}

/// Answers that are false. A client has to detect them: with a [`Verifier`](crate::Verifier), or by
/// comparing the answer with the request.
impl Failure<AwsKms> {
    /// `Sign`, `Verify` or `GetPublicKey` names another key: any text.
    pub fn other_key_id(key_id: &str) -> Self {
        Self::lie(Lie::KeyId(key_id.to_owned()))
    }

    /// `Sign` or `Verify` names another signing algorithm: any text.
    pub fn other_algorithm(algorithm: &str) -> Self {
        Self::lie(Lie::Algorithm(algorithm.to_owned()))
    }

    /// `Sign` signs with another key of the same type, made for this answer.
    pub fn signature_by_another_key() -> Self {
        Self::lie(Lie::Signature(Forgery::ByAnotherKey))
    }

    /// `Sign` signs another message than the request's, with the right key.
    pub fn signature_over_another_message() -> Self {
        Self::lie(Lie::Signature(Forgery::OverAnotherMessage))
    }

    /// `Sign` repeats its previous answer with the same key, although the key signs again. Until a
    /// key has signed once, this matches no request.
    ///
    /// If both requests are the same, the old signature is valid for the new one.
    pub fn replayed_answer() -> Self {
        Self::lie(Lie::Replayed)
    }

    /// One bit of the signature is flipped: the given one, or a random one.
    ///
    /// Bit 0 is the most significant bit of the part's first byte. A number beyond the last bit
    /// wraps around to 0.
    pub fn flipped_signature_bit(part: SignaturePart, bit: Option<usize>) -> Self {
        Self::lie(Lie::Signature(Forgery::FlippedBit(part, bit)))
    }

    /// One bit of the SPKI in `GetPublicKey` is flipped: the given one, or a random one. Bits are
    /// counted as for [`flipped_signature_bit`](Self::flipped_signature_bit).
    ///
    /// The result is usually not a key, and sometimes another key.
    pub fn flipped_public_key_bit(bit: Option<usize>) -> Self {
        Self::lie(Lie::FlippedPublicKeyBit(bit))
    }

    /// A zero byte follows the signature.
    pub fn trailing_byte() -> Self {
        Self::lie(Lie::Signature(Forgery::TrailingByte))
    }

    /// An ECDSA key's signature comes as 64 bytes `r‖s`, as long as one of Ed25519, instead of in
    /// DER.
    pub fn fixed_width_signature() -> Self {
        Self::lie(Lie::Signature(Forgery::FixedWidth))
    }
}

/// Signatures of ECDSA keys that are unusual but valid. KMS makes all of them.
impl Failure<AwsKms> {
    /// `s` is above half the order, as in half of KMS's signatures.
    pub fn high_s() -> Self {
        Self::lie(Lie::Signature(Forgery::HighS))
    }

    /// `s` is at most half the order.
    pub fn low_s() -> Self {
        Self::lie(Lie::Signature(Forgery::LowS))
    }

    /// `r` begins with a zero byte, which makes the DER shorter, as in one of 256 signatures.
    ///
    /// The key signs until that happens, at most 4096 times. One request in 9 million gets an
    /// ordinary signature instead.
    pub fn short_r() -> Self {
        Self::lie(Lie::Signature(Forgery::ShortR))
    }
}

/// Changes just before a request is handled. They add up, and the emulator still asks the other
/// rules. A change that KMS would reject does not happen.
impl Failure<AwsKms> {
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

impl Failure<AwsKms> {
    fn lie(lie: Lie) -> Self {
        Self::new(Kind::WrongAnswer(WrongAnswer::Lie(lie)))
    }
}

#[cfg(test)]
mod tests;
