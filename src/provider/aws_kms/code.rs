//! What AWS's error codes and the status of an answer mean. Pure: no network.

use crate::error::KeyStoreFault;

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

#[cfg(test)]
mod tests;
