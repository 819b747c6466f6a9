//! One attempt at a call: the SDK's settings for it, and what an interceptor observes during it.
//!
//! The interceptor limits the size of the answer, records when the request was sent and with which
//! time it was signed, and keeps a handle to the connection, which an attempt without an answer
//! discards.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::{
    body,
    clock::{AttemptClock, Clock},
};
use crate::call::{FAR, Sent};
use aws_sdk_kms::{
    Client, Config,
    config::{
        self, ConfigBag, Intercept, RuntimeComponents, SharedInterceptor,
        StalledStreamProtectionConfig,
        interceptors::{
            BeforeDeserializationInterceptorContextMut, BeforeDeserializationInterceptorContextRef,
            BeforeTransmitInterceptorContextMut, BeforeTransmitInterceptorContextRef,
        },
        retry::RetryConfig,
        timeout::TimeoutConfig,
    },
    error::{BoxError, SdkError},
};
use aws_smithy_runtime_api::client::{
    connection::CaptureSmithyConnection, interceptors::dyn_dispatch_hint,
};
use aws_smithy_types::body::SdkBody;

/// Sets in `config` what attempts need and the settings of `client` lack.
///
/// A user's client keeps its own settings, so each attempt overrides them. A client that this crate
/// makes has them from the start, so there is nothing to override.
pub(super) fn adjusted(client: &Config, mut config: config::Builder) -> config::Builder {
    let retries = RetryConfig::disabled();
    if client.retry_config() != Some(&retries) {
        config.set_retry_config(Some(retries));
    }
    // It would end a stalled body after 5 s, regardless of the attempt's own timeout.
    let protection = client.stalled_stream_protection();
    if protection.is_none_or(StalledStreamProtectionConfig::is_enabled) {
        let disabled = StalledStreamProtectionConfig::disabled();
        config.set_stalled_stream_protection(Some(disabled));
    }
    // Our own deadline always ends the attempt first. The SDK derives the time it allows for
    // credentials from this and the number of attempts: without it, 6.2 s for one.
    let timeouts = client.timeout_config();
    if timeouts.is_none_or(|timeouts| timeouts.operation_attempt_timeout().is_none()) {
        let timeouts = timeouts.map(TimeoutConfig::to_builder).unwrap_or_default();
        config.set_timeout_config(Some(timeouts.operation_attempt_timeout(FAR).build()));
    }
    config
}

/// One attempt. If it is dropped without an answer, it marks its connection so that no later
/// request uses it.
///
/// With HTTP/1.1 dropping the request closes its connection anyway. With HTTP/2 all requests share
/// one, and would keep using it after the other side stopped responding.
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

/// The time according to each side.
#[derive(Clone, Debug, Default)]
struct Times {
    /// `x-amz-date` of the request.
    signed: Option<String>,
    /// `Date` of a rejection, unless a cache sent it.
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

    /// The SDK's settings for this attempt.
    pub(super) fn overrides(&self, client: &Client) -> config::Builder {
        let mut overrides =
            adjusted(client.config(), config::Builder::new()).time_source(self.clock.clone());
        overrides.push_interceptor(SharedInterceptor::permanent(Observer {
            sent: self.sent.clone(),
            observed: self.observed.clone(),
            clock: self.clock.clone(),
        }));
        overrides
    }

    /// Records how the attempt ended. Only a whole answer shows that the connection works.
    pub(super) fn ended<O, E>(&mut self, outcome: &Result<O, SdkError<E>>) {
        self.is_answered = matches!(outcome, Ok(_) | Err(SdkError::ServiceError(_)));
    }

    /// Corrects `clock` by the time in KMS's rejection. Returns whether to send the request again.
    pub(super) fn corrects(&self, clock: &Clock) -> bool {
        let Times { signed, answered } = self.observed.times().clone();
        match (signed, answered) {
            (Some(signed), Some(answered)) => clock.correct(&self.clock, &signed, &answered),
            _ => false,
        }
    }
}

/// Ends an attempt after its request was made and signed, before anything is sent.
#[derive(Debug)]
pub(super) struct StopBeforeSending;

#[dyn_dispatch_hint]
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
        if self.is_answered {
            return;
        }
        let connection = self.observed.connection.get();
        if let Some(connection) = connection.and_then(CaptureSmithyConnection::get) {
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

/// Without the hint, and `permanent`, the SDK searches its settings before each hook it has, used or
/// not.
#[dyn_dispatch_hint]
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
        // Use the SDK's own, if it has added one already.
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
        let response = context.response();
        let headers = response.headers();
        // A cached answer has the time at which it was cached (RFC 9111 §5.1).
        if !response.status().is_success() && headers.get("age").is_none() {
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

#[cfg(test)]
mod tests;
