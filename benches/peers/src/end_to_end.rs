//! One Sign each over loopback HTTP, with the server in another process.

use std::{
    cell::Cell,
    future::Future,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::Instant,
};

use alloy_primitives::B256;
use alloy_signer::Signer as _;
use alloy_signer_aws::AwsSigner;
use anyhow::{Context as _, Result};
use aws_sdk_kms::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    primitives::Blob,
    types::{MessageType, SigningAlgorithmSpec},
};
use cpu_time::ProcessTime;
use futures_util::{StreamExt as _, stream};
use kms_signer::{KeyType, Signer as _, hazmat, provider::aws_kms::AwsKmsSigner};
use tokio::runtime::Runtime;

use crate::{
    key::{ARN, HOT_AFTER, Key, SIGNATURES},
    table::{Goal, Row},
    timing::Duel,
};

const ROUNDS: usize = 21;
const IN_FLIGHT: usize = 16;
const DELAY_MS: u64 = 5;
const DELAYED_CALLS: usize = 401;

pub fn rows() -> Result<Vec<Row>> {
    let fast = Contest::new(0)?;
    let bare_cpu = || fast.cpu(|digest| fast.bare(digest));
    let ours_cpu = || fast.cpu(|digest| fast.ours(digest));
    let alloy_cpu = || fast.cpu(|digest| fast.alloy(digest));
    let ours_rate = || fast.rate(IN_FLIGHT, |digest| fast.ours(digest));
    let alloy_rate = || fast.rate(IN_FLIGHT, |digest| fast.alloy(digest));
    let bare_rate = || fast.rate(IN_FLIGHT, |digest| fast.bare(digest));
    let slow = Contest::new(DELAY_MS)?;
    let delayed = Duel::new(
        DELAYED_CALLS,
        || slow.latency(|digest| slow.ours(digest)),
        || slow.latency(|digest| slow.bare(digest)),
    );
    let rate = |row, duel: Duel, goal| Row {
        unit: "1/s",
        ..Row::ratio(row, duel, goal)
    };
    Ok(vec![
        Row::ratio(
            "end to end: CPU a signature; the bare SDK call",
            Duel::new(ROUNDS, ours_cpu, bare_cpu),
            Some(Goal::AtMost(1.6)),
        ),
        Row::ratio(
            "end to end: CPU a signature of alloy-signer-aws; the bare SDK call",
            Duel::new(ROUNDS, alloy_cpu, bare_cpu),
            None,
        ),
        rate(
            "end to end: signatures a second, 16 in flight, one core; alloy-signer-aws",
            Duel::new(ROUNDS, ours_rate, alloy_rate),
            Some(Goal::AtLeast(3.7)),
        ),
        rate(
            "end to end: signatures a second, 16 in flight, one core; the bare SDK call",
            Duel::new(ROUNDS, ours_rate, bare_rate),
            None,
        ),
        Row {
            ratio: delayed.ours - delayed.theirs,
            ..Row::ratio(
                "p50 with KMS at 5 ms (nominal); the bare SDK call (figure: difference)",
                delayed,
                Some(Goal::AtMost(100.0)),
            )
        },
    ])
}

/// Both sides use the same server and the same SDK.
pub struct Contest {
    digests: Vec<[u8; 32]>,
    turn: Cell<usize>,
    runtime: Runtime,
    client: Client,
    ours: AwsKmsSigner,
    alloy: AwsSigner,
    _server: Server,
}

impl Contest {
    pub fn new(delay_ms: u64) -> Result<Self> {
        let server = Server::start(delay_ms)?;
        // One thread, to compare the work and not how it is spread over threads.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let client = client(&format!("http://127.0.0.1:{}", server.port));
        let ours = AwsKmsSigner::builder(ARN).client(client.clone());
        let ours = runtime.block_on(ours.connect())?;
        let alloy = AwsSigner::new(client.clone(), ARN.to_owned(), None);
        let alloy = runtime.block_on(alloy)?;
        let key = Key::new(KeyType::Secp256k1, 1, SIGNATURES)?;
        let contest = Self {
            digests: key.signatures.iter().map(|signed| signed.digest).collect(),
            turn: Cell::new(0),
            runtime,
            client,
            ours,
            alloy,
            _server: server,
        };
        for _ in 0..HOT_AFTER {
            contest.runtime.block_on(contest.ours(contest.digest()));
        }
        Ok(contest)
    }

    async fn bare(&self, digest: [u8; 32]) {
        let output = self
            .client
            .sign()
            .key_id(ARN)
            .message(Blob::new(digest))
            .message_type(MessageType::Digest)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            .send()
            .await;
        assert!(output.expect("an answer").signature.is_some());
    }

    pub async fn ours(&self, digest: [u8; 32]) {
        let signed = self.ours.sign(&hazmat::prehashed(digest)).await;
        signed.expect("a signature");
    }

    async fn alloy(&self, digest: [u8; 32]) {
        let signature = self.alloy.sign_hash(&B256::from(digest)).await;
        signature.expect("a signature");
    }

    /// The digests in turn.
    fn digest(&self) -> [u8; 32] {
        let turn = self.turn.get();
        self.turn.set(turn + 1);
        self.digests[turn % self.digests.len()]
    }

    /// Microseconds of this process's CPU for one call, user and system.
    fn cpu<F: Future>(&self, call: impl Fn([u8; 32]) -> F) -> f64 {
        let start = ProcessTime::now();
        self.runtime.block_on(async {
            for _ in 0..SIGNATURES {
                call(self.digest()).await;
            }
        });
        start.elapsed().as_secs_f64() * 1e6 / SIGNATURES as f64
    }

    /// Calls per second, with this many at a time.
    pub fn rate<F: Future>(&self, in_flight: usize, call: impl Fn([u8; 32]) -> F) -> f64 {
        let calls = SIGNATURES.max(8 * in_flight);
        let start = Instant::now();
        self.runtime.block_on(async {
            let calls = stream::iter(0..calls).map(|_| call(self.digest()));
            let mut calls = calls.buffer_unordered(in_flight);
            while calls.next().await.is_some() {}
        });
        calls as f64 / start.elapsed().as_secs_f64()
    }

    /// Microseconds until one call ends.
    fn latency<F: Future>(&self, call: impl Fn([u8; 32]) -> F) -> f64 {
        let digest = self.digest();
        let start = Instant::now();
        self.runtime.block_on(call(digest));
        start.elapsed().as_secs_f64() * 1e6
    }
}

/// A client for KMS at this URL, with its own settings.
pub fn client(endpoint_url: &str) -> Client {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(endpoint_url)
        .credentials_provider(Credentials::new("test", "fake", None, None, "fake"))
        .build();
    Client::from_conf(config)
}

/// `peers server`. Dropping this ends it.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(delay_ms: u64) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["server", &delay_ms.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().context("no standard output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line.trim().parse().context("the server did not start");
        Ok(Self {
            port: port?,
            process,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
