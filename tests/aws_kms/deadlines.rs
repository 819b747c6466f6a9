//! A call ends at its deadline, even if the other side never answers.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::{
    Client,
    config::{Credentials, ProvideCredentials},
};
use aws_smithy_http_client::test_util::{NeverClient, infallible_client_fn};
use kms_signer::{
    Error, KeyType, PublicKey, Result, Retries, Signer,
    emulator::aws_kms::KmsEmulator,
    error::KeyStoreFault,
    provider::{
        aws_kms::{AwsKmsSigner, AwsKmsSignerBuilder},
        local::LocalSigner,
    },
};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::Instant,
};

use super::{KEY, request};

/// A server that accepts connections and never answers. It reports when a client closes one.
struct Silent {
    address: SocketAddr,
    closed: mpsc::UnboundedReceiver<()>,
}

impl Silent {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, closed) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(until_closed(stream, sender.clone()));
            }
        });
        Self { address, closed }
    }

    fn signer(&self) -> AwsKmsSignerBuilder {
        AwsKmsSigner::builder(KEY).emulator(format!("http://{}", self.address), "us-east-1")
    }
}

async fn until_closed(mut stream: TcpStream, closed: mpsc::UnboundedSender<()>) {
    let mut buffer = [0; 1024];
    while let Ok(1..) = stream.read(&mut buffer).await {}
    let _ = closed.send(());
}

fn public_key() -> PublicKey {
    let signer = LocalSigner::random(KeyType::Secp256k1).unwrap();
    signer.public_key().clone()
}

