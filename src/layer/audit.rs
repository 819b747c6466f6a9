//! Records each signature, and releases none that is not recorded.
//!
//! AWS CloudTrail tells who signed with which key and when, by `requestID`, but neither what was
//! signed nor the signature. An [`AuditRecord`] joins that id to the digest, the signature and the
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
//! # What holds
//!
//! - A signature is released after the sink took its record, or not at all:
//!   [`Error::AuditFailed`].
//! - A request that failed is recorded too, whether the key store refused it or it was not even
//!   sent, and its error is returned whatever becomes of the record.
//! - A request that a chain adapter refuses by a limit of its own, such as a chain id that is not
//!   allowed, is recorded too ([`Signer::note_refusal`]), although no signer was asked. It costs no
//!   call to the key store.
//! - If the sink fails, an event at ERROR says so.
//! - One record is for one request. Of several calls to the key store that it took (attempts, a
//!   hedge, regions that failed before) it names the last, and CloudTrail has them all.
//! - The reverse does not hold: there may be a record of a signature that was not released, since
//!   its caller was gone, or since the sink failed after it had written.
//!
//! Who drops the future of a signature, as a deadline or a hedge around this layer does, gets no
//! signature. What is lost of the record depends on when: before the key signed there is none,
//! and between signature and record a WARN event takes its place ([`telemetry`](crate::telemetry)).
//! So put this layer outside of those that drop.

mod file;
mod record;
mod sink;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::{
    file::{Fsync, JsonLinesFile},
    record::AuditRecord,
    sink::{AuditSink, MemorySink},
};
use crate::{
    Error, PublicKey, Result, SignRequest, Signed, Signer,
    error::{AuditFault, BoxError},
    telemetry::ended_by_layer,
};

/// A signer that has each of its signatures recorded before it releases it.
///
/// It adds the time that the sink takes to each signature. Clones share what signer and sink share.
#[derive(Clone, Debug)]
pub struct Audit<S, K> {
    signer: S,
    sink: K,
    label: Option<Arc<str>>,
}

impl<S: Signer, K: AuditSink> Audit<S, K> {
    /// Records in `sink` what `signer` signs. There is no label by default.
    pub fn new(signer: S, sink: K) -> Self {
        Self {
            signer,
            sink,
            label: None,
        }
    }

    /// The signer inside.
    pub fn signer(&self) -> &S {
        &self.signer
    }

    /// Sets the label of requests that have none of their own ([`SignRequest::with_label`]).
    #[must_use]
    pub fn with_label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Returns when the sink has the record, or says why it has none.
    async fn record(
        &self,
        request: &SignRequest<'_>,
        answer: Result<&Signed, &Error>,
    ) -> Result<(), BoxError> {
        let label = request.label().or(self.label.as_deref());
        let record = AuditRecord::new(self.public_key(), request, label, answer);

        let mut unrecorded = Unrecorded(Some(&record));
        let outcome = self.sink.record(&record).await;
        unrecorded.0 = None;

        outcome.inspect_err(|error| {
            tracing::error!(
                target: "kms_signer::audit",
                outcome = record.outcome,
                digest = record.digest,
                request_id = record.request_id,
                error = %error,
                "not recorded",
            );
        })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Signer, K: AuditSink> Signer for Audit<S, K> {
    fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    /// # Errors
    ///
    /// [`Error::AuditFailed`] when the signature could not be recorded, otherwise those of the
    /// signer within.
    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let answer = self.signer.sign(request).await;
        match (self.record(request, answer.as_ref()).await, answer) {
            (Err(source), Ok(signed)) => Err(ended_by_layer(Error::AuditFailed {
                fault: AuditFault::Permanent,
                receipt: Some(Box::new(signed.receipt)),
                source,
            })),
            (_, answer) => answer,
        }
    }

    /// The record is that of a failed request for which no call was made. If the sink fails, the
    /// event `not recorded` is all that says so: the refusal stands anyway.
    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        self.signer.note_refusal(request, error).await;
        let _ = self.record(request, Err(error)).await;
    }
}

/// Speaks up if it is dropped with a record: then the sink had not taken it.
struct Unrecorded<'a>(Option<&'a AuditRecord>);

impl Drop for Unrecorded<'_> {
    fn drop(&mut self) {
        if let Some(record) = self.0 {
            tracing::warn!(
                target: "kms_signer::audit",
                outcome = record.outcome,
                digest = record.digest,
                request_id = record.request_id,
                "dropped before it was recorded",
            );
        }
    }
}
