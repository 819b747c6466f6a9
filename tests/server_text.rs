//! Text from a server is safe wherever it is shown: it forges no line, its length is limited, and a
//! server cannot add series to a metric.

use std::{
    error::Error as _,
    fmt,
    sync::{Arc, Mutex},
};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::{Client, config::Credentials};
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::{base64, body::SdkBody};
use http::HeaderValue;
use kms_signer::{
    Error, KeyType, Receipt, Retries, SignRequest, Signer, async_trait,
    error::BoxError,
    layer::audit::{Audit, AuditRecord, AuditSink},
    provider::{
        aws_kms::{AwsKmsSigner, AwsKmsSignerBuilder},
        local::LocalSigner,
    },
};
use metrics_util::debugging::DebuggingRecorder;
use proptest::prelude::*;
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt as _};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1";
const REQUEST: &[u8] = b"preimage";

/// An answer sent in place of KMS's.
#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

/// Text that would break a log or deceive a reader.
fn text() -> impl Strategy<Value = String> {
    let hostile = prop::sample::select(vec![
        "\n2026-01-01 INFO forged line",
        "\r",
        "\u{1b}[2J",
        "\u{202e}",
        "\u{2066}",
        "\u{200f}",
        "\u{61c}",
        "\u{2028}",
        "\u{200b}",
        "\u{feff}",
        "\u{e0041}",
        "\u{85}",
        "\0",
        "\"",
        "\\",
        "🔑",
    ]);
    let start = prop::sample::select(vec![
        "",
        KEY,
        "arn:aws:kms:us-east-1:111122223333:key/",
        "alias/",
        "1",
        "HTTP ",
        "HTTP 503",
        "ThrottlingException",
        "AccessDeniedException",
        "InvalidSignatureException",
        "DryRunOperationException",
        "ECDSA_SHA_256",
        "ECC_SECG_P256K1",
        "SIGN_VERIFY",
        "Enabled",
        "MAA=",
    ]);
    let rest = prop_oneof![
        2 => Just(String::new()),
        2 => prop::collection::vec(hostile, 0..6).prop_map(|parts| parts.concat()),
        1 => any::<String>(),
        1 => (any::<char>(), 1usize..20_000).prop_map(|(c, times)| c.to_string().repeat(times)),
    ];
    (start, rest).prop_map(|(start, rest)| format!("{start}{rest}"))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let fields = [
        "__type",
        "message",
        "Message",
        "code",
        "KeyId",
        "SigningAlgorithm",
        "Signature",
        "KeySpec",
        "KeyUsage",
        "PublicKey",
    ];
    let fields = prop::collection::vec((prop::sample::select(fields.to_vec()), text()), 0..8);
    let object = (fields, prop::collection::vec(text(), 0..4), text(), text());
    let object = object.prop_map(|(fields, algorithms, arn, state)| {
        let mut object = json!({
            "SigningAlgorithms": algorithms,
            "KeyMetadata": { "KeyId": arn, "Arn": arn, "KeyState": state },
        });
        for (name, value) in fields {
            object[name] = Value::String(value);
        }
        object.to_string().into_bytes()
    });
    prop_oneof![
        8 => object,
        1 => text().prop_map(String::into_bytes),
        1 => any::<Vec<u8>>(),
        2 => Just(signed().to_string().into_bytes()),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let names = [
        "x-amzn-requestid",
        "x-amz-request-id",
        "x-amzn-query-error",
        "x-amzn-errortype",
        "retry-after",
        "date",
        "content-type",
        "location",
    ];
    let headers = prop::collection::vec((prop::sample::select(names.to_vec()), text()), 0..6);
    let status = prop::sample::select(vec![200, 200, 301, 400, 400, 403, 407, 429, 500, 503]);
    (status, headers, body()).prop_map(|(status, headers, body)| Answer {
        status,
        headers: headers
            .into_iter()
            .map(|(name, value)| (name, value.into_bytes()))
            .collect(),
        body,
    })
}

fn key() -> LocalSigner {
    LocalSigner::from_bytes(KeyType::Secp256k1, &[7; 32]).unwrap()
}

/// The right answer to the request.
fn signed() -> Value {
    let request = SignRequest::keccak256(REQUEST);
    let signed = futures_util::FutureExt::now_or_never(key().sign(&request)).unwrap();
    let signature = signed.unwrap().signature;
    let signature = base64::encode(signature.to_der().unwrap());
    json!({"KeyId": KEY, "SigningAlgorithm": "ECDSA_SHA_256", "Signature": signature})
}

fn client(answer: Answer) -> Client {
    let http = infallible_client_fn(move |_| {
        let mut response = http::Response::new(SdkBody::from(answer.body.clone()));
        *response.status_mut() = answer.status.try_into().unwrap();
        for (name, value) in &answer.headers {
            // HTTP cannot carry these.
            if let Ok(value) = HeaderValue::from_bytes(value) {
                response.headers_mut().insert(*name, value);
            }
        }
        response
    });
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
        .http_client(http);
    Client::from_conf(config.build())
}

/// Everything that was shown, each text separately.
#[derive(Clone, Debug, Default)]
struct Shown(Arc<Mutex<Vec<String>>>);

impl Shown {
    fn add(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn error(&self, error: &Error) {
        self.add(error.to_string());
        self.add(format!("{error:?}"));
        self.add(error.code().unwrap_or_default());
        let mut source = error.source();
        while let Some(cause) = source {
            self.add(cause.to_string());
            self.add(format!("{cause:?}"));
            source = cause.source();
        }
        if let Some(receipt) = error.receipt() {
            self.receipt(receipt);
        }
    }

    fn receipt(&self, receipt: &Receipt) {
        self.add(receipt.to_string());
        self.add(format!("{receipt:?}"));
        self.add(receipt.key());
        self.add(receipt.request_id().unwrap_or_default());
    }
}

#[async_trait]
impl AuditSink for Shown {
    async fn record(&self, record: &AuditRecord) -> Result<(), BoxError> {
        let line = serde_json::to_value(record)?;
        self.add(line.to_string());
        // JSON escapes some characters, and a reader of the line reverses that.
        for value in line.as_object().unwrap().values() {
            self.add(value.as_str().unwrap_or_default());
        }
        Ok(())
    }
}

/// The events and spans of this crate. The SDK's are its own responsibility.
impl<S: tracing::Subscriber> Layer<S> for Shown {
    fn on_new_span(
        &self,
        span: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: Context<'_, S>,
    ) {
        if span.metadata().target().starts_with("kms_signer") {
            span.record(&mut Fields(self));
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target().starts_with("kms_signer") {
            event.record(&mut Fields(self));
        }
    }
}

struct Fields<'a>(&'a Shown);

impl Visit for Fields<'_> {
    fn record_str(&mut self, _: &Field, value: &str) {
        self.0.add(value);
    }

    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        self.0.add(format!("{value:?}"));
    }
}

