//! A proxy or another server instead of KMS: a retry would not help, and the error says what it
//! found.

use std::{
    error::Error as _,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kms::{
    Client,
    config::{Credentials, SharedCredentialsProvider},
};
use aws_smithy_http_client::test_util::infallible_client_fn;
use kms_signer::{
    Error, KeyType, PublicKey, Retries, Signer,
    emulator::aws_kms::KmsEmulator,
    provider::{
        aws_kms::{AwsKmsSigner, AwsKmsSignerBuilder},
        local::LocalSigner,
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::Command,
};

use crate::{
    KEY, request,
    tcp::{Server, read_request},
    tls::{self, Http, Identity},
};

fn public_key() -> PublicKey {
    let signer = LocalSigner::random(KeyType::Secp256k1).unwrap();
    signer.public_key().clone()
}

async fn refused(builder: AwsKmsSignerBuilder) -> Error {
    let signer = builder.connect_lazy(public_key()).await.unwrap();
    signer.sign(&request()).await.unwrap_err()
}

/// Checks that the error is final after one attempt, with `seen` in the source and `remedy` in the
/// message.
#[track_caller]
fn assert_wrong_endpoint(error: &Error, seen: &str, remedy: &str) {
    assert_eq!(error.name(), "wrong_endpoint", "{error:?}");
    assert!(!error.is_retryable(), "{error:?}");
    assert_eq!(error.receipt().unwrap().attempts(), 1, "{error:?}");
    let source = error.source().unwrap().to_string();
    assert!(source.contains(seen), "`{seen}` is not in `{source}`");
    let shown = error.to_string();
    assert!(shown.contains(remedy), "`{remedy}` is not in `{shown}`");
}

#[tokio::test]
async fn an_untrusted_certificate_is_final() {
    let emulator = KmsEmulator::start().await.unwrap();
    let identity = Identity::new("localhost");
    let server = tls::server(&emulator, &identity, Http::One, |_, _| true).await;
    let stranger = Identity::new("localhost");
    let builder = AwsKmsSigner::builder(KEY).sdk_config(&tls::config(&server, &stranger.pem));
    let error = refused(builder).await;
    assert_wrong_endpoint(&error, "invalid peer certificate", "trust store");
    assert_eq!(server.accepted(), 1);

    let identity = Identity::new("kms.example");
    let server = tls::server(&emulator, &identity, Http::One, |_, _| true).await;
    let builder = AwsKmsSigner::builder(KEY).sdk_config(&tls::config(&server, &identity.pem));
    let error = refused(builder).await;
    assert_wrong_endpoint(&error, "localhost", "trust store");
}

/// A server that sends these bytes instead of HTTP or TLS.
async fn talkative(words: &'static [u8]) -> Server {
    Server::start(move |_, mut stream: TcpStream| async move {
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(words).await;
        // Read the rest of the request, so that a reset does not discard the answer.
        while let Ok(1..) = stream.read(&mut buffer).await {}
    })
    .await
}

#[tokio::test]
async fn a_server_without_http_is_final() {
    for words in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"220 mail.example ESMTP\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x46",
    ] {
        let server = talkative(words).await;
        let builder = AwsKmsSigner::builder(KEY).emulator(server.url(), "us-east-1");
        let error = refused(builder).await;
        assert_wrong_endpoint(&error, "", "for a proxy in between");
        assert_eq!(server.accepted(), 1);
    }
}

#[tokio::test]
async fn a_server_without_tls_is_final() {
    let pem = Identity::new("localhost").pem;
    for words in [
        &b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        // Alerts: protocol_version, unrecognized_name (RFC 8446 §6).
        b"\x15\x03\x03\x00\x02\x02\x46",
        b"\x15\x03\x03\x00\x02\x02\x70",
    ] {
        let server = talkative(words).await;
        let builder = AwsKmsSigner::builder(KEY).sdk_config(&tls::config(&server, &pem));
        let error = refused(builder).await;
        assert_wrong_endpoint(&error, "", "http or https");
        assert_eq!(server.accepted(), 1);
    }
}

/// Calls to KMS use https, so the client first asks the proxy for a tunnel. Older SDKs report the
/// rejection with their own text.
#[tokio::test]
async fn with_newer_sdks_a_proxy_that_rejects_the_caller_is_final() {
    let proxy = Server::start(|_, mut stream: TcpStream| async move {
        let _ = read_request(&mut stream).await;
        let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        let _ = stream.write_all(answer).await;
    })
    .await;
    // In another process, because the SDK reads the proxy from the environment.
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "endpoints::child", "--ignored", "--nocapture"])
        .env("HTTPS_PROXY", proxy.url())
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let output = String::from_utf8_lossy(&output.stdout);
    let expected = "verdict: wrong_endpoint false 1, give the proxy of HTTPS_PROXY its credentials";
    assert!(output.contains(expected), "{output}");
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test]
#[ignore = "the test above runs it, with a proxy in the environment"]
async fn child() {
    let builder = AwsKmsSigner::builder(KEY)
        .endpoint_url("https://kms.example")
        .static_credentials("AKIAFAKEFAKEFAKEFAKE", "fake", None);
    let error = refused(builder).await;
    let attempts = error.receipt().unwrap().attempts();
    let shown = error.to_string();
    let remedy = shown.rsplit("; ").next().unwrap();
    println!(
        "verdict: {} {} {attempts}, {remedy}",
        error.name(),
        error.is_retryable()
    );
}

