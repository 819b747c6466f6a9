//! HTTP as AWS services with the JSON 1.1 protocol speak it.

use std::{
    pin::pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body, Bytes},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
    http::request::Parts,
};
use serde::Serialize;

use super::{
    error::{Code, KmsError},
    keys::KeyStore,
    operation::Operation,
    operations,
    random::Random,
};
use crate::error::BoxError;

const AMZ_JSON: &str = "application/x-amz-json-1.1";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// More than the longest request, which is one to create a key with a policy of 128 KiB.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// The one endpoint: every request passes through [`respond`](Self::respond), whatever connection
/// it came on.
pub(super) struct Endpoint {
    store: Mutex<KeyStore>,
    region: String,
    request_ids: Mutex<Random>,
    calls: Calls,
}

impl Endpoint {
    pub(super) fn new(store: KeyStore, request_ids: Random) -> Self {
        Self {
            region: store.scope.region().to_owned(),
            store: Mutex::new(store),
            request_ids: Mutex::new(request_ids),
            calls: Calls::default(),
        }
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// The keys, which stay usable after a panic elsewhere: that leaves no change half done.
    pub(super) fn store(&self) -> MutexGuard<'_, KeyStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn calls(&self) -> &Calls {
        &self.calls
    }

    pub(super) async fn respond<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>>,
    {
        let (status, body) = match self.answer(request).await {
            Ok(body) => (StatusCode::OK, body),
            Err(error) => (error.code.http_status(), error_body(&error)),
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(AMZ_JSON));
        if let Ok(request_id) = HeaderValue::from_str(&self.next_request_id()) {
            headers.insert(REQUEST_ID, request_id);
        }
        response
    }

    async fn answer<B>(&self, request: Request<B>) -> Result<Vec<u8>, KmsError>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>>,
    {
        let (head, body) = request.into_parts();
        let operation = operation_of(&head);
        // Before the body, which a client may never finish.
        self.calls.count(operation.as_ref().ok().copied());
        let body = read(body).await;
        let operation = operation?;
        check_authorization(&head.headers, &self.region)?;
        operations::call(&mut self.store(), operation, &body?)
    }

    fn next_request_id(&self) -> String {
        let mut random = self
            .request_ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        random.next_uuid()
    }
}

/// Reads a body to its end, even one that is too long or belongs to a request that is refused for
/// another reason: what is left unread makes hyper close the connection, and a client that is
/// still sending then would never see the answer.
async fn read<B>(body: B) -> Result<Vec<u8>, KmsError>
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

/// How many requests came in, whatever became of them.
#[derive(Default)]
pub(super) struct Calls {
    total: AtomicU64,
    by_operation: [AtomicU64; Operation::ALL.len()],
}

impl Calls {
    fn count(&self, operation: Option<Operation>) {
        self.total.fetch_add(1, Ordering::Relaxed);
        if let Some(counter) = operation.and_then(|operation| self.counter(operation)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn of(&self, operation: Operation) -> u64 {
        self.counter(operation)
            .map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    fn counter(&self, operation: Operation) -> Option<&AtomicU64> {
        self.by_operation.get(operation as usize)
    }
}

/// The operation that a request asks for.
fn operation_of(head: &Parts) -> Result<Operation, KmsError> {
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
fn check_authorization(headers: &HeaderMap, region: &str) -> Result<(), KmsError> {
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

#[derive(Serialize)]
struct ErrorBody<'a> {
    #[serde(rename = "__type")]
    code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
}

fn error_body(error: &KmsError) -> Vec<u8> {
    serde_json::to_vec(&ErrorBody {
        code: error.code.name(),
        message: &error.message,
    })
    .unwrap_or_default()
}

#[cfg(test)]
mod tests;
