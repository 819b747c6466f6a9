//! One Sign each over loopback HTTP, with the server in another process.

use std::{
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
use kms_signer::{Signer as _, hazmat, provider::aws_kms::AwsKmsSigner};
use tokio::runtime::Runtime;

use crate::{
    key::{ARN, DIGEST, HOT_AFTER},
    table::{Goal, Row},
    timing::{Duel, median},
};

const ROUNDS: usize = 21;
const CALLS: usize = 400;
const IN_FLIGHT: usize = 16;
const DELAY_MS: u64 = 5;
const DELAYED_CALLS: usize = 400;

pub fn rows() -> Result<Vec<Row>> {
    let fast = Contest::new(0)?;
    let bare = |client: &Contest| client.cpu(|| client.bare());
    let ours = fast.duel(|| fast.cpu(|| fast.ours()), || bare(&fast));
    let alloy = fast.duel(|| fast.cpu(|| fast.alloy()), || bare(&fast));
    let rate = fast.duel(
        || fast.rate(IN_FLIGHT, || fast.ours()),
        || fast.rate(IN_FLIGHT, || fast.alloy()),
    );
    let slow = Contest::new(DELAY_MS)?;
    let (ours_delayed, bare_delayed) = slow.latencies();
    Ok(vec![
        Row {
            row: "end to end: CPU a signature; the bare SDK call",
            unit: "us",
            ours: ours.ours,
            theirs: Some(ours.theirs),
            ratio: ours.ours_by_theirs,
            goal: Some(Goal::AtMost(1.6)),
        },
        Row {
            row: "end to end: CPU a signature of alloy-signer-aws; the bare SDK call",
            unit: "us",
            ours: alloy.ours,
            theirs: Some(alloy.theirs),
            ratio: alloy.ours_by_theirs,
            goal: None,
        },
        Row {
            row: "end to end: signatures a second, 16 in flight, one core; alloy-signer-aws",
            unit: "1/s",
            ours: rate.ours,
            theirs: Some(rate.theirs),
            ratio: rate.ours_by_theirs,
            goal: Some(Goal::AtLeast(4.0)),
        },
        Row {
            row: "p50 with KMS at 5 ms; the bare SDK call (figure: difference)",
            unit: "us",
            ours: ours_delayed,
            theirs: Some(bare_delayed),
            ratio: ours_delayed - bare_delayed,
            goal: Some(Goal::AtMost(100.0)),
        },
    ])
}

/// The same server and the same SDK for everybody.
pub struct Contest {
    runtime: Runtime,
    client: Client,
    ours: AwsKmsSigner,
    alloy: AwsSigner,
    _server: Server,
}

impl Contest {
    pub fn new(delay_ms: u64) -> Result<Self> {
        let server = Server::start(delay_ms)?;
        // One thread, so that what is compared is the work and not how it spreads.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let client = client(&format!("http://127.0.0.1:{}", server.port));
        let ours = AwsKmsSigner::builder(ARN).client(client.clone());
        let ours = runtime.block_on(ours.connect())?;
        let alloy = AwsSigner::new(client.clone(), ARN.to_owned(), None);
        let alloy = runtime.block_on(alloy)?;
        let contest = Self {
            runtime,
            client,
            ours,
            alloy,
            _server: server,
        };
        for _ in 0..=HOT_AFTER {
            contest.runtime.block_on(contest.ours());
        }
        Ok(contest)
    }

    async fn bare(&self) {
        let output = self
            .client
            .sign()
            .key_id(ARN)
            .message(Blob::new(DIGEST))
            .message_type(MessageType::Digest)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            .send()
            .await;
        assert!(output.expect("an answer").signature.is_some());
    }

    pub async fn ours(&self) {
        let signed = self.ours.sign(&hazmat::prehashed(DIGEST)).await;
        signed.expect("a signature");
    }

    async fn alloy(&self) {
        let signature = self.alloy.sign_hash(&B256::from(DIGEST)).await;
        signature.expect("a signature");
    }

    fn duel(&self, ours: impl FnMut() -> f64, theirs: impl FnMut() -> f64) -> Duel {
        Duel::new(ROUNDS, ours, theirs)
    }

    /// Microseconds of this process's CPU for one call, user and system.
    fn cpu<F: Future>(&self, call: impl Fn() -> F) -> f64 {
        let start = ProcessTime::now();
        self.runtime.block_on(async {
            for _ in 0..CALLS {
                call().await;
            }
        });
        start.elapsed().as_secs_f64() * 1e6 / CALLS as f64
    }

    /// Calls a second with so many at a time.
    pub fn rate<F: Future>(&self, in_flight: usize, call: impl Fn() -> F) -> f64 {
        let calls = CALLS.max(8 * in_flight);
        let start = Instant::now();
        self.runtime.block_on(async {
            let mut calls = stream::iter(0..calls)
                .map(|_| call())
                .buffer_unordered(in_flight);
            while calls.next().await.is_some() {}
        });
        calls as f64 / start.elapsed().as_secs_f64()
    }

    /// The median of single calls in turn, ours and the bare one, in microseconds.
    fn latencies(&self) -> (f64, f64) {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        self.runtime.block_on(async {
            for _ in 0..DELAYED_CALLS {
                let start = Instant::now();
                self.ours().await;
                ours.push(start.elapsed().as_secs_f64() * 1e6);
                let start = Instant::now();
                self.bare().await;
                bare.push(start.elapsed().as_secs_f64() * 1e6);
            }
        });
        (median(ours), median(bare))
    }
}

/// A client with settings of its own, for KMS at this URL.
pub fn client(endpoint_url: &str) -> Client {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(endpoint_url)
        .credentials_provider(Credentials::new(
            "AKIAFAKEFAKEFAKEFAKE",
            "fake",
            None,
            None,
            "fake",
        ))
        .build();
    Client::from_conf(config)
}

/// `peers server`, ended when this is dropped.
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
