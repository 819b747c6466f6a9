//! Connections that were closed while idle, or break: callers see no error.

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
    cases,
    hanging::builder,
    tally::{Expect, Report, Tally},
    threads,
};

const CONCURRENCY: usize = 16;
/// Long enough for every call here, so that a timeout cannot be the cause of an error.
const TIMEOUT: Duration = Duration::from_secs(30);

pub fn run(report: &mut Report, io: &Handle, requests: u64) {
    let attempts = |attempts: u32| cases::retries().max_retries(attempts - 1);
    // Every connection in the client's pool is stale, or will be soon.
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
    // Enough attempts that a call does not use them up by chance.
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
            .attempt_timeout(TIMEOUT)
            .timeout(TIMEOUT)
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
            .sign(signer.clone(), requests, CONCURRENCY, TIMEOUT, expect)
            .await;
        tally
    })
}
