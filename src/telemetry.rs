//! The names of spans, events and metrics, for operators.
//!
//! They are part of this crate's interface: renaming one is a breaking change. None of them
//! contains a secret, or a preimage unless `AwsKmsSignerBuilder::trace_preimage` is on.
//!
//! # Spans and events of `tracing`
//!
//! | target | name | level | when |
//! |---|---|---|---|
//! | `kms_signer::call` | span `call` | DEBUG | one call to a key store, with all its attempts |
//! | `kms_signer::call` | event `attempt failed` | DEBUG | each attempt that failed |
//! | `kms_signer::call` | event `call finished` | DEBUG, WARN when it failed | once for each call |
//! | `kms_signer::failover` | event `failed over` | WARN | a signer failed, and the failover asks the next one |
//! | `kms_signer::failover` | event `circuit` | WARN | the circuit of a signer opened or closed |
//! | `kms_signer::hedge` | event `hedged` | DEBUG | a second attempt was started |
//! | `kms_signer::alarm` | event `alarm` | ERROR | a failover or hedge met an error that [is an alarm](crate::Error::is_alarm), and returned it |
//! | `kms_signer::audit` | event `not recorded` | ERROR | the sink failed, panicked or took too long: a signature was not returned, or a failure or refusal has no record |
//! | `kms_signer::audit` | event `dropped before the signer answered: …` | WARN | the caller dropped the request: there is no record, and the key may have signed |
//! | `kms_signer::audit` | event `dropped before the sink answered: …` | WARN | the runtime shut down, or the sink panicked: there may be no record |
//! | `kms_signer::rate_limit` | event `paused` | DEBUG | the key store throttled a request, and all requests under the limit wait |
//!
//! | field | of | meaning |
//! |---|---|---|
//! | `operation` | span and `call finished` | for example `Sign` |
//! | `key` | span and `call finished` | the configured key: id, ARN or alias |
//! | `region` | span of a call | the key store's region |
//! | `digest` | span of a `Sign` call | [`KeyInput::fingerprint`](crate::KeyInput::fingerprint) in hexadecimal |
//! | `preimage` | span of a `Sign` call | the preimage in hexadecimal, only if `trace_preimage` is on |
//! | `attempt` | `attempt failed` | 1 for the first, even if it was not sent |
//! | `request_id` | events of a call | the key store's id; CloudTrail's `requestID` |
//! | `attempts` | `call finished` | how many attempts were sent |
//! | `elapsed_us` | events of a call | microseconds since the start of the call or attempt |
//! | `outcome` | events of a call | `ok`, or [`Error::name`](crate::Error::name) |
//! | `code` | events of a call that failed | the key store's code, such as `ThrottlingException` |
//! | `wait_us` | `attempt failed`, `paused` | microseconds until the next attempt, if there is one; length of the pause |
//! | `from`, `to` | `failed over` | indices of the signers, from 0 |
//! | `error` | `failed over`, `alarm` | [`Error::name`](crate::Error::name) of the failure |
//! | `layer` | `alarm` | `failover` or `hedge`; nested ones each report it |
//! | `key`, `region`, `request_id` | `alarm` | those of the call that returned the error |
//! | `outcome`, `digest`, `request_id` | events of `kms_signer::audit` | as in the record: see `layer::audit`; `outcome` is `unknown` when the signer did not answer |
//! | `cause` | `not recorded` | what the sink reported |
//! | `signer`, `state` | `circuit` | index of the signer; `open`, `closed` |
//!
//! # Metrics of `metrics` (feature `metrics`)
//!
//! | name | type | labels | meaning |
//! |---|---|---|---|
//! | `kms_signer_call_seconds` | histogram | `operation`, `outcome` | time of a call, all attempts together |
//! | `kms_signer_errors_total` | counter | `operation`, `error`, `code` | calls that failed |
//! | `kms_signer_retries_total` | counter | `operation` | attempts after the first |
//! | `kms_signer_throttled_total` | counter | `operation` | attempts that the key store throttled |
//! | `kms_signer_in_flight` | gauge | `operation` | calls in progress |
//! | `kms_signer_hedges_total` | counter | `winner` | second attempts started, by the attempt that signed: `first`, `second`, `none` |
//! | `kms_signer_failovers_total` | counter | `error` | requests sent on to another signer, by the error of the one before |
//! | `kms_signer_alarms_total` | counter | `layer`, `error` | [alarms](crate::Error::is_alarm) that a failover or hedge returned |
//! | `kms_signer_layer_errors_total` | counter | `error` | requests that a layer ended: `timed_out`, `queue_full`, `queued_too_long`, `audit_failed` |
//!
//! There is no label for the key: a service with ten thousand keys would have as many series. For
//! the same reason an unknown `code` counts as `other`; an error without a code counts as `none`.
//!
//! Metrics with an `operation` count calls to the key store. They do not count requests that a
//! layer rejects, nor the calls of a health check. The events of a health check are at DEBUG even
//! if it fails, and its dry runs of `Sign` have no `digest`. A call whose future is dropped has no
//! `call finished` and no sample of `kms_signer_call_seconds`.

