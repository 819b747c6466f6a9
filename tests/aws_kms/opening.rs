//! Opening many keys at the same time.

use kms_signer::{
    KeyType, Signer,
    bulk::Bulk,
    emulator::aws_kms::{KmsEmulator, Operation},
};

use super::{builder, request};

#[tokio::test]
async fn ten_thousand_pinned_keys_are_opened_without_a_call() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let public_key = emulator.public_key(&arn).unwrap();
    let one = builder(&emulator, &arn).connect().await.unwrap();
    let before = emulator.total_calls();

    let builders = (0..10_000).map(|_| one.another_key(&arn).connect_lazy(public_key.clone()));
    let signers = Bulk::new().run(builders).await;
    assert_eq!(signers.len(), 10_000);
    assert!(signers.iter().all(Result::is_ok));
    assert_eq!(emulator.total_calls(), before);
    let last = signers.into_iter().next_back().unwrap().unwrap();
    last.sign(&request()).await.unwrap();
}

#[tokio::test]
async fn many_keys_are_opened_by_one_call_each_and_a_bad_one_does_not_affect_the_others() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arns: Vec<String> = (0..50)
        .map(|_| emulator.create_key(KeyType::Secp256k1).unwrap())
        .collect();
    emulator.set_enabled(&arns[7], false).unwrap();
    let client = builder(&emulator, &arns[0]).connect().await.unwrap();
    let before = emulator.calls(Operation::GetPublicKey);
    let connecting = arns.iter().map(|arn| client.another_key(arn).connect());
    let opened = Bulk::with_concurrency(8).unwrap().run(connecting).await;
    for (index, (arn, opened)) in arns.iter().zip(&opened).enumerate() {
        match opened {
            Ok(signer) => assert_eq!(signer.key(), arn),
            Err(error) => assert_eq!((index, error.name()), (7, "disabled"), "{error}"),
        }
    }
    assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 49);
    assert_eq!(emulator.calls(Operation::GetPublicKey), before + 50);
}
