//! Each case of failure alone, on every attempt, in virtual time, so that times are exact.
//!
//! Each call has the same short deadline. Answers take no time, so only calls that hang come near
//! it.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::{Client, config::Credentials};
use kms_signer::{
    KeyType, Signer as _,
    emulator::{
        FailureRule,
        aws_kms::{KmsEmulator, KmsFailure, Operation},
    },
    provider::aws_kms::{AwsKmsSigner, AwsKmsSignerBuilder},
};
use tokio::runtime::Handle;

use super::{
    cases::{self, ALIAS, ATTEMPT, Case, TIMEOUT},
    tally::{Answer, Clock, Expect, Report, Tally},
    transport::{Transit, Transport},
};

pub async fn run(report: &mut Report, io: &Handle, requests: u64, concurrency: usize) {
    for case in cases::signing() {
        report.add(sign(case, io, requests, concurrency).await);
    }
    for case in cases::connecting() {
        report.add(connect(case, io, requests, concurrency).await);
    }
    for (name, failure, expect) in cases::changes() {
        report.add(change(name, failure, expect, io, requests).await);
    }
}

/// An emulator and the transport to it.
struct Setting {
    emulator: KmsEmulator,
    transport: Transport,
    client: Client,
}

impl Setting {
    async fn new(io: &Handle) -> Self {
        let emulator = KmsEmulator::builder().seed(1).start().await.unwrap();
        let transport = Transport::new(io.clone());
        let config = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(emulator.region().to_owned()))
            .endpoint_url(emulator.endpoint_url())
            .credentials_provider(Credentials::for_tests())
            .http_client(transport.clone())
            .build();
        Self {
            emulator,
            transport,
            client: Client::from_conf(config),
        }
    }

    fn signer(&self, key_id: &str) -> AwsKmsSignerBuilder {
        AwsKmsSigner::builder(key_id)
            .client(self.client.clone())
            .attempt_timeout(ATTEMPT)
            .timeout(TIMEOUT)
            .retries(cases::retries())
    }

    async fn pinned(&self, arn: &str) -> AwsKmsSigner {
        let public_key = self.emulator.public_key(arn).unwrap();
        self.signer(arn).connect_lazy(public_key).await.unwrap()
    }

    /// Makes every call of `operation` fail from now on.
    fn inject(&self, case: &Case, operation: Operation) {
        match case.transit {
            Transit::Arrives => {
                let rule = FailureRule::new(case.failure.clone()).on(operation);
                self.emulator.inject(rule).keep();
            }
            transit => self.transport.set(transit),
        }
    }

    /// Compares how many requests were sent with how many the emulator got, if none is lost on the
    /// way.
    fn count_calls(&self, case: &Case, tally: &mut Tally, operation: Operation) {
        if matches!(case.transit, Transit::Arrives) {
            tally.check_calls(self.emulator.calls(operation));
        }
    }
}

async fn sign(case: Case, io: &Handle, requests: u64, concurrency: usize) -> Tally {
    let setting = Setting::new(io).await;
    let arn = setting.emulator.create_key(KeyType::Secp256k1).unwrap();
    let signer = Arc::new(setting.pinned(&arn).await);
    let mut tally = Tally::new(case.name, Clock::Virtual);
    // The first request succeeds, so that there is an answer to replay.
    tally
        .sign(signer.clone(), 1, 1, TIMEOUT, Expect::SIGNED)
        .await;
    setting.inject(&case, Operation::Sign);
    tally
        .sign(signer, requests, concurrency, TIMEOUT, case.expect)
        .await;
    setting.count_calls(&case, &mut tally, Operation::Sign);
    tally
}

async fn connect(case: Case, io: &Handle, requests: u64, concurrency: usize) -> Tally {
    let setting = Setting::new(io).await;
    let arn = setting.emulator.create_key(KeyType::Secp256k1).unwrap();
    let public_key = setting.emulator.public_key(&arn).unwrap();
    let first = setting.pinned(&arn).await;
    setting.inject(&case, Operation::GetPublicKey);
    let connect = |_| {
        let connecting = first.another_key(&arn).connect();
        let public_key = public_key.clone();
        async {
            let connected = connecting.await?;
            Ok(Answer {
                attempts: None,
                judge: Box::new(move || *connected.public_key() == public_key),
            })
        }
    };
    let mut tally = Tally::new(case.name, Clock::Virtual);
    tally
        .run(connect, requests, concurrency, TIMEOUT, case.expect)
        .await;
    setting.count_calls(&case, &mut tally, Operation::GetPublicKey);
    tally
}

/// Undoes each change before the next one.
async fn change(
    name: &str,
    failure: fn(&KmsEmulator) -> KmsFailure,
    expect: Expect,
    io: &Handle,
    requests: u64,
) -> Tally {
    let setting = Setting::new(io).await;
    let emulator = &setting.emulator;
    let failure = failure(emulator);
    let mut tally = Tally::new(name, Clock::Virtual);
    for _ in 0..requests {
        let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
        emulator.create_alias(ALIAS, &arn).unwrap();
        let public_key = emulator.public_key(&arn).unwrap();
        let signer = setting
            .signer(ALIAS)
            .connect_lazy(public_key)
            .await
            .unwrap();
        let signer = Arc::new(signer);
        tally
            .sign(signer.clone(), 1, 1, TIMEOUT, Expect::SIGNED)
            .await;
        let injected = emulator.inject(
            FailureRule::new(failure.clone())
                .on(Operation::Sign)
                .times(1),
        );
        tally.sign(signer, 1, 1, TIMEOUT, expect).await;
        assert_eq!(injected.fired(), 1, "{name}");
        // The alias is gone already if its key was deleted.
        let _ = emulator.delete_alias(ALIAS);
    }
    tally.check_calls(emulator.calls(Operation::Sign));
    tally
}
