//! Whether a failure to load credentials is transient. Pure: no network.
//!
//! Only I/O errors, timeouts, 5xx and throttling are. STS and SSO have too many permanent errors to
//! list, so every other error counts as permanent.

use std::{error::Error as StdError, io};

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use aws_sdk_sso::operation::get_role_credentials::GetRoleCredentialsError;
use aws_sdk_sts::operation::{
    assume_role::AssumeRoleError, assume_role_with_web_identity::AssumeRoleWithWebIdentityError,
};

use super::{code::fault_of_code, endpoint};
use crate::{call::fault_of_status, error::KeyStoreFault, text::chain};

/// The fault, if `error` is about credentials. The SDK reports those as dispatch failures with the
/// cause deep in the chain of sources; some causes have private types and are known by their text.
pub(super) fn fault(error: &(dyn StdError + 'static)) -> Option<KeyStoreFault> {
    chain(error).find_map(|link| match link.downcast_ref() {
        Some(CredentialsError::ProviderTimedOut(_)) => Some(KeyStoreFault::Timeout),
        Some(CredentialsError::ProviderError(_) | CredentialsError::Unhandled(_)) => {
            match passes(link) {
                true => Some(KeyStoreFault::Unavailable),
                false => Some(KeyStoreFault::Credentials),
            }
        }
        Some(_) => Some(KeyStoreFault::Credentials),
        None => {
            let words = link.to_string();
            if words.contains("select an auth scheme") {
                Some(KeyStoreFault::Credentials)
            } else if words.contains("identity resolver timed out") {
                Some(KeyStoreFault::Timeout)
            } else {
                None
            }
        }
    })
}

/// Whether the source may return credentials if it is asked again.
fn passes(error: &(dyn StdError + 'static)) -> bool {
    endpoint::mismatch(error).is_none()
        && chain(error).any(|link| {
            is_connection(link)
                || is_of_service::<AssumeRoleError>(link)
                || is_of_service::<AssumeRoleWithWebIdentityError>(link)
                || is_of_service::<GetRoleCredentialsError>(link)
                || is_of_host(link)
        })
}

fn is_connection(link: &(dyn StdError + 'static)) -> bool {
    use io::ErrorKind;
    if let Some(error) = link.downcast_ref::<io::Error>() {
        return !matches!(
            error.kind(),
            // A token or configuration file is missing, unreadable or malformed.
            ErrorKind::InvalidData
                | ErrorKind::InvalidInput
                | ErrorKind::IsADirectory
                | ErrorKind::NotADirectory
                | ErrorKind::NotFound
                | ErrorKind::PermissionDenied
                | ErrorKind::Unsupported
        );
    }
    if let Some(CredentialsError::ProviderTimedOut(_)) = link.downcast_ref() {
        return true;
    }
    if let Some(error) = link.downcast_ref::<hyper::Error>() {
        return !error.is_user();
    }
    let connector = link.downcast_ref::<ConnectorError>();
    connector.is_some_and(|error| error.is_io() || error.is_timeout())
}

/// STS and SSO.
fn is_of_service<E>(link: &(dyn StdError + 'static)) -> bool
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let Some(error) = link.downcast_ref::<SdkError<E>>() else {
        return false;
    };
    match error {
        // The answer was late or incomplete.
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(service) => {
            let code = error.code();
            is_passing_status(service.raw().status().as_u16())
                || code.and_then(fault_of_code).is_some_and(is_passing)
                // STS could not reach the identity provider (AWS API: AssumeRoleWithWebIdentity).
                || code == Some("IDPCommunicationError")
        }
        // The connector's error of a dispatch failure follows in the chain.
        _ => false,
    }
}

/// The metadata of the host: EC2 (IMDS), and ECS and EKS (HTTP), whose errors the SDK returns as
/// text.
fn is_of_host(link: &(dyn StdError + 'static)) -> bool {
    let status = match link.downcast_ref::<ImdsError>() {
        Some(ImdsError::ErrorResponse(answer)) => Some(answer.response().status().as_u16()),
        Some(_) => None,
        None => {
            let words = link.to_string();
            let status =
                words.strip_prefix("Non-success status from HTTP credential provider: StatusCode(");
            status.and_then(|status| status.strip_suffix(')')?.parse().ok())
        }
    };
    status.is_some_and(is_passing_status)
}

fn is_passing_status(status: u16) -> bool {
    !(200..=299).contains(&status) && is_passing(fault_of_status(status))
}

fn is_passing(fault: KeyStoreFault) -> bool {
    matches!(
        fault,
        KeyStoreFault::Throttled | KeyStoreFault::Timeout | KeyStoreFault::Unavailable
    )
}
