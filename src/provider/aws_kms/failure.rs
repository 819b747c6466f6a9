//! What a failed KMS call means, and what to do about it. Pure: no network.

use std::{error::Error as StdError, time::Duration};

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};

use super::{
    body::{MAX_ANSWER, TooLong},
    credentials,
    endpoint::{self, Mismatch},
    key_id::is_alias,
    protocol::{chain, words},
};
use crate::{
    Error, Receipt,
    error::{AnswerFault, KeyStoreFault},
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
        (SdkError::ServiceError(_), None) => status.map(http),
        (SdkError::ResponseError(_), None) if is_too_long => status.map(http),
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
                return Error::UnusableAnswer {
                    fault: AnswerFault::TooLong { most: MAX_ANSWER },
                    receipt: Some(Box::new(receipt)),
                };
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
    Error::KeyStore {
        fault,
        remedy: match fault {
            _ if is_skewed(&error) => {
                "set this machine's clock, which differs too much from KMS's".into()
            }
            KeyStoreFault::Other if !was_sent => {
                "nothing was sent; correct the client's setting that the source names".into()
            }
            KeyStoreFault::Unavailable | KeyStoreFault::Timeout if !was_sent => {
                NO_CREDENTIALS_IN_TIME.into()
            }
            KeyStoreFault::WrongEndpoint => wrong_endpoint(mismatch, &receipt),
            _ => remedy(fault, code.as_deref(), &receipt),
        },
        retry_after: retry_after(&error),
        code,
        source: match (was_sent, error.message()) {
            // Of a request that was not sent the SDK may quote all of it, payload included.
            (true, _) if mismatch.is_some() => words(innermost(&error)).into(),
            (false, _) => words(innermost(&error)).into(),
            // What KMS said; around it the SDK only repeats code and request id.
            (true, Some(message)) => message.into(),
            (true, None) => words(&error).into(),
        },
        receipt: Some(Box::new(receipt)),
    }
}

fn http(status: u16) -> String {
    format!("HTTP {status}")
}

/// The attempt or the call took too long, and was ended by us.
pub(super) fn out_of_time(what: &'static str, receipt: Receipt, was_sent: bool) -> Error {
    Error::KeyStore {
        fault: KeyStoreFault::Timeout,
        code: None,
        retry_after: None,
        remedy: match was_sent {
            true => remedy(KeyStoreFault::Timeout, None, &receipt),
            false => NO_CREDENTIALS_IN_TIME.into(),
        },
        source: what.into(),
        receipt: Some(Box::new(receipt)),
    }
}

/// The one thing that is waited for before a request is sent.
const NO_CREDENTIALS_IN_TIME: &str = "nothing was sent, since the source of the AWS credentials did not give any; retry, and if it \
     persists look at that source: STS, SSO, the credential process, or the metadata of the host";

/// A code for a metric, of which there must not be as many as a server can think of.
pub(super) fn label(code: &str) -> &str {
    match fault_of_code(code).is_some() || is_status(code) {
        true => code,
        false => "other",
    }
}

/// Whether it is what stands for a code where KMS gave none.
fn is_status(code: &str) -> bool {
    let status = code.strip_prefix("HTTP ");
    status
        .is_some_and(|status| status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit()))
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

