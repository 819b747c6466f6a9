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
    kinds::{self, ATTEMPT, DEADLINE, Kind},
    tally::{Answer, Expect, Report, Tally},
    threads,
};

pub fn run(report: &mut Report, requests: u64, concurrency: usize) {
    for kind in kinds::signing().into_iter().filter(Kind::hangs) {
        report.add(sign(&kind, requests, concurrency));
    }
    for kind in kinds::connecting().into_iter().filter(Kind::hangs) {
        report.add(connect(&kind, requests, concurrency));
    }
}

pub fn builder(emulator: &KmsEmulator, key_id: &str) -> AwsKmsSignerBuilder {
    AwsKmsSigner::builder(key_id)
        .emulator(emulator.endpoint_url(), emulator.region())
        .retries(kinds::retries())
}

/// On a busy machine the deadline may pass before the third attempt, or even the first.
fn expect(kind: &Kind) -> Expect {
    kind.expect.attempts(0, 3)
}

fn sign(kind: &Kind, requests: u64, concurrency: usize) -> Tally {
    threads::share(requests, async |clock, requests| {
        let emulator = KmsEmulator::builder().seed(1).start().await.unwrap();
        let signer = Arc::new(pinned(&emulator).await);
        emulator
            .inject(FailureRule::new(kind.failure.clone()))
            .keep();
        let mut tally = Tally::new(format!("socket: {}", kind.name), clock);
        tally
            .sign(signer, requests, concurrency, DEADLINE, expect(kind))
            .await;
        tally
    })
}

fn connect(kind: &Kind, requests: u64, concurrency: usize) -> Tally {
    threads::share(requests, async |clock, requests| {
        let emulator = KmsEmulator::builder().seed(1).start().await.unwrap();
        let first = pinned(&emulator).await;
        emulator
            .inject(FailureRule::new(kind.failure.clone()))
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
        let mut tally = Tally::new(format!("socket: {}", kind.name), clock);
        tally
            .run(connect, requests, concurrency, DEADLINE, expect(kind))
            .await;
        tally
    })
}

async fn pinned(emulator: &KmsEmulator) -> AwsKmsSigner {
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    builder(emulator, &arn)
        .attempt_timeout(ATTEMPT)
        .timeout(DEADLINE)
        .connect_lazy(emulator.public_key(&arn).unwrap())
        .await
        .unwrap()
}