#[track_caller]
fn assert_timeout<T: std::fmt::Debug>(result: Result<T>, attempts: RangeInclusive<u32>) {
    match result {
        Err(error @ Error::KeyStore { .. }) => {
            assert!(
                matches!(
                    &error,
                    Error::KeyStore {
                        fault: KeyStoreFault::Timeout,
                        ..
                    }
                ),
                "{error:?}"
            );
            assert!(error.is_retryable());
            let made = error.receipt().unwrap().attempts();
            assert!(attempts.contains(&made), "{made} attempts");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let server = Silent::start().await;
    let builder = server.signer().timeout(Duration::from_millis(500));
    assert_timeout(builder.clone().connect().await, 0..=3);
    let signer = builder.connect_lazy(public_key()).await.unwrap();
    assert_timeout(signer.sign(&request()).await, 0..=3);
}

/// Such timeouts fail every call, so connecting rejects them.
#[tokio::test]
async fn timeouts_that_no_call_can_keep_are_errors_of_both_ways_to_connect() {
    let builder = || AwsKmsSigner::builder(KEY).emulator("http://localhost:1", "us-east-1");
    let second = Duration::from_secs(1);
    for (builder, setting) in [
        (builder().timeout(Duration::ZERO), "`timeout`"),
        (builder().check_timeout(Duration::ZERO), "`check_timeout`"),
        (
            builder().attempt_timeout(Duration::ZERO),
            "`attempt_timeout`",
        ),
        (
            builder().attempt_timeout(second * 2).timeout(second),
            "`attempt_timeout`",
        ),
    ] {
        for outcome in [
            builder.clone().connect_lazy(public_key()).await,
            builder.connect().await,
        ] {
            match outcome {
                Err(Error::InvalidConfig { reason, .. }) => {
                    assert!(reason.starts_with(setting), "{reason}");
                }
                other => panic!("{setting}: {other:?}"),
            }
        }
    }
}

/// With only a `timeout` set, an attempt that hangs leaves time for others.
#[tokio::test(start_paused = true)]
async fn a_timeout_alone_has_time_for_all_attempts() {
    let builder = unanswered().timeout(Duration::from_secs(2));
    assert_timeout(builder.connect().await, 3..=3);
}

/// A client without a network that never gets an answer, for exact times in virtual time.
fn unanswered() -> AwsKmsSignerBuilder {
    let config = config().http_client(NeverClient::new()).build();
    AwsKmsSigner::builder(KEY).client(Client::from_conf(config))
}

fn config() -> aws_sdk_kms::config::Builder {
    aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
}

#[tokio::test(start_paused = true)]
async fn a_call_is_over_at_its_deadline_and_neither_before_nor_after() {
    for (timeout, attempts) in [(50, 1), (999, 1), (2_500, 3), (60_000, 3)] {
        let timeout = Duration::from_millis(timeout);
        let builder = unanswered()
            .attempt_timeout(Duration::from_secs(1).min(timeout))
            .timeout(timeout);
        let start = Instant::now();
        assert_timeout(builder.clone().connect().await, attempts..=attempts);
        let end = timeout.min(Duration::from_millis(3_100));
        assert_over(start.elapsed(), end, attempts);

        let signer = builder.connect_lazy(public_key()).await.unwrap();
        let start = Instant::now();
        assert_timeout(signer.sign(&request()).await, attempts..=attempts);
        assert_over(start.elapsed(), end, attempts);
    }
}

/// Pauses between attempts are random, so with several of them the end may come earlier.
#[track_caller]
fn assert_over(elapsed: Duration, end: Duration, attempts: u32) {
    let pauses = Duration::from_millis(if attempts > 1 { 600 } else { 0 });
    assert!(
        elapsed <= end + Duration::from_millis(2),
        "{elapsed:?} {end:?}"
    );
    assert!(elapsed + pauses >= end, "{elapsed:?} {end:?}");
}

/// Credentials that take four seconds to load, so that attempts of one second would never get them.
#[derive(Debug)]
struct SlowCredentials;

impl ProvideCredentials for SlowCredentials {
    fn provide_credentials<'a>(
        &'a self,
    ) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        aws_credential_types::provider::future::ProvideCredentials::new(async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            Ok(Credentials::for_tests())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_may_take_longer_than_an_attempt_and_not_longer_than_the_call() {
    let http = infallible_client_fn(|_| {
        let body = r#"{"__type":"DisabledException","message":"disabled"}"#;
        http::Response::builder().status(400).body(body).unwrap()
    });
    let config = config()
        .credentials_provider(SlowCredentials)
        .http_client(http);
    let builder = AwsKmsSigner::builder(KEY)
        .client(Client::from_conf(config.build()))
        .attempt_timeout(Duration::from_secs(1));
    let answered = builder.clone().connect().await.unwrap_err();
    assert_eq!(answered.code(), Some("DisabledException"), "{answered:?}");

    let config = config_of_slow_credentials();
    let start = Instant::now();
    let builder = AwsKmsSigner::builder(KEY).client(Client::from_conf(config));
    let late = builder.timeout(Duration::from_secs(2)).connect().await;
    let late = late.unwrap_err();
    assert_eq!((late.name(), start.elapsed().as_secs()), ("timeout", 2));
    assert_eq!(late.receipt().unwrap().attempts(), 0);
    assert!(
        late.to_string().contains("source of the AWS credentials"),
        "{late}"
    );
}

fn config_of_slow_credentials() -> aws_sdk_kms::Config {
    let config = config().credentials_provider(SlowCredentials);
    config.http_client(NeverClient::new()).build()
}

/// A hung connection is closed and not pooled: the next attempt would hang on it too.
#[tokio::test]
async fn a_connection_that_hung_is_closed_and_so_is_one_whose_caller_went_away() {
    let mut server = Silent::start().await;
    let builder = server.signer().retries(Retries::none());
    let builder = builder.attempt_timeout(Duration::from_millis(40));
    let signer = builder.connect_lazy(public_key()).await.unwrap();
    assert_timeout(signer.sign(&request()).await, 1..=1);
    server.closed.recv().await.unwrap();

    let patient = server.signer().connect_lazy(public_key()).await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_secs(1), patient.sign(&request())).await;
    assert!(dropped.is_err());
    server.closed.recv().await.unwrap();
}

#[tokio::test]
async fn the_largest_settings_are_harmless() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let builder = super::builder(&emulator, &arn)
        .attempt_timeout(Duration::MAX)
        .timeout(Duration::MAX)
        .retries(Retries::default().max_backoff(Duration::MAX));
    let signer = builder.connect().await.unwrap();
    signer.sign(&request()).await.unwrap();
}
