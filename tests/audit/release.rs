//! That no signature is released without its record.

use std::{
    io,
    sync::{Arc, Mutex},
};

use futures_util::poll;
use kms_signer::{
    Error, Result, SignRequest, Signer as _, async_trait,
    error::BoxError,
    layer::audit::{Audit, AuditRecord, AuditSink, MemorySink},
};
use sha3::Digest as _;

use crate::{FailingSigner, in_memory, local, sign};

/// A sink that keeps nothing.
#[derive(Debug)]
pub struct BrokenSink;

#[async_trait]
impl AuditSink for BrokenSink {
    async fn record(&self, _: &AuditRecord) -> Result<(), BoxError> {
        Err("the disk is gone".into())
    }
}

/// A sink that never comes to an end.
#[derive(Debug)]
pub struct StuckSink;

#[async_trait]
impl AuditSink for StuckSink {
    async fn record(&self, _: &AuditRecord) -> Result<(), BoxError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_signature_that_is_not_recorded_is_not_released() {
    let signer = Audit::new(local(), BrokenSink);
    match sign(&signer, "label").await {
        Err(Error::AuditFailed {
            receipt, source, ..
        }) => {
            assert_eq!(receipt.unwrap().key(), "local");
            assert_eq!(source.to_string(), "the disk is gone");
        }
        other => panic!("{other:?}"),
    }
}

/// What is told by events, as text.
#[derive(Clone, Debug, Default)]
pub struct Events(Arc<Mutex<Vec<u8>>>);

impl Events {
    /// Listens on this thread until the guard is dropped.
    pub fn listen() -> (Self, tracing::subscriber::DefaultGuard) {
        let events = Self::default();
        let writer = events.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (events, tracing::subscriber::set_default(subscriber))
    }

    pub fn of_audit(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text
            .lines()
            .filter(|line| line.contains("kms_signer::audit"));
        lines.map(str::to_owned).collect()
    }
}

impl io::Write for Events {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_error_is_not_hidden_by_a_broken_sink() {
    let (events, _guard) = Events::listen();
    let signer = Audit::new(FailingSigner(local()), BrokenSink);
    let error = sign(&signer, "label").await.unwrap_err();
    assert_eq!(error.kind(), "throttled");
    let events = events.of_audit();
    assert_eq!(events.len(), 1, "{events:?}");
    for part in [
        "ERROR",
        "not recorded",
        "throttled",
        "request-1",
        "the disk is gone",
    ] {
        assert!(events[0].contains(part), "{part}: {events:?}");
    }
}

/// Nobody has that signature, but the key store's own log has it.
#[tokio::test]
async fn a_record_that_is_dropped_leaves_an_event() {
    let (events, _guard) = Events::listen();
    let signer = Audit::new(local(), StuckSink);
    let request = SignRequest::keccak256(b"preimage");
    let mut future = signer.sign(&request);
    assert!(poll!(&mut future).is_pending());
    assert!(events.of_audit().is_empty());
    drop(future);
    let events = events.of_audit();
    assert_eq!(events.len(), 1, "{events:?}");
    let digest = hex::encode(sha3::Keccak256::digest(b"preimage"));
    for part in ["WARN", "dropped before it was recorded", "signed", &digest] {
        assert!(events[0].contains(part), "{part}: {events:?}");
    }
}

#[tokio::test]
async fn what_is_recorded_leaves_no_event() {
    let (events, _guard) = Events::listen();
    let (signer, sink) = in_memory(local());
    sign(&signer, "label").await.unwrap();
    signer.sign(&SignRequest::message(b"m")).await.unwrap_err();
    assert_eq!(sink.records().len(), 2);
    assert!(events.of_audit().is_empty(), "{:?}", events.of_audit());
}

#[tokio::test]
async fn sinks_work_through_pointers() {
    let sink = Arc::new(MemorySink::new());
    let boxed: Box<dyn AuditSink> = Box::new(Arc::clone(&sink));
    let shared: Arc<dyn AuditSink> = Arc::new(boxed);
    sign(&Audit::new(local(), &shared), "label").await.unwrap();
    let nested = Audit::new(Audit::new(local(), Arc::clone(&shared)), shared);
    sign(&nested.clone(), "label").await.unwrap();
    assert_eq!(sink.records().len(), 3);
}
