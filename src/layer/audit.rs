//! Records each signature before it returns it. A signature without a record is not returned.
//!
//! AWS CloudTrail says who signed with which key and when, by `requestID`, but not what was signed,
//! nor the signature. An [`AuditRecord`] joins that id to the digest, the signature and the
//! caller's own label:
//!
//! ```
//! use kms_signer::{
//!     SignRequest, Signer,
//!     layer::audit::{Audit, Fsync, JsonLinesFile},
//! };
//!
//! # async fn example(signer: impl Signer, folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
//! let sink = JsonLinesFile::open(folder.join("audit.jsonl"))?.with_fsync(Fsync::EachRecord);
//! let signer = Audit::new(signer, sink).with_label("payouts");
//!
//! let request = SignRequest::keccak256(b"preimage").with_label("payout 4711");
//! let signed = signer.sign(&request).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! - A signature is returned after the sink has stored its record. Otherwise the caller gets
//!   [`Error::AuditFailed`].
//! - A request that fails is recorded too, whether or not it was sent to the key store. Its error
//!   is returned even if the sink fails.
//! - A request that a chain adapter rejects, for example because of a chain id that is not allowed,
//!   is recorded too ([`Signer::note_refusal`]), without a call to the key store. An object that
//!   has no bytes to sign, such as ambiguous typed data or a transaction of an unknown type, has no
//!   record: the caller gets the error alone.
//! - If the sink fails, panics, or takes longer than 30 s, an ERROR event reports it.
//! - One record is for one request. If it took several calls to the key store (attempts, a hedge,
//!   other regions), the record names the last one. CloudTrail has them all.
//! - The reverse does not hold: there may be a record of a signature that was not returned, because
//!   the caller dropped the request, or because the sink failed after it had written.
//!
//! # When the future is dropped
//!
//! The caller gets no signature then, for example when a timeout or a hedge around this layer drops
//! the request. The record depends on when:
//!
//! - Before the signer inside answered, there is no record, and the key may or may not have signed:
//!   a WARN event reports this ([`telemetry`](crate::telemetry)).
//! - After the signer answered, the record is still written. If the sink fails, an ERROR event
//!   reports it; if the runtime shuts down first, a WARN event does.
//!
//! So put this layer outside of layers that drop requests.

mod failure;
mod file;
mod record;
mod sink;

use std::{io, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use tokio::{runtime::Handle, time::timeout};
use tracing::instrument::{Instrument as _, WithSubscriber as _};

use self::failure::fault_of;
pub use self::{
    file::{Fsync, JsonLinesFile},
    record::AuditRecord,
    sink::{AuditSink, MemorySink},
};
use crate::{
    Error, PublicKey, Result, SignRequest, Signed, Signer, error::BoxError, health::Health,
    telemetry::ended_by_layer,
};

/// How long a sink may take. Bounds the tasks that pile up when a sink hangs and callers give up.
const SINK_TIMEOUT: Duration = Duration::from_secs(30);

/// Records each signature of a signer before it returns it.
///
/// Each signature takes as much longer as the sink takes. Clones share the sink.
#[derive(Debug)]
pub struct Audit<S, K> {
    inner: S,
    sink: Arc<K>,
    label: Option<Arc<str>>,
}

/// Not derived, which would ask for a sink that can be cloned.
impl<S: Clone, K> Clone for Audit<S, K> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            sink: Arc::clone(&self.sink),
            label: self.label.clone(),
        }
    }
}

impl<S: Signer, K: AuditSink + 'static> Audit<S, K> {
    /// Records in `sink` what `signer` signs. By default records have the label of the request
    /// alone.
    pub fn new(signer: S, sink: K) -> Self {
        Self {
            inner: signer,
            sink: Arc::new(sink),
            label: None,
        }
    }

    /// The signer inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Takes the layer off and returns the signer inside.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Sets the label of requests that have none of their own ([`SignRequest::with_label`]).
    #[must_use]
    pub fn with_label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Stores `record` in a task of its own, which continues if the caller drops the request.
    async fn record(&self, record: AuditRecord) -> Result<(), BoxError> {
        let sink = Arc::clone(&self.sink);
        match Handle::try_current() {
            Ok(runtime) => {
                let kept = async move { keep(timed(&*sink, &record), &record).await };
                let task = runtime.spawn(kept.in_current_span().with_current_subscriber());
                task.await.unwrap_or_else(|ended| Err(ended.into()))
            }
            // Another executor, without tokio's tasks and timers.
            Err(_) => keep(async { sink.record(&record).await }, &record).await,
        }
    }
}

