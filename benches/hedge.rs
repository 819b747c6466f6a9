//! The effect of hedging on the slowest requests. `cargo bench --bench hedge`
//!
//! To *hedge* is to send a slow request a second time and use the first answer. The emulator
//! answers after 5 ms, and one request in a hundred after 200 ms. Every request counts, including
//! those before the layer has seen enough to hedge.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use kms_signer::{
    KeyType, SignRequest, Signer,
    emulator::{
        FailureRule, Latency,
        aws_kms::{KmsEmulator, Operation},
    },
    layer::hedge::Hedge,
    provider::aws_kms::AwsKmsSigner,
};

const REQUESTS: u64 = 10_000;
const IN_FLIGHT: usize = 4;
const USUAL: Duration = Duration::from_millis(5);
const SLOW: Duration = Duration::from_millis(200);

/// How many times the median the p99 may be, and how many calls may be added.
const MOST_P99_BY_P50: f64 = 3.0;
const MOST_EXTRA: f64 = 0.05;

/// A key in a new emulator, so that one run does not affect the next.
struct Kms {
    emulator: KmsEmulator,
    signer: AwsKmsSigner,
}

impl Kms {
    async fn start() -> Self {
        let emulator = KmsEmulator::builder().seed(7).start().await.unwrap();
        let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
        let signer = AwsKmsSigner::builder(arn)
            .emulator(emulator.endpoint_url(), emulator.region())
            .connect()
            .await
            .unwrap();
        let usual = FailureRule::new(Latency::fixed(USUAL));
        emulator.inject(usual.on(Operation::Sign)).keep();
        // One of each hundred calls, at irregular intervals. Latencies add up.
        let slow = (0..2 * REQUESTS).map(|call| {
            let is_slow = call % 100 == (call / 100 * 37 + 11) % 100;
            is_slow.then(|| Latency::fixed(SLOW - USUAL).into())
        });
        emulator
            .inject(FailureRule::sequence(slow).on(Operation::Sign))
            .keep();
        Self { emulator, signer }
    }

    fn calls(&self) -> u64 {
        self.emulator.calls(Operation::Sign)
    }
}

/// The time of each request, the shortest first.
async fn measure(signer: &impl Signer) -> Vec<Duration> {
    let requests = stream::iter(0..REQUESTS).map(|number| async move {
        let preimage = number.to_be_bytes();
        let start = Instant::now();
        signer
            .sign(&SignRequest::keccak256(&preimage))
            .await
            .unwrap();
        start.elapsed()
    });
    let mut times: Vec<Duration> = requests.buffer_unordered(IN_FLIGHT).collect().await;
    times.sort_unstable();
    times
}

/// The time within which this share of the requests ended, in milliseconds.
fn quantile(times: &[Duration], share: f64) -> f64 {
    let rank = (share * times.len() as f64) as usize;
    times[rank.min(times.len() - 1)].as_secs_f64() * 1e3
}

fn row(name: &str, times: &[Duration], calls: u64) {
    let extra = calls as f64 / REQUESTS as f64 - 1.0;
    println!(
        "| {name} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} % |",
        quantile(times, 0.5),
        quantile(times, 0.99),
        quantile(times, 0.999),
        quantile(times, 0.99) / quantile(times, 0.5),
        extra * 100.0,
    );
}

#[tokio::main]
async fn main() -> ExitCode {
    let kms = Kms::start().await;
    let bare = measure(&kms.signer).await;
    let bare_calls = kms.calls();
    drop(kms);

    let kms = Kms::start().await;
    let signer = Hedge::at_quantile(kms.signer.clone(), 0.95);
    let signer = signer.build().unwrap();
    let hedged = measure(&signer).await;
    let hedged_calls = kms.calls();

    println!(
        "| KMS at 5 ms, 1 % at 200 ms | p50, ms | p99, ms | p99.9, ms | p99 / p50 | extra calls |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    row("without a layer", &bare, bare_calls);
    row("`Hedge::at_quantile(signer, 0.95)`", &hedged, hedged_calls);
    let extra = hedged_calls as f64 / REQUESTS as f64 - 1.0;
    let is_met =
        quantile(&hedged, 0.99) <= MOST_P99_BY_P50 * quantile(&hedged, 0.5) && extra <= MOST_EXTRA;
    println!();
    println!(
        "Goal: p99 at most {MOST_P99_BY_P50} times the median, with at most {} % extra calls: {}",
        MOST_EXTRA * 100.0,
        if is_met { "met" } else { "not met" },
    );
    match is_met {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
