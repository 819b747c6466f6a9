//! A signer belongs to no runtime: it works after its first one is closed, and on others.

use std::future::Future;

use kms_signer::{
    Error, KeyType, Signer,
    emulator::aws_kms::{KmsEmulator, Operation},
};
use tokio::runtime::{Builder, Runtime};

use super::{builder, request};

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_signer_outlives_the_runtime_it_was_made_in() {
    let first = runtime();
    let emulator = first.block_on(KmsEmulator::start()).unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let signer = first.block_on(async {
        let signer = builder(&emulator, &arn).connect().await.unwrap();
        signer.sign(&request()).await.unwrap();
        signer
    });
    // This runtime served its connections.
    first.shutdown_background();

    for _ in 0..3 {
        let next = runtime();
        for _ in 0..3 {
            next.block_on(signer.sign(&request())).unwrap();
        }
    }
    assert!(emulator.calls(Operation::Sign) >= 10);
}

#[test]
fn two_runtimes_use_one_signer_at_the_same_time() {
    let [first, second] = [runtime(), runtime()];
    let emulator = first.block_on(KmsEmulator::start()).unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let signer = first.block_on(builder(&emulator, &arn).connect()).unwrap();
    let on_second = second.spawn(sign_many(signer.clone(), 50));
    first.block_on(sign_many(signer.clone(), 50));
    second.block_on(on_second).unwrap();

    drop(second);
    first.block_on(sign_many(signer, 50));
}

async fn sign_many(signer: impl Signer, times: u32) {
    for _ in 0..times {
        signer.sign(&request()).await.unwrap();
    }
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let runtime = runtime();
    let emulator = runtime.block_on(KmsEmulator::start()).unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let connecting = builder(&emulator, &arn);
    let signer = runtime.block_on(connecting.clone().connect()).unwrap();
    for error in [
        poll_once(connecting.connect()).unwrap_err(),
        poll_once(signer.sign(&request())).unwrap_err(),
    ] {
        assert!(matches!(error, Error::InvalidConfig { .. }), "{error}");
        assert!(error.to_string().contains("tokio runtime"), "{error}");
    }
    assert!(!poll_once(signer.check()).is_ready());
    runtime.block_on(signer.sign(&request())).unwrap();
}

/// The output of a future that is ready at once.
fn poll_once<T>(future: impl Future<Output = T>) -> T {
    futures_util::FutureExt::now_or_never(future).expect("it waits for something")
}
