//! The SDK's own sources of credentials when they fail or are slow.

use std::{
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kms::{
    Client,
    config::{
        Credentials, IdentityCache, ProvideCredentials, SharedCredentialsProvider, SharedHttpClient,
    },
};
use aws_smithy_http_client::test_util::infallible_client_fn;
use futures_util::{StreamExt as _, stream};
use kms_signer::{
    KeyType, Retries, Signer as _,
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
    KEY,
    tcp::{Server, read_request},
};

/// Where the default chain gets its credentials.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Source {
    AssumeRole,
    WebIdentity,
    Sso,
    Container,
    Instance,
    /// A `credential_process` with this command.
    Process(&'static str),
    /// A missing token file.
    TokenFileMissing,
    /// No login to SSO.
    SsoLoggedOut,
    Nothing,
}

/// How the service behind a source behaves.
#[derive(Clone, Copy, Debug)]
enum Service {
    Answers(u16, &'static str),
    Closes,
    Hangs,
    /// It speaks http although the source calls it by https.
    Plain,
}

use Service::{Answers, Closes, Hangs, Plain};
use Source::{
    AssumeRole, Container, Instance, Nothing, Process, Sso, SsoLoggedOut, TokenFileMissing,
    WebIdentity,
};

macro_rules! sts {
    ($code:literal) => {
        concat!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>",
            "<Type>Sender</Type><Code>",
            $code,
            "</Code><Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        )
    };
}

/// The codes are those of the AWS API references of STS (AssumeRole, AssumeRoleWithWebIdentity,
/// common errors) and of the SSO portal (GetRoleCredentials).
const FINAL: &[(Source, Service)] = &[
    (AssumeRole, Answers(403, sts!("AccessDenied"))),
    (AssumeRole, Answers(403, sts!("SignatureDoesNotMatch"))),
    (AssumeRole, Answers(403, sts!("RegionDisabledException"))),
    (AssumeRole, Answers(403, sts!("OptInRequired"))),
    (AssumeRole, Answers(403, sts!("MissingAuthenticationToken"))),
    (AssumeRole, Answers(403, sts!("ExpiredTokenException"))),
    (AssumeRole, Answers(400, sts!("NeverHeardOf"))),
    (AssumeRole, Answers(404, "<html>not here</html>")),
    (AssumeRole, Plain),
    (WebIdentity, Answers(403, sts!("IDPRejectedClaim"))),
    (WebIdentity, Answers(400, sts!("InvalidIdentityToken"))),
    (WebIdentity, Answers(400, sts!("ExpiredTokenException"))),
    (WebIdentity, Plain),
    (
        Sso,
        Answers(401, r#"{"__type":"UnauthorizedException","message":"no"}"#),
    ),
    (
        Sso,
        Answers(
            404,
            r#"{"__type":"ResourceNotFoundException","message":"no"}"#,
        ),
    ),
    (
        Sso,
        Answers(
            400,
            r#"{"__type":"InvalidRequestException","message":"no"}"#,
        ),
    ),
    (Sso, Plain),
    (SsoLoggedOut, Answers(200, "{}")),
    (TokenFileMissing, Answers(200, "")),
    (Container, Answers(403, "no")),
    (
        Container,
        Answers(200, r#"{"code":"AccessDenied","message":"no"}"#),
    ),
    (Instance, Answers(403, "no")),
    (Instance, Answers(404, "no role")),
    // As on a machine that is not an EC2 instance, where credentials are most often missing.
    (Instance, Closes),
    (Process("exit 1"), Closes),
    (Process("echo no JSON"), Closes),
    (Process("no-such-binary-4711"), Closes),
    (Nothing, Closes),
];

const PASSING: &[(Source, Service)] = &[
    (AssumeRole, Answers(500, sts!("InternalFailure"))),
    (AssumeRole, Answers(503, "<html>a load balancer</html>")),
    (AssumeRole, Answers(400, sts!("Throttling"))),
    (AssumeRole, Answers(400, sts!("RequestLimitExceeded"))),
    (AssumeRole, Answers(429, "")),
    (AssumeRole, Closes),
    (WebIdentity, Answers(503, sts!("ServiceUnavailable"))),
    (WebIdentity, Answers(400, sts!("IDPCommunicationError"))),
    (WebIdentity, Closes),
    (
        Sso,
        Answers(
            429,
            r#"{"__type":"TooManyRequestsException","message":"slow"}"#,
        ),
    ),
    (Sso, Answers(502, "<html>a load balancer</html>")),
    (Sso, Closes),
    (Container, Answers(503, "")),
    (Container, Answers(429, "")),
    (Container, Closes),
    (Instance, Answers(503, "")),
];

/// With a source that does not answer, the call ends at its deadline.
const LATE: &[(Source, Service)] = &[(AssumeRole, Hangs), (Process("sleep 20"), Closes)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_transient_failures_are_retryable() {
    let cases = (FINAL.iter().map(|case| (case, "credentials false")))
        .chain(PASSING.iter().map(|case| (case, "unavailable true")))
        .chain(LATE.iter().map(|case| (case, "timeout true")));
    let verdicts: Vec<_> = stream::iter(cases)
        .map(async |(case, expected)| (case, expected, verdict(case.0, case.1).await))
        .buffer_unordered(4)
        .collect()
        .await;
    assert_eq!(verdicts.len(), FINAL.len() + PASSING.len() + LATE.len());
    let wrong: Vec<_> = verdicts
        .iter()
        .filter(|(_, expected, verdict)| !verdict.starts_with(expected))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The error that a process with this environment gets, and whether it is retryable.
async fn verdict(source: Source, service: Service) -> String {
    let home = tempfile::tempdir().unwrap();
    let server = serve(service).await;
    let scheme = match service {
        Plain => "https",
        _ => "http",
    };
    let url = format!("{scheme}://localhost:{}", server.port());
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "credentials::child", "--ignored", "--nocapture"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("AWS_CONFIG_FILE", home.path().join("config"))
        .env("AWS_ENDPOINT_URL", &url)
        .env("AWS_MAX_ATTEMPTS", "1")
        .env("AWS_REGION", "us-east-1")
        .kill_on_drop(true)
        .stdin(Stdio::null());
    if source != Instance {
        child.env("AWS_EC2_METADATA_DISABLED", "true");
    }
    prepare(source, home.path(), &url, &mut child);
    let output = child.output().await.unwrap();
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.split_once("verdict: ") {
        Some((_, verdict)) => verdict.lines().take(2).collect::<Vec<_>>().join(": "),
        None => panic!("{source:?} {service:?}: {output}"),
    }
}

fn prepare(source: Source, home: &Path, url: &str, child: &mut Command) {
    let sso = "sso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n\
               sso_account_id = 111122223333\nsso_role_name = signer\n";
    let profile = match source {
        AssumeRole => "role_arn = arn:aws:iam::111122223333:role/signer\nsource_profile = base\n\
             [profile base]\naws_access_key_id = test\n\
             aws_secret_access_key = fake\n"
            .to_owned(),
        Sso | SsoLoggedOut => sso.to_owned(),
        Process(command) => format!("credential_process = {command}\n"),
        _ => String::new(),
    };
    std::fs::write(home.join("config"), format!("[default]\n{profile}")).unwrap();
    match source {
        Sso => {
            // The SHA-1 of the start URL.
            let name = "e8be5486177c5b5392bd9aa76563515b29358e6e.json";
            let cache = home.join(".aws/sso/cache");
            std::fs::create_dir_all(&cache).unwrap();
            let token = r#"{"accessToken":"fake","expiresAt":"2099-01-01T00:00:00Z"}"#;
            std::fs::write(cache.join(name), token).unwrap();
        }
        WebIdentity | TokenFileMissing => {
            let token = home.join("token");
            if source == WebIdentity {
                std::fs::write(&token, "fake").unwrap();
            }
            child
                .env("AWS_WEB_IDENTITY_TOKEN_FILE", token)
                .env("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/signer")
                .env("AWS_ROLE_SESSION_NAME", "test");
        }
        Container => {
            child.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{url}/c"));
        }
        Instance => {
            child.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", url);
        }
        _ => {}
    }
}

async fn serve(service: Service) -> Server {
    Server::start(move |_, mut stream: TcpStream| async move {
        // A TLS handshake has no end of a head to wait for.
        if matches!(service, Plain) {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            return;
        }
        while let Some(head) = read_request(&mut stream).await {
            // The SDK first asks for a token to read the instance metadata with.
            let is_token = head.starts_with("put /latest/api/token");
            let (status, body) = match service {
                Answers(..) if is_token => (200, "token"),
                Answers(status, body) => (status, body),
                Hangs => {
                    while let Ok(1..) = stream.read(&mut [0; 64]).await {}
                    return;
                }
                Closes | Plain => return,
            };
            let answer = format!(
                "HTTP/1.1 {status} x\r\nx-aws-ec2-metadata-token-ttl-seconds: 600\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

/// Uses the default chain, and so the environment of the process.
#[tokio::test]
#[ignore = "the other tests of credentials run it, with an environment"]
async fn child() {
    let error = AwsKmsSigner::builder(KEY)
        .endpoint_url("http://127.0.0.1:1")
        .retries(Retries::none())
        .connect()
        .await
        .unwrap_err();
    println!("verdict: {} {}", error.name(), error.is_retryable());
    println!("{error} {:?}", std::error::Error::source(&error));
}

/// Returns credentials after a while, and counts how often it started to load them.
#[derive(Clone, Debug)]
struct Slow {
    takes: Duration,
    loads: Arc<AtomicU32>,
}

impl ProvideCredentials for Slow {
    fn provide_credentials<'a>(
        &'a self,
    ) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.loads.fetch_add(1, Ordering::Relaxed);
        let takes = self.takes;
        aws_credential_types::provider::future::ProvideCredentials::new(async move {
            tokio::time::sleep(takes).await;
            let credentials = Credentials::for_tests();
            Ok(credentials)
        })
    }
}

fn slow(seconds: u64) -> Slow {
    Slow {
        takes: Duration::from_secs(seconds),
        loads: Arc::default(),
    }
}

/// A KMS that always reports a disabled key.
fn disabled() -> SharedHttpClient {
    let body = r#"{"__type":"DisabledException","message":"x"}"#;
    SharedHttpClient::new(infallible_client_fn(move |_| {
        http::Response::builder().status(400).body(body).unwrap()
    }))
}

async fn assert_loaded_once(credentials: &Slow, builder: AwsKmsSignerBuilder) {
    let builder = builder.timeout(Duration::from_secs(120));
    for _ in 0..2 {
        let error = builder.clone().connect().await.unwrap_err();
        assert_eq!(error.name(), "disabled", "{error:?}");
    }
    assert_eq!(credentials.loads.load(Ordering::Relaxed), 1);
}

fn sdk_config(credentials: &Slow) -> aws_config::SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
        .http_client(disabled())
        .build()
}

fn client(credentials: &Slow) -> aws_sdk_kms::config::Builder {
    aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(credentials.clone())
        .http_client(disabled())
}

#[tokio::test(start_paused = true)]
async fn credentials_may_take_as_long_as_the_call() {
    let credentials = slow(20);
    let config = sdk_config(&credentials);
    // Each connect makes its own client, so only the first counts.
    let builder = AwsKmsSigner::builder(KEY).sdk_config(&config);
    let error = builder
        .timeout(Duration::from_secs(120))
        .connect()
        .await
        .unwrap_err();
    assert_eq!(error.name(), "disabled", "{error:?}");
    assert_eq!(credentials.loads.load(Ordering::Relaxed), 1);

    // As the docs advise for an existing client.
    let credentials = slow(20);
    let cache = IdentityCache::lazy().load_timeout(Duration::from_secs(60));
    let config = client(&credentials).identity_cache(cache.build()).build();
    let builder = AwsKmsSigner::builder(KEY).client(Client::from_conf(config));
    assert_loaded_once(&credentials, builder).await;
}

/// Newer SDKs derive the time for credentials from the attempt timeout, so any client works
/// unchanged.
#[tokio::test(start_paused = true)]
async fn with_newer_sdks_credentials_of_any_client_may_take_as_long_as_the_call() {
    let credentials = slow(20);
    let config = client(&credentials).build();
    let builder = AwsKmsSigner::builder(KEY).client(Client::from_conf(config));
    assert_loaded_once(&credentials, builder).await;
}

/// A service that is not ready makes only checks, so checks alone must get the credentials loaded.
#[tokio::test(start_paused = true)]
async fn checks_alone_get_credentials_that_take_longer_than_a_check() {
    let credentials = slow(3);
    let sent = Arc::new(AtomicU32::new(0));
    let counted = sent.clone();
    let http_client = infallible_client_fn(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        let body = r#"{"__type":"DryRunOperationException","message":"x"}"#;
        http::Response::builder().status(400).body(body).unwrap()
    });
    let config = client(&credentials).http_client(http_client).build();
    let key = LocalSigner::random(KeyType::Secp256k1).unwrap();
    let signer = AwsKmsSigner::builder(KEY)
        .client(Client::from_conf(config))
        .connect_lazy(key.public_key().clone())
        .await
        .unwrap();

    let tasks = tokio::runtime::Handle::current().metrics();
    let before = tasks.num_alive_tasks();
    for _ in 0..2 {
        let health = signer.check().await;
        assert!(!health.is_ready(), "{health}");
        assert_eq!(
            tasks.num_alive_tasks(),
            before + 1,
            "not one for each check"
        );
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(tasks.num_alive_tasks(), before);
    assert_eq!(sent.load(Ordering::Relaxed), 0, "something was sent");
    let health = signer.check().await;
    assert!(health.is_ready(), "{health}");
    assert_eq!(sent.load(Ordering::Relaxed), 3);
}

/// The call ends at its deadline, and the error says what it waited for.
#[tokio::test(start_paused = true)]
async fn credentials_that_take_longer_than_the_call_are_a_timeout() {
    let builder = AwsKmsSigner::builder(KEY).sdk_config(&sdk_config(&slow(200)));
    let builder = builder.timeout(Duration::from_secs(120));
    let start = tokio::time::Instant::now();
    let error = builder.connect().await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(120));
    assert_eq!(error.name(), "timeout", "{error:?}");
    assert!(error.to_string().contains("credentials"), "{error}");
    assert_eq!(error.receipt().unwrap().attempts(), 0);
}
