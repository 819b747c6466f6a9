//! The endpoint: what becomes of each request.

use std::{
    future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::{
    Request, Response, StatusCode,
    body::{Body, Bytes},
    header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER},
};
use serde::Serialize;

use super::{
    answer::{Answer, AnswerBody},
    error::KmsError,
    fault::{Fault, Kind, Page, Plan, Rules, Seen, ServiceError, Subject},
    key_store::KeyStore,
    operation::Operation,
    operations,
    random::Random,
    request::{self, AMZ_JSON},
};
use crate::error::BoxError;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The one endpoint: every request passes through [`respond`](Self::respond), whatever connection
/// it came on.
pub(super) struct Endpoint {
    store: Mutex<KeyStore>,
    region: String,
    request_ids: Mutex<Random>,
    calls: Calls,
    rules: Arc<Rules>,
}

/// A request with its body.
struct Received {
    /// What it asks for, whether it may or not; `None` when that is nothing emulated.
    operation: Option<Operation>,
    /// What is left to do: an operation and its body, unless something about the request is wrong.
    call: Result<(Operation, Vec<u8>), KmsError>,
}

impl Endpoint {
    pub(super) fn new(store: KeyStore, request_ids: Random, faults: Random) -> Self {
        Self {
            region: store.scope.region().to_owned(),
            store: Mutex::new(store),
            request_ids: Mutex::new(request_ids),
            calls: Calls::default(),
            rules: Arc::new(Rules::new(faults)),
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

    pub(super) fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Reads a request, decides what is to go wrong, handles it, and answers.
    pub(super) async fn respond<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes, Error: Into<BoxError>>,
    {
        let request = self.receive(request).await;
        let plan = self.decide(&request);
        if !plan.delay.is_zero() {
            tokio::time::sleep(plan.delay).await;
        }
        plan.make_changes(&mut self.store());
        match plan.fault {
            None => Ok(self.answer_of_kms(self.handle(request.call))),
            Some((fault, random)) => self.go_wrong(fault, random, request, plan.key_arn).await,
        }
    }

    async fn receive<B>(&self, request: Request<B>) -> Received
    where
        B: Body<Data = Bytes, Error: Into<BoxError>>,
    {
        let (head, body) = request.into_parts();
        let operation = request::operation_of(&head);
        // Before the body, which a client may never finish.
        self.calls.count(operation.as_ref().ok().copied());
        let body = request::read(body).await;
        Received {
            operation: operation.as_ref().ok().copied(),
            call: operation.and_then(|operation| {
                request::check_authorization(&head.headers, &self.region)?;
                Ok((operation, body?))
            }),
        }
    }

    fn decide(&self, request: &Received) -> Plan {
        if self.rules.is_empty() {
            return Plan::default();
        }
        let store = self.store();
        let key = (request.call.as_ref().ok()).and_then(|(_, body)| operations::key(&store, body));
        self.rules.decide(&Seen {
            store: &store,
            operation: request.operation,
            is_admitted: request.call.is_ok(),
            key,
        })
    }

    fn handle(&self, call: Result<(Operation, Vec<u8>), KmsError>) -> Result<Vec<u8>, KmsError> {
        let (operation, body) = call?;
        operations::call(&mut self.store(), operation, &body)
    }

    async fn go_wrong(
        &self,
        fault: Fault,
        mut random: Random,
        request: Received,
        key_arn: Option<String>,
    ) -> Answer {
        let mut response = match fault.kind {
            Kind::Stall => return future::pending().await,
            Kind::Abort(abort) => return Err(abort),
            Kind::AbortAfter(abort) => {
                // The key has signed or it has not: either way nobody hears of it.
                let _ = self.handle(request.call);
                return Err(abort);
            }
            Kind::Response(page) => response_of(page),
            Kind::Error(error) => self.error_of_kms(&error, &request, key_arn.as_deref()),
            Kind::Lie(lie) => {
                let answer = request.call.and_then(|(operation, body)| {
                    lie.tell(&mut self.store(), operation, &body, &mut random)
                });
                self.answer_of_kms(answer)
            }
            Kind::Delivery(delivery) => {
                let response = self.answer_of_kms(self.handle(request.call));
                response.map(|body| body.deliver(delivery))
            }
            // They answer nothing themselves: see `Rules::decide`.
            Kind::Delay(_) | Kind::Change(_) => self.answer_of_kms(self.handle(request.call)),
        };
        if let Some(status) = fault.status {
            *response.status_mut() = status;
        }
        if let Some(time) = fault.retry_after {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(time)));
        }
        Ok(response)
    }

    fn answer_of_kms(&self, answer: Result<Vec<u8>, KmsError>) -> Response<AnswerBody> {
        match answer {
            Ok(body) => self.response_of_kms(StatusCode::OK, body),
            Err(error) => self.response_of_kms(
                error.code.http_status(),
                error_body(error.code.name(), &error.message),
            ),
        }
    }

    fn error_of_kms(
        &self,
        error: &ServiceError,
        request: &Received,
        key_arn: Option<&str>,
    ) -> Response<AnswerBody> {
        let message = error.message(&Subject {
            scope: &self.store().scope,
            operation: request.operation,
            key_arn,
        });
        self.response_of_kms(error.status(), error_body(&error.code, &message))
    }

    fn response_of_kms(&self, status: StatusCode, body: Vec<u8>) -> Response<AnswerBody> {
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
        let mut random = self
            .request_ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        random.next_uuid()
    }
}

fn response_of(page: Page) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(page.body));
    *response.status_mut() = page.status;
    if let Ok(content_type) = HeaderValue::from_str(&page.content_type) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

/// Rounded up, or a client that obeys would come too early.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs()
        .saturating_add(u64::from(time.subsec_nanos() > 0))
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
