//! One call to KMS: its attempts, its time, and what is told of it.

use std::{sync::Arc, time::Duration};

use aws_sdk_kms::{
    Client, config,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, sleep_until},
};
use tracing::{Instrument as _, Span, field};

use super::{Retries, attempt::Attempt, client_state::ClientState, code::label, failure};
use crate::{
    Error, KeyInput, Receipt, Result, SignRequest,
    telemetry::{self, InFlight},
};

/// How calls are made: with which client, in which time, how often.
#[derive(Clone)]
pub(super) struct Caller {
    client: Client,
    region: Option<Arc<str>>,
    settings: Settings,
    state: Arc<ClientState>,
}

/// What the builder lets the user choose of it.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) attempt_timeout: Duration,
    pub(super) deadline: Duration,
    pub(super) check_timeout: Duration,
    pub(super) retries: Retries,
    pub(super) trace_payload: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(3),
            deadline: Duration::from_secs(10),
            check_timeout: Duration::from_secs(1),
            retries: Retries::default(),
            trace_payload: false,
        }
    }
}

/// What is called, as receipts and logs name it.
pub(super) struct Subject<'a> {
    pub(super) operation: &'static str,
    pub(super) key: &'a str,
    /// The ARN of the pinned key, if it is known.
    pub(super) arn: Option<Arc<str>>,
    /// For a call that signs.
    pub(super) signs: Option<(&'a SignRequest<'a>, &'a KeyInput<'a>)>,
    /// Made to find something out, so that a failure is an answer and no alarm.
    pub(super) is_probe: bool,
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

    /// What is shared by all signers over the client.
    pub(super) fn state(&self) -> &Arc<ClientState> {
        &self.state
    }

    /// When a call that starts now has to be over.
    pub(super) fn deadline(&self) -> Instant {
        in_future(self.settings.deadline)
    }

    /// Makes a call: `send` for each attempt, and `accept` for each answer that reports success.
    ///
    /// What `accept` refuses is treated like what KMS refuses: repeated if it is retryable.
    pub(super) async fn call<F, O, E, T>(
        &self,
        subject: Subject<'_>,
        deadline: Instant,
        send: impl Fn(config::Builder) -> F,
        accept: impl Fn(O, Receipt) -> Result<T>,
    ) -> Result<T>
    where
        F: Future<Output = Result<O, SdkError<E>>>,
        O: RequestId,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        require_runtime()?;
        let span = self.span(&subject);
        let call = Call {
            caller: self,
            operation: subject.operation,
            key: subject.key.into(),
            arn: subject.arn,
            is_probe: subject.is_probe,
            start: Instant::now(),
            deadline,
            sent: 0,
            _in_flight: (!subject.is_probe).then(|| InFlight::start(subject.operation)),
        };
        call.run(send, accept).instrument(span).await
    }

    fn span(&self, subject: &Subject<'_>) -> Span {
        let span = tracing::debug_span!(
            target: "kms_signer::call",
            "call",
            operation = subject.operation,
            key = subject.key,
            region = self.region(),
            digest = field::Empty,
            payload = field::Empty,
        );
        if let (Some((request, input)), false) = (subject.signs, span.is_disabled()) {
            span.record(
                "digest",
                base16ct::lower::encode_string(&input.fingerprint()),
            );
            if let (Some(preimage), true) = (request.preimage(), self.settings.trace_payload) {
                span.record("payload", base16ct::lower::encode_string(preimage));
            }
        }
        span
    }
}

/// A time to come; one that no clock reaches is taken for the year after next.
pub(super) fn in_future(time: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(2 * 365 * 24 * 60 * 60);
    Instant::now() + time.min(FAR)
}

/// Without one, timers and connections would panic.
pub(super) fn require_runtime() -> Result<()> {
    match Handle::try_current() {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::InvalidConfig {
            reason:
                "there is no tokio runtime here; call this inside one, with time and IO enabled"
                    .to_owned(),
        }),
    }
}

struct Call<'a> {
    caller: &'a Caller,
    operation: &'static str,
    key: Arc<str>,
    arn: Option<Arc<str>>,
    is_probe: bool,
    start: Instant,
    deadline: Instant,
    /// How often the SDK sent the request.
    sent: u32,
    _in_flight: Option<InFlight>,
}

