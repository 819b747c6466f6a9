//! The endpoint: handles each request, for any key store.

use std::{
    collections::HashMap,
    future,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::{
    Request, Response,
    body::{Body, Bytes},
    header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};

use super::{
    answer::{Answer, AnswerBody},
    body,
    failure::{Failure, Kind, Page, Plan, Rules, Seen},
    random::Random,
    service::{Operation, Service},
};
use crate::error::BoxError;

/// The one endpoint. Every request, on any connection, goes through [`respond`](Self::respond).
pub(super) struct Endpoint<S: Service> {
    service: S,
    calls: Calls<Operation<S>>,
    rules: Rules<S::Store>,
}

impl<S: Service> Endpoint<S> {
    pub(super) fn new(service: S, failures: Random) -> Self {
        Self {
            service,
            calls: Calls::default(),
            rules: Rules::new(failures),
        }
    }

    pub(super) fn service(&self) -> &S {
        &self.service
    }

    pub(super) fn calls(&self) -> &Calls<Operation<S>> {
        &self.calls
    }

    pub(super) fn rules(&self) -> &Rules<S::Store> {
        &self.rules
    }

    /// Reads a request, asks the rules, handles the request, and answers it.
    pub(super) async fn respond<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes, Error: Into<BoxError>>,
    {
        let (head, body) = request.into_parts();
        let operation = S::operation(&head);
        // Count before reading the body, which a client may never finish.
        self.calls.count(operation);
        let body = body::read(body, S::MAX_BODY_BYTES).await;
        let request = self.service.receive(&head, body);
        let plan = self.decide(operation, &request);
        if !plan.delay.is_zero() {
            tokio::time::sleep(plan.delay).await;
        }
        for change in &plan.changes {
            self.service.change(change, plan.key.as_deref());
        }
        match plan.failure {
            None => Ok(self.service.answer(request)),
            Some((failure, random)) => {
                let key = plan.key.as_deref();
                self.fail(failure, random, request, key).await
            }
        }
    }

    fn decide(&self, operation: Option<Operation<S>>, request: &S::Request) -> Plan<S::Store> {
        if self.rules.is_empty() {
            return Plan::default();
        }
        self.rules.decide(&Seen {
            service: &self.service,
            operation,
            request,
            key: self.service.key_of(request),
        })
    }

    async fn fail(
        &self,
        failure: Failure<S::Store>,
        mut random: Random,
        request: S::Request,
        key: Option<&str>,
    ) -> Answer {
        let mut response = match failure.kind {
            Kind::Stall => return future::pending().await,
            Kind::Abort(abort) => return Err(abort),
            Kind::AbortAfter(abort) => {
                // The client does not learn whether the key has signed.
                drop(self.service.answer(request));
                return Err(abort);
            }
            Kind::Response(page) => response_of(page),
            Kind::WrongAnswer(wrong) => {
                (self.service).answer_wrongly(&wrong, request, key, &mut random)
            }
            Kind::Delivery(delivery) => {
                let response = self.service.answer(request);
                response.map(|body| body.deliver(delivery))
            }
            // `Rules::decide` never leaves these to be the answer.
            Kind::Delay(_) | Kind::Change(_) => self.service.answer(request),
        };
        if let Some(status) = failure.status {
            *response.status_mut() = status;
        }
        if let Some(time) = failure.retry_after {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(time)));
        }
        Ok(response)
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

/// Rounds up, or a client that obeys would retry too early.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs()
        .saturating_add(u64::from(time.subsec_nanos() > 0))
}

/// How many requests came in, including rejected ones.
pub(super) struct Calls<O>(Mutex<HashMap<Option<O>, u64>>);

impl<O> Default for Calls<O> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<O: Copy + Eq + Hash> Calls<O> {
    fn count(&self, operation: Option<O>) {
        *self.lock().entry(operation).or_default() += 1;
    }

    pub(super) fn of(&self, operation: O) -> u64 {
        let calls = self.lock();
        calls.get(&Some(operation)).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<O>, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn total(&self) -> u64 {
        self.lock().values().sum()
    }
}

#[cfg(test)]
mod tests;
