//! Makes calls to KMS over one SDK client: the `Transport` of [`call`](crate::call).

use std::sync::Arc;

use aws_sdk_kms::{Client, config, error::SdkError, operation::RequestId};
use tokio::time::Instant;

use super::{
    attempt::Attempt,
    client_state::ClientState,
    code, failure,
    protocol::{Answered, Refusal},
};
use crate::{
    Error, Receipt, Result,
    call::{self, Answer, Budget, Settings, Subject, Transport, in_future},
};

/// Makes calls over one client.
#[derive(Clone)]
pub(super) struct Caller {
    client: Client,
    region: Option<Arc<str>>,
    settings: Settings,
    state: Arc<ClientState>,
}

impl Caller {
    pub(super) fn new(client: Client, settings: Settings, state: Arc<ClientState>) -> Self {
        let region = client.config().region();
        Self {
            region: region.map(|region| region.as_ref().into()),
            client,
            settings,
            state,
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The state that all signers over the client share.
    pub(super) fn state(&self) -> &Arc<ClientState> {
        &self.state
    }

    /// The deadline of a call that starts now.
    pub(super) fn deadline(&self) -> Instant {
        in_future(self.settings.timeout)
    }

    /// Makes a call: `send` makes one attempt through the SDK, `accept` checks an answer.
    pub(super) async fn call<F, A, V>(
        &self,
        subject: Subject<'_>,
        deadline: Instant,
        send: impl Fn(config::Builder) -> F,
        accept: impl Fn(A, Receipt) -> Result<V>,
    ) -> Result<V>
    where
        F: Future<Output = Answered<A>>,
        A: RequestId,
    {
        let send = |attempt| self.send(attempt, &send);
        call::call(self, subject, deadline, send, accept).await
    }

    async fn send<F, A>(
        &self,
        attempt: call::Attempt,
        send: impl Fn(config::Builder) -> F,
    ) -> Result<Answer<A>, Failed>
    where
        F: Future<Output = Answered<A>>,
        A: RequestId,
    {
        let clock = self.state.clock();
        let mut attempt = Attempt::new(&self.client, clock, attempt.sent);
        let outcome = send(attempt.overrides(&self.client)).await;
        attempt.ended(&outcome);
        match outcome {
            Ok(value) => Ok(Answer {
                request_id: value.request_id().map(str::to_owned),
                value,
            }),
            Err(error) => Err(Failed {
                is_corrected: failure::is_skewed(&error) && attempt.corrects(clock),
                error,
            }),
        }
    }
}

/// The error of an attempt.
pub(super) struct Failed {
    error: SdkError<Refusal>,
    /// KMS rejected the request's signing time, and the clock was corrected.
    is_corrected: bool,
}

impl Transport for Caller {
    type Failure = Failed;

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn budget(&self) -> &Budget {
        self.state.budget()
    }

    fn region(&self) -> Option<&Arc<str>> {
        self.region.as_ref()
    }

    fn request_id(failed: &Failed) -> Option<&str> {
        failed.error.request_id()
    }

    fn is_corrected(failed: &Failed) -> bool {
        failed.is_corrected
    }

    fn classify(failed: Failed, receipt: Receipt, was_sent: bool) -> Error {
        failure::classify(failed.error, receipt, was_sent)
    }

    fn out_of_time(cause: &'static str, receipt: Receipt, was_sent: bool) -> Error {
        failure::out_of_time(cause, receipt, was_sent)
    }

    fn label(code: &str) -> &str {
        code::label(code)
    }
}
