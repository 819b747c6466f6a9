//! The errors of the emulated KMS, over HTTP and for a caller in the same process.

use hyper::StatusCode;

/// Why the emulator rejected a call made in the same process.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// KMS would reject the same request: correct it as you would for KMS.
    #[error("{code}: {message}")]
    Rejected {
        /// KMS's name for the error, for example `NotFoundException`.
        code: &'static str,
        /// KMS's message.
        message: String,
    },

    /// The key could not be made, for the reason in the source.
    #[error("the key was not made")]
    Key {
        /// What is wrong with the key, or with the random numbers for it.
        source: crate::Error,
    },
}

impl EmulatorError {
    /// KMS's name for the error, for example `NotFoundException`; `None` when KMS has none.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Rejected { code, .. } => Some(code),
            Self::Key { .. } => None,
        }
    }
}

impl From<KmsError> for EmulatorError {
    fn from(error: KmsError) -> Self {
        Self::Rejected {
            code: error.code.name(),
            message: error.message,
        }
    }
}

/// An error as KMS sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KmsError {
    pub(super) code: Code,
    pub(super) message: String,
}

impl KmsError {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// The error types of KMS, and those common to AWS services with a JSON protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    AccessDenied,
    AlreadyExists,
    Disabled,
    DryRunOperation,
    IncompleteSignature,
    InvalidAliasName,
    InvalidArn,
    InvalidKeyUsage,
    InvalidMarker,
    InvalidSignature,
    KmsInternal,
    KmsInvalidSignature,
    KmsInvalidState,
    MalformedPolicyDocument,
    MissingAuthenticationToken,
    NotAuthorized,
    NotFound,
    RequestEntityTooLarge,
    Serialization,
    Tag,
    UnknownOperation,
    UnsupportedOperation,
    Validation,
}

impl Code {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::AlreadyExists => "AlreadyExistsException",
            Self::Disabled => "DisabledException",
            Self::DryRunOperation => "DryRunOperationException",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::InvalidAliasName => "InvalidAliasNameException",
            Self::InvalidArn => "InvalidArnException",
            Self::InvalidKeyUsage => "InvalidKeyUsageException",
            Self::InvalidMarker => "InvalidMarkerException",
            Self::InvalidSignature => "InvalidSignatureException",
            Self::KmsInternal => "KMSInternalException",
            Self::KmsInvalidSignature => "KMSInvalidSignatureException",
            Self::KmsInvalidState => "KMSInvalidStateException",
            Self::MalformedPolicyDocument => "MalformedPolicyDocumentException",
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::NotAuthorized => "NotAuthorizedException",
            Self::NotFound => "NotFoundException",
            Self::RequestEntityTooLarge => "RequestEntityTooLargeException",
            Self::Serialization => "SerializationException",
            Self::Tag => "TagException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::UnsupportedOperation => "UnsupportedOperationException",
            Self::Validation => "ValidationException",
        }
    }

    /// KMS answers with 400 whatever the client did wrong, and never with 403, 404 or 409.
    pub(super) fn http_status(self) -> StatusCode {
        match self {
            Self::KmsInternal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::RequestEntityTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}
