//! What AWS's error codes mean. Pure: no network.

use crate::{call::is_code_of_status, error::KeyStoreFault};

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

/// A code for a metric, of which there must not be as many as a server can think of.
pub(super) fn label(code: &str) -> &str {
    match fault_of_code(code).is_some() || is_code_of_status(code) {
        true => code,
        false => "other",
    }
}

#[cfg(test)]
mod tests;
