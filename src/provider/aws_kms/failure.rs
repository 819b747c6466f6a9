//! What a failed KMS call means, and what to do about it. Pure: no network.

use std::{error::Error as StdError, time::Duration};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};

use crate::{Error, Receipt, error::KeyStoreFault};

pub(super) fn classify<E>(error: SdkError<E>, receipt: Receipt) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let code = error.code().map(str::to_owned);
    let fault = match &error {
        SdkError::TimeoutError(_) => KeyStoreFault::Timeout,
        _ if has_credentials_error(&error) => KeyStoreFault::Credentials,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => KeyStoreFault::Timeout,
        // Nothing was sent: the client's own settings stopped it.
        SdkError::DispatchFailure(_) if receipt.attempts() == 0 => KeyStoreFault::Other,
        SdkError::DispatchFailure(_) => KeyStoreFault::Connection,
        // The answer broke off or was no answer of KMS: nothing is known, so asking again is right.
        SdkError::ResponseError(_) => KeyStoreFault::Unavailable,
        SdkError::ServiceError(service) => match &code {
            // KMS has two answers for a key pending deletion, and this one looks like another case.
            Some(code) if code == "DisabledException" && is_pending_deletion(&error) => {
                KeyStoreFault::InvalidState
            }
            Some(code) => fault_of_code(code),
            None => fault_of_status(service.raw().status().as_u16()),
        },
        _ => KeyStoreFault::Other,
    };
    Error::KeyStore {
        fault,
        remedy: remedy(fault, code.as_deref(), &receipt),
        retry_after: retry_after(&error),
        code,
        receipt: Some(Box::new(receipt)),
        source: error.into(),
    }
}

fn is_pending_deletion<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let message = error.message().unwrap_or_default();
    message.contains("pending deletion")
}

/// By error code: the SDK models only some of them, and throttling is not among those.
fn fault_of_code(code: &str) -> KeyStoreFault {
    match code {
        "AccessDeniedException" | "AccessDenied" => KeyStoreFault::AccessDenied,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "OptInRequired"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => KeyStoreFault::Credentials,
        "NotFoundException" => KeyStoreFault::NotFound,
        "DisabledException" => KeyStoreFault::Disabled,
        "KMSInvalidStateException" => KeyStoreFault::InvalidState,
        "InvalidKeyUsageException" => KeyStoreFault::InvalidUsage,
        "InvalidArnException"
        | "InvalidGrantTokenException"
        | "MalformedQueryString"
        | "SerializationException"
        | "UnsupportedOperationException"
        | "ValidationError"
        | "ValidationException" => KeyStoreFault::InvalidRequest,
        "LimitExceededException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException" => KeyStoreFault::Throttled,
        "DependencyTimeoutException"
        | "InternalError"
        | "InternalFailure"
        | "KMSInternalException"
        | "KeyUnavailableException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => KeyStoreFault::Unavailable,
        _ => KeyStoreFault::Other,
    }
}

fn fault_of_status(status: u16) -> KeyStoreFault {
    match status {
        429 => KeyStoreFault::Throttled,
        // 2xx: something that calls itself a success and cannot be read, such as a proxy's page.
        200..=299 | 500..=599 => KeyStoreFault::Unavailable,
        _ => KeyStoreFault::Other,
    }
}

fn remedy(fault: KeyStoreFault, code: Option<&str>, receipt: &Receipt) -> String {
    let (operation, key) = (receipt.operation(), receipt.key());
    let region = receipt.region().unwrap_or("the client's region");
    match fault {
        KeyStoreFault::AccessDenied => format!(
            "allow kms:{operation} on {key} in the caller's IAM policy and in the key policy"
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
            format!("enable it: aws kms enable-key --region {region} --key-id {key}")
        }
        KeyStoreFault::InvalidState => {
            "look at KeyState in `aws kms describe-key`; a pending deletion can be cancelled".into()
        }
        KeyStoreFault::InvalidUsage => {
            "create a key with --key-usage SIGN_VERIFY and --key-spec ECC_SECG_P256K1 (Ethereum), \
             ECC_NIST_P256 or ECC_NIST_EDWARDS25519"
                .into()
        }
        KeyStoreFault::InvalidRequest => {
            "correct the key id; the source says what KMS refused".into()
        }
        KeyStoreFault::Throttled => {
            "retry after a pause, and ask AWS to raise the account's quota for ECC requests".into()
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
        KeyStoreFault::Other if receipt.attempts() == 0 => {
            "nothing was sent; correct the client's setting that the source names".into()
        }
        KeyStoreFault::Other => "see the source".into(),
    }
}

/// `Retry-After` in whole seconds (RFC 9110 §10.2.3); KMS sends no date.
fn retry_after<E>(error: &SdkError<E>) -> Option<Duration> {
    let seconds = error.raw_response()?.headers().get("retry-after")?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

/// The SDK reports credentials that cannot be had as a failure to dispatch, deep in its chain of
/// sources; without any provider of credentials it has only a private type and its words.
fn has_credentials_error(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    // Bounded, since a chain of sources may in principle be circular.
    for _ in 0..16 {
        let Some(error) = next else { return false };
        if error.is::<CredentialsError>() || error.to_string().contains("select an auth scheme") {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests;
