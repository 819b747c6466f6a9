//! AWS KMS behind the endpoint: from a request to its answer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
    http::request::Parts,
};
use serde::Serialize;

use super::{
    error::{Code, KmsError},
    failure::{AwsKms, Change, ServiceError, Subject, WrongAnswer},
    key_store::KeyStore,
    operation::Operation,
    operations,
    request::{self, AMZ_JSON},
};
use crate::emulator::{answer::AnswerBody, body::BodyError, random::Random, service::Service};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The keys of one account and region, and the random stream for request ids.
pub(super) struct KmsService {
    store: Mutex<KeyStore>,
    region: String,
    request_ids: Mutex<Random>,
}

/// A request with its body.
pub(super) struct Received {
    /// The operation it asks for, permitted or not; `None` if it is not emulated.
    operation: Option<Operation>,
    /// What is left to do: an operation and its body, or the error of a wrong request.
    call: Result<(Operation, Vec<u8>), KmsError>,
}

impl KmsService {
    pub(super) fn new(store: KeyStore, request_ids: Random) -> Self {
        Self {
            region: store.scope.region().to_owned(),
            store: Mutex::new(store),
            request_ids: Mutex::new(request_ids),
        }
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// The keys. They stay usable after a panic elsewhere, which leaves no change half done.
    pub(super) fn store(&self) -> MutexGuard<'_, KeyStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn response(&self, answer: Result<Vec<u8>, KmsError>) -> Response<AnswerBody> {
        match answer {
            Ok(body) => self.response_with(StatusCode::OK, body),
            Err(error) => self.response_with(
                error.code.http_status(),
                error_body(error.code.name(), &error.message),
            ),
        }
    }

    fn error(
        &self,
        error: &ServiceError,
        operation: Option<Operation>,
        key_arn: Option<&str>,
    ) -> Response<AnswerBody> {
        let message = error.message(&Subject {
            scope: &self.store().scope,
            operation,
            key_arn,
        });
        self.response_with(error.status(), error_body(&error.code, &message))
    }

    fn response_with(&self, status: StatusCode, body: Vec<u8>) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::whole(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(AMZ_JSON));
        if let Ok(request_id) = HeaderValue::from_str(&self.next_request_id()) {
            headers.insert(REQUEST_ID, request_id);
        }
        response
    }

    fn next_request_id(&self) -> String {
        let random = self.request_ids.lock();
        random.unwrap_or_else(PoisonError::into_inner).next_uuid()
    }
}

impl Service for KmsService {
    type Store = AwsKms;
    type Request = Received;

    /// The longest request creates a key with a policy of 128 KiB.
    const MAX_BODY_BYTES: usize = 256 * 1024;

    fn operation(head: &Parts) -> Option<Operation> {
        request::operation_of(head).ok()
    }

    fn receive(&self, head: &Parts, body: Result<Vec<u8>, BodyError>) -> Received {
        let operation = request::operation_of(head);
        Received {
            operation: operation.as_ref().ok().copied(),
            call: operation.and_then(|operation| {
                request::check_authorization(&head.headers, &self.region)?;
                Ok((operation, body.map_err(body_error)?))
            }),
        }
    }

    fn key_of(&self, request: &Received) -> Option<String> {
        let (_, body) = request.call.as_ref().ok()?;
        operations::key(&self.store(), body).map(|key| key.arn.clone())
    }

    fn resolve(&self, key_id: &str) -> Option<String> {
        self.store().resolve(key_id).map(|key| key.arn.clone())
    }

    fn can_change(&self, change: &Change, request: &Received, key: Option<&str>) -> bool {
        let needs_key = !matches!(change, Change::MoveAlias { .. });
        request.call.is_ok() && (key.is_some() || !needs_key)
    }

    fn can_answer(&self, wrong: &WrongAnswer, request: &Received, key: Option<&str>) -> bool {
        let Ok((operation, _)) = &request.call else {
            return false;
        };
        match wrong {
            WrongAnswer::Error(_) => true,
            WrongAnswer::Lie(lie) => {
                let store = self.store();
                lie.can_happen(*operation, key.and_then(|arn| store.resolve(arn)))
            }
        }
    }

    fn change(&self, change: &Change, key: Option<&str>) {
        change.make(&mut self.store(), key);
    }

    fn answer(&self, request: Received) -> Response<AnswerBody> {
        let answer = request
            .call
            .and_then(|(operation, body)| operations::call(&mut self.store(), operation, &body));
        self.response(answer)
    }

    fn answer_wrongly(
        &self,
        wrong: &WrongAnswer,
        request: Received,
        key: Option<&str>,
        random: &mut Random,
    ) -> Response<AnswerBody> {
        match wrong {
            WrongAnswer::Error(error) => self.error(error, request.operation, key),
            WrongAnswer::Lie(lie) => {
                let answer = request.call.and_then(|(operation, body)| {
                    lie.tell(&mut self.store(), operation, &body, random)
                });
                self.response(answer)
            }
        }
    }
}

fn body_error(error: BodyError) -> KmsError {
    match error {
        BodyError::TooLong => KmsError::new(
            Code::RequestEntityTooLarge,
            format!(
                "The body is longer than {} bytes",
                KmsService::MAX_BODY_BYTES
            ),
        ),
        BodyError::Broken(reason) => KmsError::new(Code::Serialization, reason),
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    #[serde(rename = "__type")]
    code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
}

fn error_body(code: &str, message: &str) -> Vec<u8> {
    serde_json::to_vec(&ErrorBody { code, message }).unwrap_or_default()
}

#[cfg(test)]
mod tests;
