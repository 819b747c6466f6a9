//! What a failed KMS call means. Pure: no network.

use std::error::Error as StdError;

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};

use super::{
    code::fault_of_code,
    credentials, endpoint,
    remedy::{CLIENT_SETTING, NO_CREDENTIALS_IN_TIME, WRONG_CLOCK, remedy, wrong_endpoint},
};
use crate::{
    Error, Receipt,
    call::{MAX_ANSWER, TooLong, code_of_status, fault_of_status, retry_after},
    error::{AnswerFault, KeyStoreFault},
    text::{chain, words},
};

/// `was_sent` says whether this attempt was, while `receipt` counts those before it too.
pub(super) fn classify<E>(error: SdkError<E>, receipt: Receipt, was_sent: bool) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let is_too_long = chain(&error).any(|link| link.is::<TooLong>());
    // Without a code of KMS, the status is the one thing that is known.
    let code = match (&error, error.code()) {
        (_, Some(code)) => Some(code.to_owned()),
        (SdkError::ServiceError(_), None) => status.map(code_of_status),
        (SdkError::ResponseError(_), None) if is_too_long => status.map(code_of_status),
        _ => None,
    };
    let mismatch = endpoint::mismatch(&error);
    let fault = match &error {
        SdkError::TimeoutError(_) => KeyStoreFault::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => KeyStoreFault::Timeout,
        SdkError::DispatchFailure(_) => match credentials::fault(&error) {
            Some(fault) => fault,
            // The client's own settings stopped it.
            None if !was_sent => KeyStoreFault::Other,
            None if mismatch.is_some() => KeyStoreFault::WrongEndpoint,
            None => KeyStoreFault::Connection,
        },
        // A page of a proxy may be this long, and its status still says what it means.
        SdkError::ResponseError(_) if is_too_long => match status {
            Some(status @ 300..) => fault_of_status(status),
            _ => {
                return Error::unusable_answer(AnswerFault::too_long(MAX_ANSWER))
                    .with_receipt(receipt);
            }
        },
        // The answer broke off or was no answer of KMS: nothing is known, so asking again is right.
        SdkError::ResponseError(_) => KeyStoreFault::Unavailable,
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            match error.code() {
                // KMS has two answers for a key pending deletion; this looks like the other case.
                Some("DisabledException") if is_pending_deletion(&error) => {
                    KeyStoreFault::InvalidState
                }
                Some(code) => fault_of_code(code).unwrap_or_else(|| fault_of_status(status)),
                None => fault_of_status(status),
            }
        }
        _ => KeyStoreFault::Other,
    };
    let remedy = match fault {
        _ if is_skewed(&error) => WRONG_CLOCK.into(),
        KeyStoreFault::Other if !was_sent => CLIENT_SETTING.into(),
        KeyStoreFault::Unavailable | KeyStoreFault::Timeout if !was_sent => {
            NO_CREDENTIALS_IN_TIME.into()
        }
        KeyStoreFault::WrongEndpoint => wrong_endpoint(mismatch, &receipt),
        _ => remedy(fault, code.as_deref(), &receipt),
    };
    let source = match (was_sent, error.message()) {
        (true, _) if mismatch.is_some() => words(innermost(&error)),
        // Of a request that was not sent the SDK may quote all of it, payload included.
        (false, _) => words(innermost(&error)),
        // What KMS said; around it the SDK only repeats code and request id.
        (true, Some(message)) => message.to_owned(),
        (true, None) => words(&error),
    };
    let mut failed = Error::key_store(fault, remedy, source).with_receipt(receipt);
    if let Some(code) = code {
        failed = failed.with_code(code);
    }
    let wait = (error.raw_response())
        .and_then(|answer| answer.headers().get("retry-after"))
        .and_then(retry_after);
    match wait {
        Some(wait) => failed.with_retry_after(wait),
        None => failed,
    }
}

/// The attempt or the call took too long, and was ended by us.
pub(super) fn out_of_time(what: &'static str, receipt: Receipt, was_sent: bool) -> Error {
    let remedy = match was_sent {
        true => remedy(KeyStoreFault::Timeout, None, &receipt),
        false => NO_CREDENTIALS_IN_TIME.into(),
    };
    Error::key_store(KeyStoreFault::Timeout, remedy, what).with_receipt(receipt)
}

/// AWS refuses signatures older than five minutes, or from the future, and names both times.
pub(super) fn is_skewed<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let message = error.message().unwrap_or_default();
    match error.code() {
        Some("RequestTimeTooSkewed") => true,
        Some("InvalidSignatureException" | "SignatureDoesNotMatch") => {
            message.contains("Signature expired") || message.contains("Signature not yet current")
        }
        _ => false,
    }
}

fn is_pending_deletion<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let message = error.message().unwrap_or_default();
    message.contains("pending deletion")
}

fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    chain(error).last().unwrap_or(error)
}

#[cfg(test)]
mod tests;
