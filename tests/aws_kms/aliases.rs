//! A signer keeps its key, even if the alias that it was opened with moves later.

use kms_signer::{
    Error, KeyType, SignRequest, Signer, emulator::aws_kms::KmsEmulator, error::KeyStoreFault,
};

use super::{builder, key_store_fault, request};

#[tokio::test]
async fn a_moved_alias_is_noticed_and_names_both_keys() {
    let emulator = KmsEmulator::start().await.unwrap();
    let first = emulator.create_key(KeyType::Secp256k1).unwrap();
    let second = emulator.create_key(KeyType::Secp256k1).unwrap();
    // UpdateAlias does not compare specs, so the alias may even point to a key on another curve.
    let other_curve = emulator.create_key(KeyType::P256).unwrap();
    emulator.create_alias("alias/hot-wallet", &first).unwrap();
    let signer = builder(&emulator, "alias/hot-wallet")
        .connect()
        .await
        .unwrap();

    for target in [second, other_curve] {
        emulator.update_alias("alias/hot-wallet", &target).unwrap();
        match signer.sign(&request()).await {
            Err(error @ Error::KeyMoved { .. }) => {
                assert!(!error.is_retryable());
                assert!(error.request_id().is_some());
                let shown = error.to_string();
                assert!(shown.contains(&first) && shown.contains(&target), "{shown}");
            }
            other => panic!("{other:?}"),
        }
    }
    emulator.update_alias("alias/hot-wallet", &first).unwrap();
    signer.sign(&request()).await.unwrap();
}

#[tokio::test]
async fn an_alias_that_moved_to_a_key_that_cannot_sign_is_not_blamed_on_the_pinned_one() {
    let emulator = KmsEmulator::start().await.unwrap();
    let [pinned, disabled] = [(); 2].map(|()| emulator.create_key(KeyType::Secp256k1).unwrap());
    let other_scheme = emulator.create_key(KeyType::Ed25519).unwrap();
    emulator.set_enabled(&disabled, false).unwrap();
    emulator.create_alias("alias/hot-wallet", &pinned).unwrap();
    let connecting = builder(&emulator, "alias/hot-wallet");
    let signer = connecting.connect().await.unwrap();
    assert_eq!(signer.key_id(), "alias/hot-wallet");
    assert_eq!(signer.region(), Some(emulator.region()));

    for (target, expected) in [
        (&disabled, KeyStoreFault::Disabled),
        (&other_scheme, KeyStoreFault::InvalidUsage),
    ] {
        emulator.update_alias("alias/hot-wallet", target).unwrap();
        let (fault, error) = key_store_fault(signer.sign(&SignRequest::keccak256(b"tx")).await);
        assert_eq!(fault, expected);
        let shown = error.to_string();
        assert!(
            shown.contains("alias/hot-wallet") && !shown.contains(&pinned),
            "{shown}"
        );
    }
    emulator.delete_alias("alias/hot-wallet").unwrap();
    let (fault, error) = key_store_fault(signer.sign(&request()).await);
    assert_eq!(fault, KeyStoreFault::NotFound);
    let shown = error.to_string();
    assert!(
        shown.contains("check that alias/hot-wallet exists") && !shown.contains(&pinned),
        "{shown}"
    );
}

/// Here only the public key is pinned, and the error names the key that answered.
#[tokio::test]
async fn a_pinned_alias_that_leads_to_another_key_names_it() {
    let emulator = KmsEmulator::start().await.unwrap();
    let [expected, actual] = [(); 2].map(|()| emulator.create_key(KeyType::Secp256k1).unwrap());
    emulator.create_alias("alias/hot-wallet", &actual).unwrap();
    let public_key = emulator.public_key(&expected).unwrap();
    let signer = builder(&emulator, "alias/hot-wallet");
    let signer = signer.connect_lazy(public_key).await.unwrap();
    let error = signer.sign(&request()).await.unwrap_err();
    assert!(
        matches!(error, Error::SignatureNotVerified { .. }),
        "{error}"
    );
    assert_eq!(error.receipt().unwrap().key(), actual);
    assert!(error.to_string().contains(&actual), "{error}");
}
