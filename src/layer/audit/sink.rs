//! Where records are stored.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use super::AuditRecord;
use crate::error::BoxError;

/// Stores records. Implemented for `&T`, `Box<T>` and `Arc<T>`.
///
/// ```
/// use kms_signer::{
///     async_trait,
///     error::BoxError,
///     layer::audit::{AuditRecord, AuditSink},
/// };
/// # #[derive(Debug)] struct Database;
/// # impl Database {
/// #     async fn insert(&self, _: &str) -> std::io::Result<()> { Ok(()) }
/// # }
///
/// #[derive(Debug)]
/// struct DatabaseSink(Database);
///
/// #[async_trait]
/// impl AuditSink for DatabaseSink {
///     async fn record(&self, record: &AuditRecord) -> Result<(), BoxError> {
///         self.0.insert(record.digest.as_deref().unwrap_or("none")).await?;
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait AuditSink: fmt::Debug + Send + Sync {
    /// Stores `record`, and returns when it is safe. Then the signature is returned to the caller.
    ///
    /// Called concurrently for concurrent requests, each in a task of its own, so that the record is
    /// stored even if the caller drops its request. The future is dropped after 30 s, and when the
    /// runtime shuts down.
    ///
    /// # Errors
    ///
    /// When the record may not be stored. Then the signature is not returned, and the caller
    /// gets this error as the source of [`Error::AuditFailed`](crate::Error::AuditFailed). `Ok` means
    /// that the record exists, so a sink must not drop records when it is busy.
    ///
    /// The caller's error is retryable if the chain of this one has an
    /// [`io::Error`](std::io::Error) for a temporary cause: `TimedOut`, `WouldBlock`,
    /// `Interrupted`, `ResourceBusy`, a lost connection and the like. To mark another cause as
    /// temporary, wrap it: `io::Error::new(ErrorKind::ResourceBusy, cause)`.
    async fn record(&self, record: &AuditRecord) -> Result<(), BoxError>;
}

macro_rules! forward_sink {
    ($($pointer:ty),+) => {$(
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: AuditSink + ?Sized> AuditSink for $pointer {
            async fn record(&self, record: &AuditRecord) -> Result<(), BoxError> {
                (**self).record(record).await
            }
        }
    )+};
}

forward_sink!(&T, Box<T>, Arc<T>);

/// Keeps all records in memory, for tests. It never fails, and grows with each record.
///
/// ```
/// # async fn example(signer: impl kms_signer::Signer) -> kms_signer::Result<()> {
/// use std::sync::Arc;
///
/// use kms_signer::{
///     SignRequest, Signer,
///     layer::audit::{Audit, MemorySink},
/// };
///
/// let sink = Arc::new(MemorySink::new());
/// let signer = Audit::new(signer, Arc::clone(&sink)).with_label("payouts");
/// signer.sign(&SignRequest::keccak256(b"preimage")).await?;
///
/// assert_eq!(sink.records()[0].label.as_deref(), Some("payouts"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MemorySink {
    records: Mutex<Vec<AuditRecord>>,
}

impl MemorySink {
    /// A sink without records.
    pub fn new() -> Self {
        Self::default()
    }

    /// All records so far, the oldest first.
    pub fn records(&self) -> Vec<AuditRecord> {
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl AuditSink for MemorySink {
    async fn record(&self, record: &AuditRecord) -> Result<(), BoxError> {
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(record.clone());
        Ok(())
    }
}
