//! Every case of failure at once, in two regions, under a whole stack of layers.

use std::{sync::Arc, time::Duration};

use kms_signer::{
    KeyType, Signer,
    emulator::{
        FailureRule, Latency,
        aws_kms::{KmsEmulator, KmsFailure, Operation},
    },
    layer::{
        audit::{Audit, JsonLinesFile},
        failover::Failover,
        hedge::Hedge,
        rate_limit::RateLimit,
        timeout::Timeout,
    },
};
use tokio::runtime::Handle;

use super::{
    cases::{self, ATTEMPT},
    hanging::builder,
    observed::Inner,
    tally::{Expect, Report, Tally},
    threads,
};

const TIMEOUT: Duration = Duration::from_millis(1_500);
/// The concurrency on each thread.
const CONCURRENCY: usize = 16;
/// The share of the requests to each region that meet a failure.
const FAILING: f64 = 0.3;
const ATTEMPTS: u32 = 2;

pub fn run(report: &mut Report, io: &Handle, requests: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (emulators, signer) = io.block_on(async {
        let emulators = emulators().await;
        let failover = Timeout::new(regions(&emulators).await, TIMEOUT).unwrap();
        // The deadline does not include the time to write the record.
        let signer = Audit::new(Inner(failover), JsonLinesFile::open(&path).unwrap());
        (emulators, Arc::new(signer))
    });
    for emulator in &emulators {
        spoil(emulator);
    }
    // The attempts of the call that answered last, and one more if KMS rejected the signing time.
    let expect = Expect::SIGNED.or_fails(ALL).attempts(0, ATTEMPTS + 1);
    let mut tally = threads::share(requests, async |clock, requests| {
        let mut tally = Tally::new("all at once, two regions, layers", clock);
        tally
            .sign(signer.clone(), requests, CONCURRENCY, TIMEOUT, expect)
            .await;
        tally
    });
    let calls = emulators.iter();
    tally.set_calls(calls.map(|emulator| emulator.calls(Operation::Sign)).sum());
    tally.check_records(&std::fs::read_to_string(&path).unwrap());
    report.add(tally);
}

async fn emulators() -> Vec<KmsEmulator> {
    let mut emulators = Vec::new();
    for (seed, region) in (1..).zip(["eu-central-1", "eu-west-1"]) {
        let builder = KmsEmulator::builder().region(region).seed(seed);
        emulators.push(builder.start().await.unwrap());
    }
    emulators
}

/// The same key in both, each behind a limit and with a hedge.
async fn regions(emulators: &[KmsEmulator]) -> Failover<impl Signer + use<>> {
    let [primary, replica] = emulators else {
        panic!("two regions")
    };
    let arn = primary.create_multi_region_key(KeyType::Secp256k1).unwrap();
    let replicated = primary.replicate_key(&arn, replica).unwrap();
    let public_key = primary.public_key(&arn).unwrap();
    let mut signers = Vec::new();
    for (emulator, arn) in [(primary, &arn), (replica, &replicated)] {
        let builder = builder(emulator, arn)
            .attempt_timeout(ATTEMPT)
            .timeout(TIMEOUT)
            .retries(cases::retries().max_retries(ATTEMPTS - 1));
        let signer = builder.connect_lazy(public_key.clone()).await.unwrap();
        let limit = RateLimit::per_second(100_000)
            .in_flight(2 * CONCURRENCY)
            .queue(10_000)
            .max_wait(TIMEOUT);
        let limit = limit.build().unwrap();
        signers.push(limit.limit(Hedge::after(signer, ATTEMPT / 2).build().unwrap()));
    }
    Failover::builder(signers).build().unwrap()
}

fn spoil(emulator: &KmsEmulator) {
    let cases = cases::signing().into_iter().map(|case| case.failure);
    let failures: Vec<KmsFailure> = cases.chain([KmsFailure::close_after_answer()]).collect();
    // In this order: the later rules apply to the requests that the earlier ones admit.
    let each = FAILING / failures.len() as f64;
    for failure in failures {
        emulator
            .inject(FailureRule::new(failure).on(Operation::Sign).rate(each))
            .keep();
    }
    let usual = Latency::log_normal(Duration::from_millis(2), Duration::from_millis(20));
    emulator.inject(FailureRule::new(usual)).keep();
}

/// Every outcome that some failure may have.
const ALL: &[&str] = &[
    "access_denied",
    "connection",
    "credentials",
    "timed_out",
    "disabled",
    "invalid_request",
    "invalid_signature",
    "invalid_state",
    "invalid_usage",
    "key_moved",
    "not_found",
    "other",
    "queue_full",
    "queued_too_long",
    "signature_not_verified",
    "throttled",
    "timeout",
    "unavailable",
    "unusable_answer",
];
