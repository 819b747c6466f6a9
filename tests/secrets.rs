//! No secret in any output: these tests search everything that is shown or logged, at TRACE, for
//! canaries.

use std::{
    error::Error as _,
    fmt, io,
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use kms_signer::{
    Error, KeyType, SignRequest, Signer,
    chain::ethereum::{EthereumSigner, alloy_primitives::B256, alloy_signer},
    emulator::{
        FailureRule,
        aws_kms::{KmsEmulator, KmsFailure, Operation},
    },
    layer::{
        audit::{Audit, JsonLinesFile},
        failover::Failover,
        hedge::Hedge,
        rate_limit::RateLimit,
        timeout::Timeout,
    },
    provider::{
        aws_kms::{AwsKmsSigner, AwsKmsSignerBuilder},
        local::LocalSigner,
    },
};
use tracing_subscriber::{
    fmt::{MakeWriter, format::FmtSpan},
    layer::SubscriberExt as _,
};

const SECRET_ACCESS_KEY: &str = "canary-secret-access-key";
const SESSION_TOKEN: &str = "canary-session-token";
/// The secret scalar, and the seed of an Ed25519 key.
const KEY: [u8; 32] = [0x57; 32];
const SEED: u64 = 5_757_575_757_575_757;

/// What must never appear: each secret, in all the forms in which bytes are shown.
fn secrets() -> Vec<String> {
    let base64 = aws_smithy_types::base64::encode(KEY);
    vec![
        "canary-secret".to_owned(),
        aws_smithy_types::base64::encode("canary-secret")[..16].to_owned(),
        "canary-session".to_owned(),
        "57575757".to_owned(),
        base64[..20].to_owned(),
        "87, 87, 87".to_owned(),
        "0x57, 0x57".to_owned(),
        "WWWWWWWW".to_owned(),
        SEED.to_string(),
    ]
}

#[track_caller]
fn assert_secret_free(text: &str) {
    for secret in secrets() {
        if let Some(at) = text.find(&secret) {
            let from = text[..at]
                .char_indices()
                .rev()
                .nth(200)
                .map_or(0, |(at, _)| at);
            panic!("`{secret}` is shown: …{}", &text[from..at + secret.len()]);
        }
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Every thread listens. Otherwise `tracing` could register a call site as one without a listener
/// while another test starts, and keep that.
fn watch_every_call_site() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    });
}

/// Runs `work` and returns everything that any crate logs in that time.
fn logged(work: impl Future<Output = ()>) -> String {
    let log = Log::default();
    watch_every_call_site();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(log.clone())
        .with_ansi(false)
        .with_span_events(FmtSpan::FULL);
    let subscriber = tracing_subscriber::registry().with(lines);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tracing::subscriber::with_default(subscriber, || runtime.block_on(work));
    let bytes = log.0.lock().unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn builder(emulator: &KmsEmulator, key_id: &str) -> AwsKmsSignerBuilder {
    AwsKmsSigner::builder(key_id)
        .endpoint_url(emulator.endpoint_url())
        .attempt_timeout(Duration::from_millis(100))
        .static_credentials("test", SECRET_ACCESS_KEY, Some(SESSION_TOKEN.into()))
}

/// An error in all its forms.
fn forms(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?} {:?}", error.receipt());
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(" {cause} {cause:?}");
        source = cause.source();
    }
    text
}

fn show(value: &(impl fmt::Debug + ?Sized)) {
    assert_secret_free(&format!("{value:?} {value:#?}"));
}

