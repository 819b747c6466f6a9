//! No signature is returned without its record, and events report lost records.

use std::{
    io,
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use futures_util::poll;
use kms_signer::{
    Error, PublicKey, Result, SignRequest, Signed, Signer, async_trait,
    error::BoxError,
    layer::audit::{Audit, AuditRecord, AuditSink, MemorySink},
    provider::local::LocalSigner,
};
use sha3::Digest as _;

use crate::{FailingSigner, in_memory, local, sign};

/// A sink that always fails.
#[derive(Debug)]
pub struct BrokenSink;

#[async_trait]
impl AuditSink for BrokenSink {
    async fn record(&self, _: &AuditRecord) -> Result<(), BoxError> {
        Err("the disk is gone".into())
    }
}

/// A sink that never returns.
#[derive(Debug)]
pub struct StuckSink;

#[async_trait]
impl AuditSink for StuckSink {
    async fn record(&self, _: &AuditRecord) -> Result<(), BoxError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_signature_that_is_not_recorded_is_not_returned() {
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

/// Keeps events as text.
#[derive(Clone, Debug, Default)]
pub struct Events(Arc<Mutex<Vec<u8>>>);

/// Listens on every thread. Otherwise `tracing` could register a call site as one without a
/// listener while another test starts, and remember that.
fn watch_every_call_site() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    });
}

impl Events {
    /// Listens on this thread until the guard is dropped.
    pub fn listen() -> (Self, tracing::subscriber::DefaultGuard) {
        watch_every_call_site();
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
    assert_eq!(error.name(), "throttled");
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

/// A signer that never answers.
#[derive(Debug)]
struct SilentSigner(LocalSigner);

#[async_trait]
impl Signer for SilentSigner {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    async fn sign(&self, _: &SignRequest<'_>) -> Result<Signed> {
        std::future::pending().await
    }
}

#[track_caller]
fn assert_one(events: &[String], parts: &[&str]) {
    assert_eq!(events.len(), 1, "{events:?}");
    for part in parts {
        assert!(events[0].contains(part), "{part}: {events:?}");
    }
}

/// No caller has that signature, if there is one, but the key store's own log has it.
#[tokio::test]
async fn a_request_that_is_dropped_before_its_answer_leaves_an_event() {
    let (events, _guard) = Events::listen();
    let (signer, sink) = in_memory(SilentSigner(local()));
    let request = SignRequest::keccak256(b"preimage");
    // A request that was never polled never reached the signer.
    drop(signer.sign(&request));
    let mut future = signer.sign(&request);
    assert!(poll!(&mut future).is_pending());
    assert!(events.of_audit().is_empty());
    drop(future);
    let digest = hex::encode(sha3::Keccak256::digest(b"preimage"));
    assert_one(
        &events.of_audit(),
        &[
            "WARN",
            "before the signer answered",
            "may have signed",
            "unknown",
            &digest,
        ],
    );
    assert!(sink.records().is_empty());
}

/// A slow sink, which then fails or not.
#[derive(Debug)]
struct SlowSink {
    records: MemorySink,
    fails: bool,
}

#[async_trait]
impl AuditSink for SlowSink {
    async fn record(&self, record: &AuditRecord) -> Result<(), BoxError> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        match self.fails {
            true => Err("the disk is gone".into()),
            false => self.records.record(record).await,
        }
    }
}

/// Drops a request while the sink works, and waits until the sink returns.
async fn events_of_a_drop(fails: bool) -> (Vec<String>, Arc<SlowSink>) {
    let (events, _guard) = Events::listen();
    let records = MemorySink::new();
    let sink = Arc::new(SlowSink { records, fails });
    let signer = Audit::new(local(), Arc::clone(&sink));
    let request = SignRequest::keccak256(b"preimage");
    let mut future = signer.sign(&request);
    assert!(poll!(&mut future).is_pending());
    drop(future);
    tokio::time::sleep(Duration::from_secs(2)).await;
    (events.of_audit(), sink)
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_after_its_answer_is_recorded() {
    let (events, sink) = events_of_a_drop(false).await;
    assert_eq!(sink.records.records().len(), 1);
    assert_eq!(sink.records.records()[0].outcome, "signed");
    assert!(events.is_empty(), "{events:?}");

    let (events, _) = events_of_a_drop(true).await;
    assert_one(
        &events,
        &["ERROR", "not recorded", "signed", "the disk is gone"],
    );
}

#[test]
fn a_runtime_that_ends_before_the_sink_leaves_an_event() {
    let (events, _guard) = Events::listen();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let signer = Audit::new(local(), StuckSink);
        let request = SignRequest::keccak256(b"preimage");
        let mut future = signer.sign(&request);
        assert!(poll!(&mut future).is_pending());
        tokio::task::yield_now().await;
    });
    assert!(events.of_audit().is_empty());
    drop(runtime);
    assert_one(
        &events.of_audit(),
        &[
            "WARN",
            "before the sink answered",
            "may be no record",
            "signed",
        ],
    );
}

