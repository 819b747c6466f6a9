//! Calls that hang, over real connections and in real time.
//!
//! `alone.rs` shows to the millisecond when a call ends. This file shows that a call also ends when
//! a socket hangs, with the HTTP client that users have.

use std::sync::Arc;

use kms_signer::{
    KeyType, Signer as _,
    emulator::{FailureRule, aws_kms::KmsEmulator},
    provider::aws_kms::{AwsKmsSigner, AwsKmsSignerBuilder},
};

use super::{
    cases::{self, ATTEMPT, Case, TIMEOUT},
    tally::{Answer, Expect, Report, Tally},
    threads,
};

pub fn run(report: &mut Report, requests: u64, concurrency: usize) {
    for case in cases::signing().into_iter().filter(Case::hangs) {
        report.add(sign(&case, requests, concurrency));
    }
    for case in cases::connecting().into_iter().filter(Case::hangs) {
        report.add(connect(&case, requests, concurrency));
    }
}

pub fn builder(emulator: &KmsEmulator, key_id: &str) -> AwsKmsSignerBuilder {
    AwsKmsSigner::builder(key_id)
        .emulator(emulator.endpoint_url(), emulator.region())
        .retries(cases::retries())
}

/// On a busy machine the deadline may pass before the third attempt, or even the first.
fn expect(case: &Case) -> Expect {
    case.expect.attempts(0, 3)
}

fn sign(case: &Case, requests: u64, concurrency: usize) -> Tally {
    threads::share(requests, async |clock, requests| {
        let emulator = KmsEmulator::builder().seed(1).start().await.unwrap();
        let signer = Arc::new(pinned(&emulator).await);
        emulator
            .inject(FailureRule::new(case.failure.clone()))
            .keep();
        let mut tally = Tally::new(format!("socket: {}", case.name), clock);
        tally
            .sign(signer, requests, concurrency, TIMEOUT, expect(case))
            .await;
        tally
    })
}

fn connect(case: &Case, requests: u64, concurrency: usize) -> Tally {
    threads::share(requests, async |clock, requests| {
        let emulator = KmsEmulator::builder().seed(1).start().await.unwrap();
        let first = pinned(&emulator).await;
        emulator
            .inject(FailureRule::new(case.failure.clone()))
            .keep();
        let connect = |_| {
            let connecting = first.another_key(first.key_id()).connect();
            async {
                let connected = connecting.await?;
                Ok(Answer {
                    attempts: None,
                    judge: Box::new(move || connected.public_key().to_bytes().is_empty()),
                })
            }
        };
        let mut tally = Tally::new(format!("socket: {}", case.name), clock);
        tally
            .run(connect, requests, concurrency, TIMEOUT, expect(case))
            .await;
        tally
    })
}

async fn pinned(emulator: &KmsEmulator) -> AwsKmsSigner {
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    builder(emulator, &arn)
        .attempt_timeout(ATTEMPT)
        .timeout(TIMEOUT)
        .connect_lazy(emulator.public_key(&arn).unwrap())
        .await
        .unwrap()
}
