//! What AWS's error codes mean. Pure: no network.

use crate::{call::is_code_of_status, error::KeyStoreFault};

/// The fault that an error code means. The SDK has types for only some codes, and none for
/// throttling.
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
        // GetPublicKey returns the second for a symmetric key, which CreateKey makes by default.
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

/// The code as the label of a metric: `other` if it is unknown, since a server could send any
/// number of codes.
pub(super) fn label(code: &str) -> &str {
    match fault_of_code(code).is_some() || is_code_of_status(code) {
        true => code,
        false => "other",
    }
}

#[cfg(test)]
mod tests;
