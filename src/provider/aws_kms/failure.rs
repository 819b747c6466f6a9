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

/// Turns an error of the SDK into one of this crate. `was_sent` says whether this attempt was sent;
/// `receipt` also counts the attempts before it.
pub(super) fn classify<E>(error: SdkError<E>, receipt: Receipt, was_sent: bool) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let is_too_long = chain(&error).any(|link| link.is::<TooLong>());
    // Without a code of KMS, only the status is known.
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
            // The client's own settings prevented it.
            None if !was_sent => KeyStoreFault::Other,
            None if mismatch.is_some() => KeyStoreFault::WrongEndpoint,
            None => KeyStoreFault::Connection,
        },
        // A proxy's page may be this long, and its status still says what it means.
        SdkError::ResponseError(_) if is_too_long => match status {
            Some(status @ 300..) => fault_of_status(status),
            _ => {
                return Error::unusable_answer(AnswerFault::too_long(MAX_ANSWER))
                    .with_receipt(receipt);
            }
        },
        // The answer was incomplete or not KMS's. Whether the call succeeded is unknown, so retry.
        SdkError::ResponseError(_) => KeyStoreFault::Unavailable,
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            match error.code() {
                // KMS has two errors for a key pending deletion; this one looks like a disabled
                // key.
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
        // The SDK may quote the whole request if it was not sent, payload included.
        (false, _) => words(innermost(&error)),
        // KMS's own message. The SDK's text around it only repeats code and request id.
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

/// The error for an attempt that this crate ended because it or its call took too long.
pub(super) fn out_of_time(what: &'static str, receipt: Receipt, was_sent: bool) -> Error {
    let remedy = match was_sent {
        true => remedy(KeyStoreFault::Timeout, None, &receipt),
        false => NO_CREDENTIALS_IN_TIME.into(),
    };
    Error::key_store(KeyStoreFault::Timeout, remedy, what).with_receipt(receipt)
}

/// Whether AWS rejected the request because of its signing time, more than five minutes off.
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
