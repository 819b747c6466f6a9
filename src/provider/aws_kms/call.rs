//! One call to KMS: counts attempts, measures time, keeps the request id.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use aws_sdk_kms::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef,
    },
    error::{BoxError, ProvideErrorMetadata, SdkError},
    operation::RequestId,
};

use super::failure;
use crate::{Receipt, Result};

pub(super) struct Call {
    operation: &'static str,
    key: Arc<str>,
    region: Option<Arc<str>>,
    start: Instant,
    attempts: AttemptCounter,
}

impl Call {
    pub(super) fn start(operation: &'static str, key: &str, region: Option<Arc<str>>) -> Self {
        Self {
            operation,
            key: key.into(),
            region,
            start: Instant::now(),
            attempts: AttemptCounter::default(),
        }
    }

    /// To be attached to the request.
    pub(super) fn attempts(&self) -> AttemptCounter {
        self.attempts.clone()
    }

    pub(super) fn finish<O, E>(self, answer: Result<O, SdkError<E>>) -> Result<(O, Receipt)>
    where
        O: RequestId,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let request_id = match &answer {
            Ok(output) => output.request_id(),
            Err(error) => error.request_id(),
        };
        let receipt = Receipt::new(self.operation, self.key)
            .with_region(self.region)
            .with_request_id(request_id.map(str::to_owned))
            .with_attempts(self.attempts.0.load(Ordering::Relaxed))
            .with_elapsed(self.start.elapsed());
        tracing::debug!(
            operation = receipt.operation(),
            key = receipt.key(),
            request_id = receipt.request_id(),
            attempts = receipt.attempts(),
            elapsed_us = receipt.elapsed().as_micros() as u64,
            ok = answer.is_ok(),
            code = answer.as_ref().err().and_then(ProvideErrorMetadata::code),
            "AWS KMS call",
        );
        match answer {
            Ok(output) => Ok((output, receipt)),
            Err(error) => Err(failure::classify(error, receipt)),
        }
    }
}

/// Counts how often the SDK sent the request.
#[derive(Clone, Debug, Default)]
pub(super) struct AttemptCounter(Arc<AtomicU32>);

impl Intercept for AttemptCounter {
    fn name(&self) -> &'static str {
        "AttemptCounter"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
