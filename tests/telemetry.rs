//! The names of spans, fields and metrics that `telemetry` documents, and their values.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    sync::{Arc, Mutex, Once},
};

use kms_signer::{
    KeyType, SignRequest, Signer,
    emulator::{
        FailureRule,
        aws_kms::{KmsEmulator, KmsFailure, Operation},
    },
    provider::aws_kms::{AwsKmsSigner, AwsKmsSignerBuilder},
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tracing::{
    Level, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt as _};

/// A span or event of this crate.
#[derive(Clone, Debug)]
struct Note {
    name: String,
    level: Level,
    fields: BTreeMap<String, String>,
}

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Note>>>);

impl Notes {
    fn add(&self, metadata: &tracing::Metadata<'_>, record: impl FnOnce(&mut Fields)) {
        if metadata.target().starts_with("kms_signer") {
            let mut fields = Fields::default();
            record(&mut fields);
            let message = fields.0.remove("message");
            self.0.lock().unwrap().push(Note {
                name: message.unwrap_or_else(|| metadata.name().to_owned()),
                level: *metadata.level(),
                fields: fields.0,
            });
        }
    }

    fn named(&self, name: &str) -> Vec<Note> {
        let notes = self.0.lock().unwrap();
        notes
            .iter()
            .filter(|note| note.name == name)
            .cloned()
            .collect()
    }
}

impl<S: Subscriber> Layer<S> for Notes {
    fn on_new_span(&self, span: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        self.add(span.metadata(), |fields| span.record(fields));
    }

    /// Adds fields that a span gets after it was made. There is one span at a time here.
    fn on_record(&self, _: &span::Id, values: &span::Record<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        let mut notes = self.0.lock().unwrap();
        if let Some(span) = notes.iter_mut().rfind(|note| note.name == "call") {
            span.fields.extend(fields.0);
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        self.add(event.metadata(), |fields| event.record(fields));
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

fn names(note: &Note) -> Vec<&str> {
    note.fields.keys().map(String::as_str).collect()
}

/// Listens on every thread. Otherwise `tracing` could register a call site as one without a
/// listener while another test starts, and remember that.
fn watch_every_call_site() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    });
}