/// Signs, connects and checks, and shows every result.
async fn ask(answer: Answer, shown: &Shown) {
    for key_id in [KEY, "alias/a"] {
        let builder = |answer: &Answer| -> AwsKmsSignerBuilder {
            let client = client(answer.clone());
            AwsKmsSigner::builder(key_id)
                .client(client)
                .retries(Retries::none())
        };
        if let Err(error) = builder(&answer).connect().await {
            shown.error(&error);
        }
        let public_key = key().public_key().clone();
        let signer = builder(&answer).connect_lazy(public_key).await.unwrap();
        match Audit::new(signer.clone(), shown.clone())
            .sign(&SignRequest::keccak256(REQUEST))
            .await
        {
            Ok(signed) => shown.receipt(&signed.receipt),
            Err(error) => shown.error(&error),
        }
        shown.add(signer.key());
        let health = signer.check().await;
        let report = health.to_string();
        assert_eq!(report.split('\n').count(), 3, "{report}");
        for line in report.split('\n') {
            shown.add(line);
        }
        for error in health.errors() {
            shown.error(error);
        }
        shown.add(format!("{:?}", health.state));
    }
}

#[track_caller]
fn assert_harmless(text: &str) {
    let hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}')
    };
    assert!(!text.contains(hostile), "{text:?}");
    // Several names and a sentence, each as long as permitted.
    let length = text.chars().count();
    assert!(length < 2_048, "{length} characters: {text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_answer_forges_a_line_or_fills_a_log_or_a_metric(answer in answer()) {
        let shown = Shown::default();
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let subscriber = tracing_subscriber::registry().with(shown.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tracing::subscriber::with_default(subscriber, || {
            metrics::with_local_recorder(&recorder, || runtime.block_on(ask(answer, &shown)));
        });
        for text in &*shown.0.lock().unwrap() {
            assert_harmless(text);
        }
        for (key, ..) in snapshotter.snapshot().into_vec() {
            for label in key.key().labels() {
                assert_harmless(label.value());
                // A status is three digits; anything else that a server invents is `other`.
                let is_known = ["other", "none"].contains(&label.value())
                    || ["HTTP 200", "HTTP 301", "HTTP 400", "HTTP 403", "HTTP 407", "HTTP 429",
                        "HTTP 500", "HTTP 503"].contains(&label.value())
                    || label.value().chars().all(|c| c.is_ascii_alphanumeric());
                assert!(label.key() != "code" || is_known, "{label:?}");
            }
        }
    }
}

