//! Connections that were closed while idle, or break: nothing of it is seen outside.

use std::{sync::Arc, time::Duration};

use kms_signer::{
    KeyType, Retries,
    emulator::{
        FailureRule,
        aws_kms::{KmsEmulator, KmsFailure},
    },
};
use tokio::runtime::Handle;

use super::{
    hanging::builder,
    kinds,
    tally::{Expect, Report, Tally},
    threads,
};

const CONCURRENCY: usize = 16;
/// Nothing here takes long, and what is to be shown is that no error is.
const DEADLINE: Duration = Duration::from_secs(30);

pub fn run(report: &mut Report, io: &Handle, requests: u64) {
    let attempts = |attempts: u32| kinds::retries().max_retries(attempts - 1);
    // Every connection in the client's pool is stale, or is about to be.
    let idle = [(KmsFailure::close_after_answer(), 1.0)];
    let signed = Expect::SIGNED.attempts(1, 3);
    report.add(broken(
        io,
        "idle connections closed",
        idle,
        attempts(3),
        signed,
        requests,
    ));
    // So many attempts that chance alone does not use them up.
    let reset = [
        (KmsFailure::reset(), 0.05),
        (KmsFailure::reset_after_processing(), 0.05),
        (KmsFailure::close(), 0.05),
    ];
    let signed = Expect::SIGNED.attempts(1, 8);
    report.add(broken(
        io,
        "connections reset",
        reset,
        attempts(8),
        signed,
        requests,
    ));
}

fn broken<const N: usize>(
    io: &Handle,
    name: &str,
    failures: [(KmsFailure, f64); N],
    retries: Retries,
    expect: Expect,
    requests: u64,
) -> Tally {
    let (_emulator, signer) = io.block_on(async {
        let emulator = KmsEmulator::builder().seed(1).start().await.unwrap();
        let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
        let builder = builder(&emulator, &arn)
            .attempt_timeout(DEADLINE)
            .timeout(DEADLINE)
            .retries(retries);
        let public_key = emulator.public_key(&arn).unwrap();
        let signer = builder.connect_lazy(public_key).await.unwrap();
        for (failure, rate) in failures {
            emulator.inject(FailureRule::new(failure).rate(rate)).keep();
        }
        (emulator, Arc::new(signer))
    });
    threads::share(requests, async |clock, requests| {
        let mut tally = Tally::new(name, clock);
        tally
            .sign(signer.clone(), requests, CONCURRENCY, DEADLINE, expect)
            .await;
        tally
    })
}