impl Call<'_> {
    async fn run<F, O, E, T>(
        mut self,
        send: impl Fn(config::Builder) -> F,
        accept: impl Fn(O, Receipt) -> Result<T>,
    ) -> Result<T>
    where
        F: Future<Output = Result<O, SdkError<E>>>,
        O: RequestId,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let retries = &self.caller.settings.retries;
        let mut allowance = match self.is_probe {
            true => retries.start_probe(),
            false => retries.start(self.caller.state.budget()),
        };
        let mut corrected_clock = false;
        let mut attempt: u32 = 0;
        loop {
            attempt = attempt.saturating_add(1);
            let start = Instant::now();
            let mut tried = Attempt::new(&self.caller.client, self.caller.state.clock());
            let answer = self.attempt(&mut tried, &send).await;
            let was_sent = tried.was_sent();
            self.sent = self.sent.saturating_add(was_sent.into());
            let receipt = self.receipt(match &answer {
                Ok(Ok(output)) => output.request_id(),
                Ok(Err(error)) => error.request_id(),
                Err(_) => None,
            });
            let request_id = receipt.request_id().map(str::to_owned);
            let corrects_clock = matches!(&answer, Ok(Err(error)) if failure::is_skewed(error))
                && tried.corrects(self.caller.state.clock())
                && !corrected_clock
                && !self.is_probe;
            // Gives up its connection before the next attempt asks for one.
            drop(tried);
            let outcome = match answer {
                Ok(Ok(output)) => accept(output, receipt),
                Ok(Err(error)) => Err(failure::classify(error, receipt, was_sent)),
                Err(late) => Err(failure::out_of_time(late.0, receipt, was_sent)),
            };
            let error = match outcome {
                Ok(value) => {
                    allowance.succeeded();
                    self.finished(request_id, None);
                    return Ok(value);
                }
                Err(error) => error,
            };
            let pause = match corrects_clock {
                true => Some(Duration::ZERO),
                false => allowance.pause_after(&error, self.deadline),
            };
            corrected_clock |= corrects_clock;
            self.attempt_failed(attempt, start, request_id.as_deref(), &error, pause);
            match pause {
                Some(pause) => sleep(pause).await,
                None => {
                    self.finished(request_id, Some(&error));
                    return Err(error);
                }
            }
        }
    }

    /// Makes one attempt. Dropping the SDK's future is what ends it early.
    async fn attempt<F, O, E>(
        &self,
        attempt: &mut Attempt,
        send: impl Fn(config::Builder) -> F,
    ) -> Result<Result<O, SdkError<E>>, Late>
    where
        F: Future<Output = Result<O, SdkError<E>>>,
    {
        let time_left = self.deadline.saturating_duration_since(Instant::now());
        let overrides = attempt.overrides(&self.caller.client, time_left);
        let outcome = tokio::select! {
            biased;
            outcome = send(overrides) => outcome,
            () = sleep_until(self.deadline) => return Err(Late(DEADLINE)),
            () = attempt.expired(self.caller.settings.attempt_timeout) => {
                return Err(Late("no answer within the time of an attempt"));
            }
        };
        attempt.ended(&outcome);
        Ok(outcome)
    }

    fn attempt_failed(
        &self,
        attempt: u32,
        start: Instant,
        request_id: Option<&str>,
        error: &Error,
        pause: Option<Duration>,
    ) {
        if !self.is_probe {
            telemetry::attempt_failed(self.operation, error, pause.is_some());
        }
        tracing::debug!(
            target: "kms_signer::call",
            attempt,
            request_id,
            elapsed_us = micros(start.elapsed()),
            code = error.code(),
            outcome = error.kind(),
            wait_us = pause.map(micros),
            "attempt failed",
        );
    }

    fn receipt(&self, request_id: Option<&str>) -> Receipt {
        Receipt::new(self.operation, self.key.clone())
            .with_pinned_key(self.arn.clone())
            .with_region(self.caller.region.clone())
            .with_request_id(request_id.map(str::to_owned))
            .with_attempts(self.sent)
            .with_elapsed(self.start.elapsed())
    }

    fn finished(&self, request_id: Option<String>, error: Option<&Error>) {
        let elapsed = self.start.elapsed();
        if !self.is_probe {
            let code = error.and_then(Error::code).map(label);
            telemetry::call_finished(self.operation, elapsed, error, code);
        }
        macro_rules! finished {
            ($level:ident) => {
                tracing::$level!(
                    target: "kms_signer::call",
                    operation = self.operation,
                    key = &*self.key,
                    attempts = self.sent,
                    request_id,
                    elapsed_us = micros(elapsed),
                    outcome = error.map_or("ok", Error::kind),
                    code = error.and_then(Error::code),
                    "call finished",
                )
            };
        }
        match error {
            Some(_) if !self.is_probe => finished!(warn),
            _ => finished!(debug),
        }
    }
}

/// Why an attempt was ended from here.
struct Late(&'static str);

const DEADLINE: &str = "the deadline of the call passed";

fn micros(time: Duration) -> u64 {
    time.as_micros().try_into().unwrap_or(u64::MAX)
}
