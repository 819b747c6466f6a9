//! What an operator can watch: the names of spans, events and metrics.
//!
//! They are part of this crate's interface: a renamed one is a breaking change. None of them holds
//! a secret, and none a preimage unless it is switched on
//! (`AwsKmsSignerBuilder::trace_preimage`).
//!
//! # Spans and events of `tracing`
//!
//! | target | name | level | when |
//! |---|---|---|---|
//! | `kms_signer::call` | span `call` | DEBUG | one call to a key store, with all its attempts |
//! | `kms_signer::call` | event `attempt failed` | DEBUG | each attempt that failed |
//! | `kms_signer::call` | event `call finished` | DEBUG, WARN when it failed | once for each call |
//! | `kms_signer::failover` | event `failed over` | WARN | a signer failed, and the next one is asked |
//! | `kms_signer::failover` | event `circuit` | WARN | the circuit of a signer opened or closed |
//! | `kms_signer::hedge` | event `hedged` | DEBUG | a second attempt was started |
//! | `kms_signer::alarm` | event `alarm` | ERROR | a failover or hedge met an error that [is an alarm](crate::Error::is_alarm), and returned it |
//! | `kms_signer::audit` | event `not recorded` | ERROR | the sink failed, panicked or took too long: a signature was not returned, or a failure or refusal has no record |
//! | `kms_signer::audit` | event `dropped before the signer answered: …` | WARN | the caller was gone: there is no record, and whether the key signed is not known |
//! | `kms_signer::audit` | event `dropped before the sink answered: …` | WARN | the runtime shut down, or the sink panicked: there may be no record |
//! | `kms_signer::rate_limit` | event `paused` | DEBUG | the key store throttled, and all requests under the limit wait |
//!
//! | field | of | what |
//! |---|---|---|
//! | `operation` | span and `call finished` | for example `Sign` |
//! | `key` | span and `call finished` | the key as it was configured: id, ARN or alias |
//! | `region` | span of a call | the key store's region |
//! | `digest` | span of a `Sign` call | [`KeyInput::fingerprint`](crate::KeyInput::fingerprint) in hexadecimal |
//! | `preimage` | span of a `Sign` call | the preimage in hexadecimal, only if it is switched on |
//! | `attempt` | `attempt failed` | 1 for the first, whether it was sent or not |
//! | `request_id` | events of a call | the key store's id; CloudTrail's `requestID` |
//! | `attempts` | `call finished` | how many were sent |
//! | `elapsed_us` | events of a call | microseconds since the call, or the attempt, began |
//! | `outcome` | events of a call | `ok`, or [`Error::name`](crate::Error::name) |
//! | `code` | events of a call that failed | the key store's code, such as `ThrottlingException` |
//! | `wait_us` | `attempt failed`, `paused` | microseconds until the next attempt, if there is one; length of the pause |
//! | `from`, `to` | `failed over` | indices of the signers, from 0 |
//! | `error` | `failed over`, `alarm` | [`Error::name`](crate::Error::name) of the failure |
//! | `layer` | `alarm` | `failover` or `hedge`; of nested ones each reports it |
//! | `key`, `region`, `request_id` | `alarm` | of the call that met it |
//! | `outcome`, `digest`, `request_id` | events of `kms_signer::audit` | as in the record: see `layer::audit`; `outcome` is `unknown` when the signer did not answer |
//! | `cause` | `not recorded` | what the sink reported |
//! | `signer`, `state` | `circuit` | index of the signer; `open`, `closed` |
//!
//! # Metrics of `metrics` (feature `metrics`)
//!
//! | name | type | labels | what |
//! |---|---|---|---|
//! | `kms_signer_call_seconds` | histogram | `operation`, `outcome` | time of a call, all attempts together |
//! | `kms_signer_errors_total` | counter | `operation`, `error`, `code` | calls that failed |
//! | `kms_signer_retries_total` | counter | `operation` | attempts after the first |
//! | `kms_signer_throttled_total` | counter | `operation` | attempts that the key store throttled |
//! | `kms_signer_in_flight` | gauge | `operation` | calls under way |
//! | `kms_signer_hedges_total` | counter | `winner` | second attempts started, by who answered: `first`, `second`, `none` |
//! | `kms_signer_failovers_total` | counter | `error` | requests that went on to another signer, by the error they met |
//! | `kms_signer_alarms_total` | counter | `layer`, `error` | errors that [are alarms](crate::Error::is_alarm) and that a failover or hedge returned |
//! | `kms_signer_layer_errors_total` | counter | `error` | requests that a layer ended: `timed_out`, `queue_full`, `queued_too_long`, `audit_failed` |
//!
//! There is no label for the key: a service with ten thousand of them would have as many series. For
//! the same reason a `code` that this crate does not know is counted as `other`; without any it is
//! `none`.
//!
//! Metrics with an `operation` are of calls to the key store: what a layer refuses is not among
//! them, nor are the calls of a health check, whose events are at DEBUG even if they fail, and whose
//! dry runs of `Sign` have no `digest`. A call whose future is dropped has no `call finished` and no
//! sample of `kms_signer_call_seconds`.

// Without metrics nothing is counted, and the arguments have nowhere to go.
#![cfg_attr(not(feature = "metrics"), allow(unused_variables))]

#[cfg(feature = "_remote")]
use std::time::Duration;

#[cfg(any(feature = "_remote", feature = "layers"))]
use crate::Error;
#[cfg(feature = "layers")]
use crate::Receipt;

/// Counts a call as under way until it is dropped, however the call ends.
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

/// A call ended; `error` is what it ended with, and `code` one of a bounded number of codes.
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

/// An attempt failed, and another one follows or not.
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

/// A second attempt was started, and `winner` answered: `first`, `second` or `none`.
#[cfg(feature = "layers")]
pub(crate) fn hedged(winner: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("kms_signer_hedges_total", "winner" => winner).increment(1);
}

/// A request went on to another signer, after this error.
#[cfg(feature = "layers")]
pub(crate) fn failed_over(error: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("kms_signer_failovers_total", "error" => error).increment(1);
}

/// A layer that chooses between answers returns this error: reports it if it is an alarm.
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

/// A layer ends a request with this error.
#[cfg(feature = "layers")]
pub(crate) fn ended_by_layer(error: Error) -> Error {
    #[cfg(feature = "metrics")]
    metrics::counter!("kms_signer_layer_errors_total", "error" => error.name()).increment(1);
    error
}
