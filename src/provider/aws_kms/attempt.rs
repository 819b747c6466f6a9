//! One attempt at a call: what the SDK is given for it, and what is learnt while it lasts.
//!
//! An interceptor limits the size of the answer, notes that the request was sent and by which clock
//! it was signed, and keeps hold of the connection, which an attempt without an answer gives up.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use super::{
    body,
    clock::{AttemptClock, Clock},
};
use crate::call::Sent;
use aws_sdk_kms::{
    Client,
    config::{
        self, ConfigBag, Intercept, RuntimeComponents, StalledStreamProtectionConfig,
        interceptors::{
            BeforeDeserializationInterceptorContextMut, BeforeDeserializationInterceptorContextRef,
            BeforeTransmitInterceptorContextMut, BeforeTransmitInterceptorContextRef,
        },
        retry::RetryConfig,
        timeout::TimeoutConfig,
    },
    error::{BoxError, SdkError},
};
use aws_smithy_runtime_api::client::connection::CaptureSmithyConnection;
use aws_smithy_types::body::SdkBody;

/// One attempt. Dropped without an answer, it marks its connection as one not to be used again.
///
/// With HTTP/1.1 the dropped request closes its connection anyway. With HTTP/2 all requests share
/// one, and would go on sharing it after the other side has fallen silent.
pub(super) struct Attempt {
    sent: Arc<Sent>,
    observed: Arc<Observed>,
    clock: AttemptClock,
    is_answered: bool,
}

#[derive(Debug, Default)]
struct Observed {
    connection: OnceLock<CaptureSmithyConnection>,
    times: Mutex<Times>,
}

/// What either side takes for the time.
#[derive(Clone, Debug, Default)]
struct Times {
    /// `x-amz-date` of the request.
    signed: Option<String>,
    /// `Date` of the answer, unless a cache gave it.
    answered: Option<String>,
}

impl Attempt {
    pub(super) fn new(client: &Client, clock: &Clock, sent: Arc<Sent>) -> Self {
        Self {
            sent,
            observed: Arc::default(),
            clock: clock.for_attempt(client.config().time_source()),
            is_answered: false,
        }
    }

    /// What the SDK needs to know. `time_left` is the time until the deadline of the call.
    pub(super) fn overrides(&self, client: &Client, time_left: Duration) -> config::Builder {
        let overrides = config::Builder::new()
            .retry_config(RetryConfig::disabled())
            // It would end a stalled body after 5 s, whatever the attempt's own timeout says.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .time_source(self.clock.clone())
            .interceptor(Observer {
                sent: self.sent.clone(),
                observed: self.observed.clone(),
                clock: self.clock.clone(),
            });
        let own = client.config().timeout_config();
        match own.and_then(TimeoutConfig::operation_attempt_timeout) {
            Some(_) => overrides,
            // Ours always ends before. The SDK allows credentials as much time as this and the
            // number of attempts come to, which would be 6.2 s for one attempt without it.
            None => overrides.timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(time_left.saturating_add(Duration::from_secs(1)))
                    .build(),
            ),
        }
    }

    /// Notes how the attempt ended. Only a whole answer shows that the connection is alive.
    pub(super) fn ended<O, E>(&mut self, outcome: &Result<O, SdkError<E>>) {
        self.is_answered = matches!(outcome, Ok(_) | Err(SdkError::ServiceError(_)));
    }

    /// Corrects `clock` by what a refusal told of KMS's time; false if that is no reason to ask
    /// again.
    pub(super) fn corrects(&self, clock: &Clock) -> bool {
        let Times { signed, answered } = self.observed.times().clone();
        match (signed, answered) {
            (Some(signed), Some(answered)) => clock.correct(&self.clock, &signed, &answered),
            _ => false,
        }
    }
}

/// Ends an attempt when its request is made and signed, and nothing was sent.
#[derive(Debug)]
pub(super) struct StopBeforeSending;

impl Intercept for StopBeforeSending {
    fn name(&self) -> &'static str {
        "kms_signer::StopBeforeSending"
    }

    fn read_after_signing(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        Err("the credentials are there".into())
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let connection = self.observed.connection.get();
        if let (false, Some(connection)) = (self.is_answered, connection.and_then(|c| c.get())) {
            connection.poison();
        }
    }
}

impl Observed {
    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Observer {
    sent: Arc<Sent>,
    observed: Arc<Observed>,
    clock: AttemptClock,
}

impl Intercept for Observer {
    fn name(&self) -> &'static str {
        "kms_signer::Observer"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // The SDK's own, if it has put one there before.
        let connection = match config.load::<CaptureSmithyConnection>() {
            Some(connection) => connection.clone(),
            None => {
                let connection = CaptureSmithyConnection::new();
                context.request_mut().add_extension(connection.clone());
                connection
            }
        };
        self.observed.connection.get_or_init(|| connection);
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let signed = context.request().headers().get("x-amz-date");
        self.observed.times().signed = signed.map(str::to_owned);
        self.sent.mark();
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.response().headers();
        // A cache's answer has the time of when it was cached (RFC 9111 §5.1).
        if headers.get("age").is_none() {
            self.observed.times().answered = headers.get("date").map(str::to_owned);
        }
        self.clock.hide();
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        *body = body::limited(std::mem::replace(body, SdkBody::taken()));
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        _: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.clock.show();
        Ok(())
    }
}
