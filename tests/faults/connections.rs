//! Connections that were closed while idle, or break: nothing of it is seen outside.

use std::{sync::Arc, time::Duration};

use kms_signer::{
    KeyType,
    emulator::{Fault, FaultRule, KmsEmulator},
    provider::aws_kms::Retries,
};

use super::{
    kinds::builder,
    tally::{Expect::Signed, Report, Tally},
};

const CONCURRENCY: usize = 16;
/// Nothing here takes long, and what is to be shown is that no error is.
const DEADLINE: Duration = Duration::from_secs(30);

pub async fn run(report: &mut Report, requests: u64) {
    let attempts = |attempts| Retries::default().max_attempts(attempts);
    // Every connection in the client's pool is stale, or is about to be.
    let idle = [(Fault::close_after_answer(), 1.0)];
    report.add(broken("idle connections closed", idle, attempts(3), requests).await);
    // So many attempts that chance alone does not use them up.
    let reset = [
        (Fault::reset(), 0.05),
        (Fault::reset_after_processing(), 0.05),
        (Fault::close(), 0.05),
    ];
    report.add(broken("connections reset", reset, attempts(8), requests).await);
}

async fn broken<const N: usize>(
    name: &str,
    faults: [(Fault, f64); N],
    retries: Retries,
    requests: u64,
) -> Tally {
    let emulator = KmsEmulator::builder().seed(1).start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let builder = builder(&emulator, &arn).deadline(DEADLINE).retries(retries);
    let signer = builder
        .pinned(emulator.public_key(&arn).unwrap())
        .await
        .unwrap();
    for (fault, rate) in faults {
        emulator.inject(FaultRule::new(fault).rate(rate));
    }
    let mut tally = Tally::new(name);
    tally
        .sign(Arc::new(signer), requests, CONCURRENCY, DEADLINE, Signed)
        .await;
    tally.calls = emulator.total_calls();
    tally
}