fn observed<T>(work: impl Future<Output = T>) -> (T, Notes) {
    watch_every_call_site();
    let notes = Notes::default();
    let subscriber = tracing_subscriber::registry().with(notes.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let result = tracing::subscriber::with_default(subscriber, || runtime.block_on(work));
    (result, notes)
}

fn builder(emulator: &KmsEmulator, arn: &str) -> AwsKmsSignerBuilder {
    AwsKmsSigner::builder(arn).emulator(emulator.endpoint_url(), emulator.region())
}

#[test]
fn a_call_is_told_with_the_fields_that_are_promised() {
    let ((arn, signed), notes) = observed(async {
        let emulator = KmsEmulator::start().await.unwrap();
        let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
        let public_key = emulator.public_key(&arn).unwrap();
        let signer = builder(&emulator, &arn)
            .connect_lazy(public_key)
            .await
            .unwrap();
        let once = FailureRule::new(KmsFailure::error("KMSInternalException")).times(1);
        emulator.inject(once.on(Operation::Sign)).keep();
        let signed = signer.sign(&SignRequest::keccak256(b"preimage")).await;
        (arn, signed.unwrap())
    });
    let [span] = &notes.named("call")[..] else {
        panic!("{notes:?}", notes = notes.0.lock().unwrap())
    };
    assert_eq!(span.level, Level::DEBUG);
    assert_eq!(names(span), ["digest", "key", "operation", "region"]);
    assert_eq!(span.fields["operation"], "Sign");
    assert_eq!(span.fields["key"], arn);
    assert_eq!(span.fields["region"], "us-east-1");
    let digest: [u8; 32] = sha3::Digest::finalize(sha3::Digest::chain_update(
        <sha3::Keccak256 as sha3::Digest>::new(),
        b"preimage",
    ))
    .into();
    assert_eq!(span.fields["digest"], hex::encode(digest));

    let [failed] = &notes.named("attempt failed")[..] else {
        panic!("not one attempt failed")
    };
    assert_eq!(failed.level, Level::DEBUG);
    let expected = [
        "attempt",
        "code",
        "elapsed_us",
        "outcome",
        "request_id",
        "wait_us",
    ];
    assert_eq!(names(failed), expected);
    assert_eq!(failed.fields["code"], "KMSInternalException");
    assert_eq!(failed.fields["attempt"], "1");

    let [finished] = &notes.named("call finished")[..] else {
        panic!("not one call finished")
    };
    assert_eq!(finished.level, Level::DEBUG);
    let expected = [
        "attempts",
        "elapsed_us",
        "key",
        "operation",
        "outcome",
        "request_id",
    ];
    assert_eq!(names(finished), expected);
    assert_eq!(finished.fields["outcome"], "ok");
    assert_eq!(finished.fields["attempts"], "2");
    assert_eq!(
        Some(&*finished.fields["request_id"]),
        signed.receipt.request_id()
    );
}

#[test]
fn a_call_that_failed_is_a_warning_with_its_code() {
    let (_, notes) = observed(async {
        let emulator = KmsEmulator::start().await.unwrap();
        let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
        let signer = builder(&emulator, &arn).connect().await.unwrap();
        emulator.set_enabled(&arn, false).unwrap();
        signer
            .sign(&SignRequest::keccak256(b"preimage"))
            .await
            .unwrap_err()
    });
    let finished = notes.named("call finished");
    let [connected, failed] = &finished[..] else {
        panic!("{finished:?}")
    };
    assert_eq!(connected.fields["operation"], "GetPublicKey");
    assert_eq!(failed.level, Level::WARN);
    assert_eq!(failed.fields["outcome"], "disabled");
    assert_eq!(failed.fields["code"], "DisabledException");
}

#[test]
fn the_preimage_is_in_the_span_only_if_it_is_switched_on() {
    for on in [false, true] {
        let (_, notes) = observed(async {
            let emulator = KmsEmulator::start().await.unwrap();
            let arn = emulator.create_key(KeyType::Ed25519).unwrap();
            let builder = builder(&emulator, &arn).trace_preimage(on);
            let signer = builder.connect().await.unwrap();
            signer
                .sign(&SignRequest::message(b"the preimage"))
                .await
                .unwrap()
        });
        let spans = notes.named("call");
        let told = spans.iter().find_map(|span| span.fields.get("preimage"));
        let expected = on.then(|| hex::encode(b"the preimage"));
        assert_eq!(told, expected.as_ref());
    }
}

/// Every metric with its labels, and the value of counters and gauges.
fn measured(work: impl Future<Output = ()>) -> BTreeMap<String, Option<f64>> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(work));
    let snapshot = snapshotter.snapshot().into_vec();
    let entries = snapshot.into_iter().map(|(key, _, _, value)| {
        let labels: Vec<String> = (key.key().labels())
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let value = match value {
            DebugValue::Counter(count) => Some(count as f64),
            DebugValue::Gauge(level) => Some(level.into_inner()),
            DebugValue::Histogram(_) => None,
        };
        (
            format!("{}{{{}}}", key.key().name(), labels.join(",")),
            value,
        )
    });
    entries.collect()
}

#[test]
fn calls_errors_retries_and_throttling_are_measured() {
    let metrics = measured(async {
        let emulator = KmsEmulator::start().await.unwrap();
        let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
        let signer = builder(&emulator, &arn).connect().await.unwrap();
        let request = SignRequest::keccak256(b"preimage");
        signer.sign(&request).await.unwrap();
        emulator
            .inject(
                FailureRule::new(KmsFailure::throttling())
                    .on(Operation::Sign)
                    .times(4),
            )
            .keep();
        // Three attempts fail, and then one more before the call succeeds.
        signer.sign(&request).await.unwrap_err();
        signer.sign(&request).await.unwrap();
        // A dropped future is no longer in progress.
        let _ = futures_util::poll!(signer.sign(&request));
    });
    let value = |name: &str| {
        let found = metrics.get(name);
        *found.unwrap_or_else(|| panic!("no {name} in {metrics:#?}"))
    };
    assert_eq!(
        value("kms_signer_call_seconds{operation=Sign,outcome=ok}"),
        None
    );
    assert_eq!(
        value("kms_signer_call_seconds{operation=Sign,outcome=throttled}"),
        None
    );
    let errors = "kms_signer_errors_total{operation=Sign,error=throttled,code=ThrottlingException}";
    assert_eq!(value(errors), Some(1.0));
    assert_eq!(value("kms_signer_retries_total{operation=Sign}"), Some(3.0));
    assert_eq!(
        value("kms_signer_throttled_total{operation=Sign}"),
        Some(4.0)
    );
    assert_eq!(value("kms_signer_in_flight{operation=Sign}"), Some(0.0));
    assert_eq!(
        value("kms_signer_in_flight{operation=GetPublicKey}"),
        Some(0.0)
    );
}