/// Transient failures look similar, and are retried.
#[tokio::test]
async fn a_broken_connection_is_retried() {
    let pem = Identity::new("localhost").pem;
    for words in [
        &b""[..],
        // The alert internal_error, and half a record.
        b"\x15\x03\x03\x00\x02\x02\x50",
        b"\x16\x03\x03",
    ] {
        let server = Server::start(move |_, mut stream: TcpStream| async move {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(words).await;
        })
        .await;
        let builder = AwsKmsSigner::builder(KEY).sdk_config(&tls::config(&server, &pem));
        let error = refused(builder).await;
        assert_eq!(error.name(), "connection", "{words:?}: {error:?}");
        assert!(error.is_retryable());
        assert_eq!(error.receipt().unwrap().attempts(), 3);
        assert_eq!(server.accepted(), 3);
    }
}

/// The SDK would end such a body after five seconds, because it is too slow.
#[tokio::test]
async fn a_stalled_body_may_take_the_whole_attempt_timeout() {
    let server = Server::start(|_, mut stream: TcpStream| async move {
        let _ = read_request(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
        let _ = stream.write_all(head).await;
        while let Ok(1..) = stream.read(&mut [0; 64]).await {}
    })
    .await;
    let builder = AwsKmsSigner::builder(KEY)
        .emulator(server.url(), "us-east-1")
        .attempt_timeout(Duration::from_secs(6))
        .retries(Retries::none());
    let error = refused(builder).await;
    assert_eq!(error.name(), "timeout", "{error:?}");
    assert_eq!(
        error.source().unwrap().to_string(),
        "no answer within the time of an attempt"
    );
}

#[tokio::test]
async fn an_emulator_gets_neither_the_credentials_nor_the_region_of_the_configuration() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = seen.clone();
    let http = infallible_client_fn(move |request| {
        let authorization = request.headers()["authorization"].to_str().unwrap();
        let request = format!("{} {authorization}", request.uri());
        noted.lock().unwrap().push(request);
        http::Response::builder().status(400).body("{}").unwrap()
    });
    let credentials = Credentials::new("canary", "canary", Some("canary".into()), None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-west-2"))
        .endpoint_url("https://kms.example")
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .build();
    for builder in [
        AwsKmsSigner::builder("alias/a").sdk_config(&config),
        AwsKmsSigner::builder("alias/a").client(Client::new(&config)),
    ] {
        refused(builder.emulator("http://localhost:4566", "eu-west-1")).await;
        let requests = std::mem::take(&mut *seen.lock().unwrap());
        let [request] = &requests[..] else {
            panic!("{requests:?}")
        };
        assert!(request.starts_with("http://localhost:4566/"), "{request}");
        assert!(request.contains(" Credential=test/"), "{request}");
        assert!(request.contains("/eu-west-1/kms/"), "{request}");
    }
}