// Without the feature `metrics` the arguments are unused.
#![cfg_attr(not(feature = "metrics"), allow(unused_variables))]

#[cfg(feature = "_remote")]
use std::time::Duration;

#[cfg(any(feature = "_remote", feature = "layers"))]
use crate::Error;
#[cfg(feature = "layers")]
use crate::Receipt;

/// Counts a call as in progress until it is dropped, however the call ends.
#[cfg(feature = "_remote")]
pub(crate) struct InFlight {
    #[cfg(feature = "metrics")]
    operation: &'static str,
}

#[cfg(feature = "_remote")]
impl InFlight {
    pub(crate) fn start(operation: &'static str) -> Self {
        #[cfg(feature = "metrics")]
        metrics::gauge!("kms_signer_in_flight", "operation" => operation).increment(1.0);
        Self {
            #[cfg(feature = "metrics")]
            operation,
        }
    }
}

#[cfg(all(feature = "_remote", feature = "metrics"))]
impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!("kms_signer_in_flight", "operation" => self.operation).decrement(1.0);
    }
}

/// Counts the end of a call, with its `error` if it failed. `code` is one of a bounded number.
#[cfg(feature = "_remote")]
pub(crate) fn call_finished(
    operation: &'static str,
    elapsed: Duration,
    error: Option<&Error>,
    code: Option<&str>,
) {
    #[cfg(feature = "metrics")]
    {
        let outcome = error.map_or("ok", Error::name);
        metrics::histogram!(
            "kms_signer_call_seconds", "operation" => operation, "outcome" => outcome
        )
        .record(elapsed);
        if let Some(error) = error {
            let code = code.unwrap_or("none").to_owned();
            metrics::counter!(
                "kms_signer_errors_total",
                "operation" => operation, "error" => error.name(), "code" => code
            )
            .increment(1);
        }
    }
}

/// Counts a failed attempt, and the retry if one follows.
#[cfg(feature = "_remote")]
pub(crate) fn attempt_failed(operation: &'static str, error: &Error, is_retried: bool) {
    #[cfg(feature = "metrics")]
    {
        if error.is_throttled() {
            metrics::counter!("kms_signer_throttled_total", "operation" => operation).increment(1);
        }
        if is_retried {
            metrics::counter!("kms_signer_retries_total", "operation" => operation).increment(1);
        }
    }
}

/// Counts a second attempt. `winner` is the attempt that signed: `first`, `second` or `none`.
#[cfg(feature = "layers")]
pub(crate) fn hedged(winner: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("kms_signer_hedges_total", "winner" => winner).increment(1);
}

/// Counts a request that is sent on to another signer after this error.
#[cfg(feature = "layers")]
pub(crate) fn failed_over(error: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("kms_signer_failovers_total", "error" => error).increment(1);
}

/// Reports and counts the error that a failover or hedge returns, if it is an alarm.
#[cfg(feature = "layers")]
pub(crate) fn alarm(layer: &'static str, error: &Error) {
    if !error.is_alarm() {
        return;
    }
    let (name, receipt) = (error.name(), error.receipt());
    tracing::error!(
        target: "kms_signer::alarm",
        layer,
        error = name,
        key = receipt.map(Receipt::key),
        region = receipt.and_then(Receipt::region),
        request_id = error.request_id(),
        "alarm",
    );
    #[cfg(feature = "metrics")]
    metrics::counter!("kms_signer_alarms_total", "layer" => layer, "error" => name).increment(1);
}

/// Counts an error with which a layer ends a request, and returns it.
#[cfg(feature = "layers")]
pub(crate) fn ended_by_layer(error: Error) -> Error {
    #[cfg(feature = "metrics")]
    metrics::counter!("kms_signer_layer_errors_total", "error" => error.name()).increment(1);
    error
}