async fn timed(sink: &impl AuditSink, record: &AuditRecord) -> Result<(), BoxError> {
    let kept = timeout(SINK_TIMEOUT, sink.record(record)).await;
    kept.unwrap_or_else(|_| {
        let text = format!("the sink did not answer within {SINK_TIMEOUT:?}");
        Err(io::Error::new(io::ErrorKind::TimedOut, text).into())
    })
}

/// Awaits the sink's answer, and reports a missing or a bad one even if the caller is gone.
async fn keep(
    answer: impl Future<Output = Result<(), BoxError>>,
    record: &AuditRecord,
) -> Result<(), BoxError> {
    let mut awaited = SinkAwaited(Some(record));
    // A panic counts as a failure. The sink's future is dropped, and nothing here was changed.
    let answer = AssertUnwindSafe(answer).catch_unwind().await;
    let answer = answer.unwrap_or_else(|_| Err("the sink panicked".into()));
    awaited.0 = None;
    if let Err(error) = &answer {
        tracing::error!(
            target: "kms_signer::audit",
            outcome = record.outcome,
            digest = record.digest,
            request_id = record.request_id,
            cause = %error,
            "not recorded",
        );
    }
    answer
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Signer, K: AuditSink + 'static> Signer for Audit<S, K> {
    fn public_key(&self) -> &PublicKey {
        self.inner.public_key()
    }

    /// # Errors
    ///
    /// [`Error::AuditFailed`] when the signature could not be recorded; otherwise those of the
    /// signer inside.
    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let mut awaited = SignerAwaited(Some((self.public_key(), request)));
        let answer = self.inner.sign(request).await;
        awaited.0 = None;

        let label = request.label().or(self.label.as_deref());
        let record = AuditRecord::new(self.public_key(), request, label, answer.as_ref());
        match (self.record(record).await, answer) {
            (Err(source), Ok(signed)) => {
                let error = Error::audit_failed(fault_of(&*source), source);
                Err(ended_by_layer(error.with_receipt(signed.receipt)))
            }
            (_, answer) => answer,
        }
    }

    /// Records a failed request for which no call was made. If the sink fails, only the event
    /// `not recorded` reports it: the request is rejected anyway.
    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        self.inner.note_refusal(request, error).await;
        let label = request.label().or(self.label.as_deref());
        let record = AuditRecord::new(self.public_key(), request, label, Err(error));
        let _ = self.record(record).await;
    }

    /// Not recorded, since nothing is signed.
    async fn check(&self) -> Health {
        self.inner.check().await
    }
}

/// Reports, if it is dropped with a request, that the signer's answer is not known.
struct SignerAwaited<'a>(Option<(&'a PublicKey, &'a SignRequest<'a>)>);

impl Drop for SignerAwaited<'_> {
    fn drop(&mut self) {
        if let Some((public_key, request)) = self.0 {
            let input = request.input_for(public_key.key_type()).ok();
            tracing::warn!(
                target: "kms_signer::audit",
                outcome = "unknown",
                digest = input.map(|input| base16ct::lower::encode_string(&input.fingerprint())),
                "dropped before the signer answered: no record, and the key may have signed",
            );
        }
    }
}

/// Reports, if it is dropped with a record, that the sink's answer is not known.
struct SinkAwaited<'a>(Option<&'a AuditRecord>);

impl Drop for SinkAwaited<'_> {
    fn drop(&mut self) {
        if let Some(record) = self.0 {
            tracing::warn!(
                target: "kms_signer::audit",
                outcome = record.outcome,
                digest = record.digest,
                request_id = record.request_id,
                "dropped before the sink answered: there may be no record",
            );
        }
    }
}
