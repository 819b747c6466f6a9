//! The scripted signer keeps the contract itself, and follows its script.

use std::time::Duration;

use kms_signer::{
    KeyType, Receipt, SignRequest, Signer,
    conformance::{ScriptedSigner, SignerSuite, Step},
    error::KeyStoreFault,
};

use crate::KEY_TYPES;

const REQUEST: &[u8] = b"preimage";

#[tokio::test(start_paused = true)]
async fn it_keeps_the_contract() {
    for key_type in KEY_TYPES {
        let signer = ScriptedSigner::new(key_type).unwrap();
        let failing = signer.replica("failing");
        failing.otherwise(Step::fail(KeyStoreFault::Unavailable));
        let counted = signer.clone();
        let suite = SignerSuite::new("scripted", signer).failing(failing);
        let suite = suite.count_calls(move || counted.calls() as u64);
        suite.run().await.assert_passed();
    }
}

#[tokio::test(start_paused = true)]
async fn it_follows_its_script_and_then_the_final_step() {
    let signer = ScriptedSigner::new(KeyType::Secp256k1).unwrap();
    let second = Duration::from_secs(1);
    signer.then([
        Step::fail(KeyStoreFault::Throttled)
            .after(second)
            .retry_after(second),
        Step::sign().after(second),
    ]);
    signer.otherwise(Step::hang());
    let request = SignRequest::keccak256(REQUEST).with_label("labelled");

    let start = tokio::time::Instant::now();
    let error = signer.sign(&request).await.unwrap_err();
    assert!(error.is_throttled(), "{error}");
    assert_eq!(error.retry_after(), Some(second));
    assert_eq!(error.receipt(), Some(&Receipt::new("Sign", "scripted")));
    signer.sign(&request).await.unwrap();
    assert_eq!(start.elapsed(), 2 * second);

    let hanging = tokio::time::timeout(second, signer.sign(&request)).await;
    hanging.unwrap_err();
    assert_eq!(
        (signer.calls(), signer.dropped(), signer.in_flight()),
        (3, 1, 0)
    );
    assert_eq!(signer.requests()[2].label(), Some("labelled"));
}

#[tokio::test]
async fn a_replica_has_the_same_key_and_its_own_record_of_requests() {
    let signer = ScriptedSigner::new(KeyType::P256).unwrap();
    let replica = signer.replica("elsewhere");
    assert_eq!(replica.public_key(), signer.public_key());
    let signed = replica.sign(&SignRequest::sha256(REQUEST)).await.unwrap();
    assert_eq!(signed.receipt.key(), "elsewhere");
    assert_eq!((signer.calls(), replica.calls()), (0, 1));
}
