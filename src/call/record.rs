//! The record of a call: receipt, span, events and metrics.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::{Span, field};

use super::{Subject, Transport};
use crate::{
    Error, Receipt,
    telemetry::{self, InFlight},
};

/// The record of one call in progress.
pub(super) struct Record {
    operation: &'static str,
    key: Arc<str>,
    pinned_key: Option<Arc<str>>,
    region: Option<Arc<str>>,
    start: Instant,
    /// How often the request was sent.
    sent: u32,
    is_probe: bool,
    _in_flight: Option<InFlight>,
}

/// The span of a call.
pub(super) fn span(subject: &Subject<'_>, transport: &impl Transport) -> Span {
    let span = tracing::debug_span!(
        target: "kms_signer::call",
        "call",
        operation = subject.operation,
        key = &**subject.key,
        region = transport.region().map(|region| &**region),
        digest = field::Empty,
        preimage = field::Empty,
    );
    if let (Some((request, input)), false) = (subject.signs, span.is_disabled()) {
        span.record(
            "digest",
            base16ct::lower::encode_string(&input.fingerprint()),
        );
        let is_traced = transport.settings().trace_preimage;
        if let (Some(preimage), true) = (request.preimage(), is_traced) {
            span.record("preimage", base16ct::lower::encode_string(preimage));
        }
    }
    span
}

impl Record {
    pub(super) fn start(subject: &Subject<'_>, transport: &impl Transport) -> Self {
        Self {
            operation: subject.operation,
            key: subject.key.clone(),
            pinned_key: subject.pinned_key.clone(),
            region: transport.region().cloned(),
            start: Instant::now(),
            sent: 0,
            is_probe: subject.is_probe,
            _in_flight: (!subject.is_probe).then(|| InFlight::start(subject.operation)),
        }
    }

    pub(super) fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// Counts an attempt, if it was sent.
    pub(super) fn count(&mut self, was_sent: bool) {
        self.sent = self.sent.saturating_add(was_sent.into());
    }

    pub(super) fn receipt(&self, request_id: Option<String>) -> Receipt {
        Receipt::new(self.operation, self.key.clone())
            .with_pinned_key(self.pinned_key.clone())
            .with_region(self.region.clone())
            .with_request_id(request_id)
            .with_attempts(self.sent)
            .with_elapsed(self.start.elapsed())
    }

    pub(super) fn attempt_failed(
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
            outcome = error.name(),
            wait_us = pause.map(micros),
            "attempt failed",
        );
    }

    /// Records the end of the call. `label` bounds the codes that reach a metric.
    pub(super) fn finished(
        &self,
        request_id: Option<String>,
        error: Option<&Error>,
        label: fn(&str) -> &str,
    ) {
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
                    outcome = error.map_or("ok", Error::name),
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

fn micros(time: Duration) -> u64 {
    time.as_micros().try_into().unwrap_or(u64::MAX)
}
