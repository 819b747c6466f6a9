//! Every kind of fault at once, in two regions, under a whole stack of layers.

use std::{sync::Arc, time::Duration};

use kms_signer::{
    KeyType,
    emulator::{FaultRule, KmsEmulator, Latency, Operation},
    layer::{
        audit::{Audit, JsonLinesFile},
        deadline::Deadline,
        failover::Failover,
        hedge::Hedge,
        rate_limit::RateLimit,
    },
    provider::aws_kms::Retries,
};

use super::{
    kinds::{self, ATTEMPT, builder},
    tally::{Expect::SignedOr, Report, Tally},
};

const DEADLINE: Duration = Duration::from_millis(1_500);
const CONCURRENCY: usize = 32;
/// The part of the requests to each region that meets a fault.
const FAULTY: f64 = 0.3;

pub async fn run(report: &mut Report, requests: u64) {
    let regions = ["eu-central-1", "eu-west-1"].map(|region| KmsEmulator::builder().region(region));
    let mut emulators = Vec::new();
    for (seed, builder) in (1..).zip(regions) {
        emulators.push(builder.seed(seed).start().await.unwrap());
    }
    let [primary, replica] = &emulators[..] else {
        unreachable!("two regions")
    };
    let arn = primary.create_multi_region_key(KeyType::Secp256k1).unwrap();
    let replicated = primary.replicate_key(&arn, replica).unwrap();
    let public_key = primary.public_key(&arn).unwrap();

    let limit = || {
        let limit = RateLimit::per_second(100_000).in_flight(CONCURRENCY);
        limit.queue(10_000).deadline(DEADLINE).build().unwrap()
    };
    let mut signers = Vec::new();
    for (emulator, arn) in [(primary, &arn), (replica, &replicated)] {
        let builder = builder(emulator, arn)
            .attempt_timeout(ATTEMPT)
            .deadline(DEADLINE)
            .retries(Retries::default().max_attempts(2));
        let signer = builder.pinned(public_key.clone()).await.unwrap();
        signers.push(limit().limit(Hedge::after(signer, ATTEMPT / 2)));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let failover = Deadline::new(Failover::new(signers).unwrap(), DEADLINE);
    let signer = Audit::new(failover, JsonLinesFile::open(&path).unwrap());

    for emulator in &emulators {
        let kinds = kinds::signing();
        // One after the other: the later ones see what the earlier ones let through.
        let each = FAULTY / kinds.len() as f64;
        for (_, fault, _) in kinds {
            emulator.inject(FaultRule::new(fault).on(Operation::Sign).rate(each));
        }
        let usual = Latency::log_normal(Duration::from_millis(2), Duration::from_millis(20));
        emulator.inject(FaultRule::new(usual));
    }

    let mut tally = Tally::new("all at once, two regions, layers");
    let signer = Arc::new(signer);
    tally
        .sign(signer, requests, CONCURRENCY, DEADLINE, SignedOr(ALL))
        .await;
    tally.calls = emulators
        .iter()
        .map(|emulator| emulator.calls(Operation::Sign))
        .sum();
    let recorded = std::fs::read_to_string(&path).unwrap();
    tally.check_records(&recorded);
    report.add(tally);
}

/// What some fault may come to.
const ALL: &[&str] = &[
    "access_denied",
    "connection",
    "credentials",
    "deadline_exceeded",
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
