//! Requests as AWS services with the JSON 1.1 protocol take them.

use std::pin::pin;

use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Method,
    body::{Body, Bytes},
    header::{AUTHORIZATION, CONTENT_TYPE},
    http::request::Parts,
};

use super::{
    error::{Code, KmsError},
    operation::Operation,
};
use crate::error::BoxError;

pub(super) const AMZ_JSON: &str = "application/x-amz-json-1.1";
/// More than the longest request, which is one to create a key with a policy of 128 KiB.
pub(super) const MAX_BODY_BYTES: usize = 256 * 1024;

/// Reads a body to its end, even one that is too long or belongs to a request that is refused for
/// another reason: what is left unread makes hyper close the connection, and a client that is
/// still sending then would never see the answer.
pub(super) async fn read<B>(body: B) -> Result<Vec<u8>, KmsError>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    let mut is_too_long = false;
    while let Some(frame) = body.frame().await {
        let data = frame
            .map_err(|error| KmsError::new(Code::Serialization, error.into().to_string()))?
            .into_data()
            .unwrap_or_default();
        is_too_long |= bytes.len() + data.len() > MAX_BODY_BYTES;
        if !is_too_long {
            bytes.extend_from_slice(&data);
        }
    }
    match is_too_long {
        true => Err(KmsError::new(
            Code::RequestEntityTooLarge,
            format!("The body is longer than {MAX_BODY_BYTES} bytes"),
        )),
        false => Ok(bytes),
    }
}

/// The operation that a request asks for.
pub(super) fn operation_of(head: &Parts) -> Result<Operation, KmsError> {
    let name = operation_name(head).ok_or_else(|| KmsError::new(Code::UnknownOperation, ""))?;
    Operation::named(name)
        .ok_or_else(|| KmsError::new(Code::UnknownOperation, format!("{name} is not emulated")))
}

/// `None` when a request does not speak the protocol.
fn operation_name(head: &Parts) -> Option<&str> {
    let content_type = head.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let media_type = content_type.split(';').next()?.trim();
    let is_protocol =
        head.method == Method::POST && head.uri.path() == "/" && media_type == AMZ_JSON;
    let target = head.headers.get("x-amz-target")?.to_str().ok()?;
    let name = target.strip_prefix("TrentService.")?;
    is_protocol.then_some(name)
}

/// Checks that a SigV4 authorization is there, complete, and meant for this service and region.
///
/// The signature itself is not checked, nor is the access key: any credentials will do.
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