/// By error code: the SDK models only some of them, and throttling is not among those.
pub(super) fn fault_of_code(code: &str) -> Option<KeyStoreFault> {
    let fault = match code {
        "AccessDeniedException" | "AccessDenied" | "NotAuthorized" | "NotAuthorizedException" => {
            KeyStoreFault::AccessDenied
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "OptInRequired"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => KeyStoreFault::Credentials,
        "NotFoundException" => KeyStoreFault::NotFound,
        "DisabledException" => KeyStoreFault::Disabled,
        "KMSInvalidStateException" => KeyStoreFault::InvalidState,
        // The second is what GetPublicKey says of a symmetric key, which CreateKey makes by default.
        "InvalidKeyUsageException" | "UnsupportedOperationException" => KeyStoreFault::InvalidUsage,
        "InvalidArnException"
        | "InvalidGrantTokenException"
        | "MalformedQueryString"
        | "SerializationException"
        | "ValidationError"
        | "ValidationException" => KeyStoreFault::InvalidRequest,
        // The SDK's own list of throttling errors.
        "BandwidthLimitExceeded"
        | "EC2ThrottledException"
        | "LimitExceededException"
        | "PriorRequestNotComplete"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown"
        | "ThrottledException"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "TransactionInProgressException" => KeyStoreFault::Throttled,
        "RequestTimeout" | "RequestTimeoutException" => KeyStoreFault::Timeout,
        "DependencyTimeoutException"
        | "InternalError"
        | "InternalFailure"
        | "KMSInternalException"
        | "KeyUnavailableException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => KeyStoreFault::Unavailable,
        _ => return None,
    };
    Some(fault)
}

pub(super) fn fault_of_status(status: u16) -> KeyStoreFault {
    match status {
        408 => KeyStoreFault::Timeout,
        429 => KeyStoreFault::Throttled,
        // 2xx: something that calls itself a success and cannot be read, such as a proxy's page.
        200..=299 | 500..=599 => KeyStoreFault::Unavailable,
        _ => KeyStoreFault::Other,
    }
}

fn remedy(fault: KeyStoreFault, code: Option<&str>, receipt: &Receipt) -> String {
    let (operation, key) = (receipt.operation(), receipt.key());
    let region = receipt.region().unwrap_or("the client's region");
    // Policies and most other operations do not take an alias for a key.
    let (key_behind, key_argument) = match is_alias(key) {
        false => (key.to_owned(), key.to_owned()),
        true => (
            format!("the ARN of the key behind {key}"),
            format!(
                "$(aws kms describe-key --region {region} --key-id {key} \
                 --query KeyMetadata.KeyId --output text)"
            ),
        ),
    };
    match fault {
        KeyStoreFault::AccessDenied => format!(
            "allow kms:{operation} on {key_behind} in the caller's IAM policy and in the key policy"
        ),
        KeyStoreFault::Credentials => match code {
            Some("ExpiredToken" | "ExpiredTokenException") => {
                "renew the credentials, which have expired".into()
            }
            Some("InvalidSignatureException" | "RequestExpired" | "SignatureDoesNotMatch") => {
                format!(
                    "check that this machine's clock is right, that the secret key belongs to the \
                     access key, and that {region} is the region of the endpoint"
                )
            }
            Some(_) => {
                "check the access key and, for temporary credentials, the session token".into()
            }
            None => {
                "provide AWS credentials: environment, profile, SSO, or the role of the host".into()
            }
        },
        KeyStoreFault::NotFound => format!(
            "check that {key} exists in {region} and in this account; an alias is written alias/NAME"
        ),
        KeyStoreFault::Disabled => {
            format!("enable it: aws kms enable-key --region {region} --key-id {key_argument}")
        }
        KeyStoreFault::InvalidState => format!(
            "look at KeyState in `aws kms describe-key --region {region} --key-id {key}`; a pending \
             deletion can be cancelled (aws kms cancel-key-deletion), after which the key has to be \
             enabled"
        ),
        // The key was admitted once, or its public key pinned.
        KeyStoreFault::InvalidUsage if operation == "Sign" => format!(
            "the key behind {key} is of another type than the pinned public key: look whether an \
             alias was moved or the wrong public key pinned"
        ),
        KeyStoreFault::InvalidUsage => {
            "create a key with --key-usage SIGN_VERIFY and --key-spec ECC_SECG_P256K1 (Ethereum), \
             ECC_NIST_P256 or ECC_NIST_EDWARDS25519"
                .into()
        }
        KeyStoreFault::InvalidRequest => {
            format!("correct what the source names; the key was given as {key}")
        }
        KeyStoreFault::Throttled => {
            "retry after a pause, limit the rate (layer::rate_limit), and ask AWS to raise the \
             account's quota for ECC requests"
                .into()
        }
        KeyStoreFault::Unavailable => {
            "retry; if it persists, look at what answers in KMS's place".into()
        }
        KeyStoreFault::Timeout => {
            "retry; if it persists, check the network and the endpoint".into()
        }
        KeyStoreFault::Connection => {
            format!(
                "check that the KMS endpoint of {region} can be reached from here, and that \
                 HTTPS_PROXY, HTTP_PROXY and NO_PROXY are as they should be, then retry"
            )
        }
        KeyStoreFault::WrongEndpoint => wrong_endpoint(None, receipt),
        KeyStoreFault::Other => match code {
            Some("HTTP 407") => {
                "give the proxy of HTTPS_PROXY or HTTP_PROXY its credentials".into()
            }
            Some(code) if code.starts_with("HTTP ") => format!(
                "what answered is not KMS: check the endpoint of {region}, and for a proxy between"
            ),
            _ => "do not retry before you have looked at the source".into(),
        },
    }
}

fn wrong_endpoint(mismatch: Option<Mismatch>, receipt: &Receipt) -> String {
    let region = receipt.region().unwrap_or("the client's region");
    let what = match mismatch {
        Some(Mismatch::Certificate) => {
            "check this machine's clock, and if a proxy inspects TLS add its CA to the trust store"
        }
        Some(Mismatch::Tls) => "check its port, and whether it is to be called with http or https",
        Some(Mismatch::Http) | None => "check its port, and for a proxy in between",
    };
    format!("do not retry; check the endpoint of {region}; {what}")
}

/// No server may put a caller to sleep for longer than this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// `Retry-After` in whole seconds (RFC 9110 §10.2.3); KMS sends no date.
fn retry_after<E>(error: &SdkError<E>) -> Option<Duration> {
    let value = error.raw_response()?.headers().get("retry-after")?.trim();
    let is_number = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    // More digits than fit are a long time as well.
    let seconds = is_number.then(|| value.parse().unwrap_or(u64::MAX))?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    chain(error).last().unwrap_or(error)
}

#[cfg(test)]
mod tests;