/// A sink that hangs does not delay its callers without a limit.
#[tokio::test(start_paused = true)]
async fn a_sink_has_thirty_seconds() {
    let (events, _guard) = Events::listen();
    let start = tokio::time::Instant::now();
    let error = sign(&Audit::new(local(), StuckSink), "label").await;
    let error = error.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    assert_eq!(error.name(), "audit_failed");
    assert!(error.is_retryable(), "{error}");
    assert!(error.to_string().contains("sign again"), "{error}");
    assert_one(&events.of_audit(), &["ERROR", "not recorded", "30s"]);
}

/// The cause that the sink reports decides whether the error is retryable.
#[tokio::test]
async fn the_cause_decides_whether_to_sign_again() {
    #[derive(Debug)]
    struct Failing(io::ErrorKind);

    #[async_trait]
    impl AuditSink for Failing {
        async fn record(&self, _: &AuditRecord) -> Result<(), BoxError> {
            Err(io::Error::new(self.0, "scripted").into())
        }
    }

    for (kind, is_retryable) in [
        (io::ErrorKind::ConnectionReset, true),
        (io::ErrorKind::ResourceBusy, true),
        (io::ErrorKind::StorageFull, false),
        (io::ErrorKind::PermissionDenied, false),
    ] {
        let error = sign(&Audit::new(local(), Failing(kind)), "label").await;
        let error = error.unwrap_err();
        assert_eq!(error.is_retryable(), is_retryable, "{kind:?}");
        let asks = error.to_string().contains("sign again");
        assert_eq!(asks, is_retryable, "{error}");
    }
    let error = sign(&Audit::new(local(), BrokenSink), "label").await;
    assert!(!error.unwrap_err().is_retryable());
}

/// A sink that panics counts and is reported as one that failed, on any executor.
#[tokio::test]
async fn a_sink_that_panics_fails_the_request() {
    #[derive(Debug)]
    struct Panicking;

    #[async_trait]
    impl AuditSink for Panicking {
        async fn record(&self, _: &AuditRecord) -> Result<(), BoxError> {
            panic!("scripted")
        }
    }

    let assert_reported = |answer: Result<Signed>, events: &Events| {
        let error = answer.unwrap_err();
        assert_eq!(error.name(), "audit_failed");
        assert!(!error.is_retryable());
        let parts = ["ERROR", "not recorded", "signed", "the sink panicked"];
        assert_one(&events.of_audit(), &parts);
    };
    let signer = Audit::new(local(), Panicking);
    let (events, guard) = Events::listen();
    assert_reported(sign(&signer, "label").await, &events);
    drop(guard);
    let without_tokio = std::thread::spawn(move || {
        let (events, _guard) = Events::listen();
        let answer = futures_util::FutureExt::now_or_never(sign(&signer, "label"));
        assert_reported(answer.unwrap(), &events);
    });
    without_tokio.join().unwrap();
}

#[tokio::test]
async fn a_recorded_request_leaves_no_event() {
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
    let leaked: &'static Arc<dyn AuditSink> = Box::leak(Box::new(Arc::clone(&shared)));
    sign(&Audit::new(local(), leaked), "label").await.unwrap();
    let nested = Audit::new(Audit::new(local(), Arc::clone(&shared)), shared);
    sign(&nested.clone(), "label").await.unwrap();
    assert_eq!(sink.records().len(), 3);
}
