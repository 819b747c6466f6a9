//! Requests in the JSON 1.1 protocol of AWS services.

use hyper::{
    HeaderMap, Method,
    header::{AUTHORIZATION, CONTENT_TYPE},
    http::request::Parts,
};

use super::{
    error::{Code, KmsError},
    operation::Operation,
};

pub(super) const AMZ_JSON: &str = "application/x-amz-json-1.1";

/// The operation that a request asks for.
pub(super) fn operation_of(head: &Parts) -> Result<Operation, KmsError> {
    let name = operation_name(head).ok_or_else(|| KmsError::new(Code::UnknownOperation, ""))?;
    Operation::named(name)
        .ok_or_else(|| KmsError::new(Code::UnknownOperation, format!("{name} is not emulated")))
}

/// `None` when a request does not use the protocol.
fn operation_name(head: &Parts) -> Option<&str> {
    let content_type = head.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let media_type = content_type.split(';').next()?.trim();
    let is_protocol =
        head.method == Method::POST && head.uri.path() == "/" && media_type == AMZ_JSON;
    let target = head.headers.get("x-amz-target")?.to_str().ok()?;
    let name = target.strip_prefix("TrentService.")?;
    is_protocol.then_some(name)
}

/// Checks that a SigV4 authorization is present, complete, and for this service and region.
///
/// Checks neither the signature nor the access key: any credentials are accepted.
pub(super) fn check_authorization(headers: &HeaderMap, region: &str) -> Result<(), KmsError> {
    let authorization = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| {
            KmsError::new(
                Code::MissingAuthenticationToken,
                "Request is missing Authentication Token",
            )
        })?;
    let parameters = authorization
        .strip_prefix("AWS4-HMAC-SHA256 ")
        .unwrap_or_default();
    let parameter = |name: &str| {
        parameters
            .split(',')
            .filter_map(|parameter| parameter.trim().split_once('='))
            .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
            .ok_or_else(|| {
                KmsError::new(
                    Code::IncompleteSignature,
                    format!("Authorization header requires '{name}' parameter."),
                )
            })
    };
    let credential = parameter("Credential")?;
    parameter("Signature")?;
    parameter("SignedHeaders")?;

    let scope: Vec<&str> = credential.split('/').collect();
    let [_, _, credential_region, service, "aws4_request"] = scope.as_slice() else {
        return Err(KmsError::new(
            Code::IncompleteSignature,
            format!(
                "Credential must have exactly 5 slash-delimited elements, \
                 e.g. keyid/date/region/service/term, got '{credential}'"
            ),
        ));
    };
    if *credential_region != region {
        return Err(KmsError::new(
            Code::InvalidSignature,
            format!("Credential should be scoped to a valid region, not '{credential_region}'."),
        ));
    }
    if *service != "kms" {
        return Err(KmsError::new(
            Code::InvalidSignature,
            "Credential should be scoped to correct service: 'kms'.",
        ));
    }
    Ok(())
}
