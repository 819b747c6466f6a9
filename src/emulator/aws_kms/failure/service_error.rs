//! Errors with KMS's own messages.

use hyper::StatusCode;

use crate::emulator::aws_kms::{identifier::Scope, operation::Operation};

/// An error that is sent instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceError {
    pub(in crate::emulator::aws_kms) code: String,
    /// `None` for KMS's own message.
    pub(in crate::emulator::aws_kms) message: Option<String>,
}

/// What an error's message may name.
pub(in crate::emulator::aws_kms) struct Subject<'a> {
    pub(in crate::emulator::aws_kms) scope: &'a Scope,
    pub(in crate::emulator::aws_kms) operation: Option<Operation>,
    pub(in crate::emulator::aws_kms) key_arn: Option<&'a str>,
}

/// The message for a client whose clock is late.
pub(super) const CLOCK_SKEW: &str = "Signature expired: 20260101T000000Z is now earlier than \
     20260101T001000Z (20260101T001500Z - 5 min.)";

impl ServiceError {
    /// KMS answers with 400 whatever the client did wrong. Its own errors are 5xx.
    pub(in crate::emulator::aws_kms) fn status(&self) -> StatusCode {
        match self.code.as_str() {
            "KMSInternalException"
            | "KeyUnavailableException"
            | "InternalFailure"
            | "InternalError" => StatusCode::INTERNAL_SERVER_ERROR,
            "DependencyTimeoutException" | "ServiceUnavailable" | "ServiceUnavailableException" => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(in crate::emulator::aws_kms) fn message(&self, subject: &Subject<'_>) -> String {
        if let Some(message) = &self.message {
            return message.clone();
        }
        let operation = subject.operation.map_or("*", Operation::as_str);
        let key = subject.key_arn.unwrap_or("*");
        let message = match self.code.as_str() {
            "AccessDeniedException" => {
                let root = subject.scope.root_arn();
                return format!(
                    "User: {root} is not authorized to perform: kms:{operation} on resource: \
                     {key} because no identity-based policy allows the kms:{operation} action"
                );
            }
            "DisabledException" => return format!("{key} is disabled."),
            "InvalidArnException" => return format!("Invalid arn {key}"),
            "KMSInvalidStateException" => return format!("{key} is pending deletion."),
            "KeyUnavailableException" => return format!("{key} is unavailable."),
            "NotFoundException" => return format!("Key '{key}' does not exist"),
            "UnsupportedOperationException" => {
                return format!("{key} does not support {operation}.");
            }
            "InvalidKeyUsageException" => {
                return format!(
                    "{key} key usage is ENCRYPT_DECRYPT which is not valid for {operation}."
                );
            }
            "DependencyTimeoutException" => {
                "The system timed out while trying to fulfill the request."
            }
            "DryRunOperationException" => {
                "The request would have succeeded, but the DryRun option is set."
            }
            "ExpiredTokenException" => "The security token included in the request is expired",
            "InvalidGrantTokenException" => "The grant token is not valid.",
            "InvalidSignatureException" => {
                "The request signature we calculated does not match the signature you provided. \
                 Check your AWS Secret Access Key and signing method. Consult the service \
                 documentation for details."
            }
            "KMSInternalException" => "An internal error occurred.",
            "LimitExceededException" => "A quota was exceeded.",
            "ServiceUnavailable" | "ServiceUnavailableException" => {
                "The request has failed due to a temporary failure of the server."
            }
            "ThrottlingException" => {
                "You have exceeded the rate at which you may call KMS. Reduce the frequency of \
                 your calls."
            }
            "UnrecognizedClientException" => {
                "The security token included in the request is invalid."
            }
            "ValidationException" => "The request does not satisfy the constraints.",
            // Some errors of KMS have only a name, and so do codes that KMS does not know.
            _ => "",
        };
        message.to_owned()
    }
}

#[cfg(test)]
mod tests;