#[test]
fn nothing_that_is_logged_or_shown_holds_a_secret() {
    let log = logged(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let emulator_builder = KmsEmulator::builder().seed(SEED);
        show(&emulator_builder);
        let emulator = emulator_builder.start().await.unwrap();
        show(&emulator);
        for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
            let arn = emulator.create_key_from_bytes(key_type, &KEY).unwrap();
            let builder = builder(&emulator, &arn);
            show(&builder);
            let signer = builder.connect().await.unwrap();
            show(&signer);
            show(&signer.check().await);
            show(&LocalSigner::from_bytes(key_type, &KEY).unwrap());
            let limit = RateLimit::per_second(1_000).build().unwrap();
            let sink = JsonLinesFile::open(&path).unwrap();
            let hedge = Hedge::after(signer, Duration::from_secs(1))
                .build()
                .unwrap();
            let failover = Failover::builder([limit.limit(hedge)]).build().unwrap();
            let in_time = Timeout::new(failover, Duration::from_secs(9)).unwrap();
            let stack = Audit::new(in_time, sink);
            show(&stack);

            let request = SignRequest::blake2b256(&KEY);
            show(&request);
            show(&stack.sign(&request).await.unwrap());
            for failure in failures() {
                let rule = FailureRule::new(failure).on(Operation::Sign);
                let injected = emulator.inject(rule);
                let error = stack.sign(&request).await.unwrap_err();
                assert!(injected.fired() > 0);
                assert_secret_free(&forms(&error));
                drop(injected);
            }
            if key_type == KeyType::Secp256k1 {
                let account = EthereumSigner::new(stack).unwrap();
                show(&account);
                emulator.set_enabled(&arn, false).unwrap();
                let hash = B256::repeat_byte(1);
                let boxed = alloy_signer::Signer::sign_hash(&account, &hash)
                    .await
                    .unwrap_err();
                assert_secret_free(&format!("{boxed} {boxed:?}"));
            }
        }
        assert_secret_free(&std::fs::read_to_string(&path).unwrap());
    });
    // The log includes the SDK's own lines.
    assert!(
        log.contains("aws_sigv4") && log.contains("kms_signer::call"),
        "{} bytes",
        log.len()
    );
    assert_secret_free(&log);
}

fn failures() -> Vec<KmsFailure> {
    vec![
        KmsFailure::throttling(),
        KmsFailure::access_denied(),
        KmsFailure::expired_credentials(),
        KmsFailure::clock_skew(),
        KmsFailure::internal_error(),
        KmsFailure::error("SomethingElse"),
        KmsFailure::reset(),
        KmsFailure::stall(),
    ]
}

/// What some services send about a wrong signature.
#[tokio::test]
async fn a_server_that_repeats_the_request_is_not_quoted() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let signer = builder(&emulator, &arn).connect().await.unwrap();
    let echo = KmsFailure::error("InvalidSignatureException").message(format!(
        "It does not match. The Canonical String for this request should have been \
         x-amz-security-token:{SESSION_TOKEN}"
    ));
    emulator.inject(FailureRule::new(echo)).keep();
    let error = signer
        .sign(&SignRequest::sha256(b"preimage"))
        .await
        .unwrap_err();
    assert!(
        error
            .source()
            .unwrap()
            .to_string()
            .contains("It does not match")
    );
    assert_secret_free(&forms(&error));
}

#[test]
fn a_secret_key_that_is_rejected_is_not_repeated() {
    let mut bytes = [KEY.as_slice(), &KEY].concat();
    for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
        let error = LocalSigner::from_bytes(key_type, &bytes).unwrap_err();
        assert_secret_free(&forms(&error));
    }
    bytes.truncate(40);
    assert_secret_free(&forms(&LocalSigner::from_pkcs8_der(&bytes).unwrap_err()));
}

/// The search finds a secret if there is one.
#[test]
fn a_secret_would_be_found() {
    for shown in [
        format!("{:?}", KEY),
        hex::encode(KEY),
        aws_smithy_types::base64::encode(KEY),
        String::from_utf8_lossy(&KEY).into_owned(),
        SECRET_ACCESS_KEY.to_owned(),
        format!("Some({SESSION_TOKEN:?})"),
    ] {
        let found = std::panic::catch_unwind(|| assert_secret_free(&shown));
        assert!(found.is_err(), "{shown}");
    }
}