fn labels(answer: Answer) -> Vec<String> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(ask(answer, &Shown::default()));
    });
    let mut codes: Vec<String> = snapshotter
        .snapshot()
        .into_vec()
        .iter()
        .flat_map(|(key, ..)| key.key().labels().cloned().collect::<Vec<_>>())
        .filter(|label| label.key() == "code")
        .map(|label| label.value().to_owned())
        .collect();
    codes.sort();
    codes.dedup();
    codes
}

#[test]
fn a_server_does_not_choose_the_labels_of_a_metric() {
    for (status, code, label) in [
        (400, "HTTP tenant-1", "HTTP 400"),
        (400, "HTTP 200", "HTTP 400"),
        (400, "Tenant1", "other"),
        (400, "ThrottlingException", "ThrottlingException"),
        (503, "", "HTTP 503"),
    ] {
        let body = json!({"__type": code, "message": "x"}).to_string();
        let answer = Answer {
            status,
            headers: Vec::new(),
            body: body.into_bytes(),
        };
        assert_eq!(labels(answer), [label], "{code}");
    }
}

/// The SDK's own errors contain the answer from which they were made.
#[test]
fn no_source_repeats_an_answer_that_cannot_be_read() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for body in [
        "<html>canary</html>",
        r#"{"Signature":"%canary%"}"#,
        r#"{"KeyId":{"canary":1}}"#,
        r#"{"KeyId":"canary"#,
    ] {
        let client = client(Answer {
            status: 200,
            headers: Vec::new(),
            body: body.into(),
        });
        let error = runtime.block_on(async {
            let builder = AwsKmsSigner::builder(KEY).client(client);
            let builder = builder.retries(Retries::none());
            let signer = builder
                .connect_lazy(key().public_key().clone())
                .await
                .unwrap();
            let request = SignRequest::keccak256(REQUEST);
            signer.sign(&request).await.unwrap_err()
        });
        let source = error.source().unwrap();
        assert!(source.source().is_none());
        let shown = format!("{error} {error:?} {source} {source:?}");
        assert!(!shown.contains("canary"), "{body}: {shown}");
        assert!(shown.len() < 2_048, "{shown}");
    }
}
