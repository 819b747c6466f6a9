//! `check` tells whether a key could sign, with the permissions there are, and signs nothing.

use aws_sdk_kms::types::KeyState;
use kms_signer::{
    KeyType,
    emulator::{Fault, FaultRule, KmsEmulator, Operation},
    error::KeyStoreFault,
    provider::aws_kms::{AwsKmsSigner, PinCheck},
};

use super::{KEY_TYPES, builder};

fn deny(emulator: &KmsEmulator, operation: Operation) {
    emulator.inject(FaultRule::new(Fault::access_denied()).on(operation));
}

async fn pinned(emulator: &KmsEmulator, key_id: &str) -> AwsKmsSigner {
    let public_key = emulator.public_key(key_id).unwrap();
    builder(emulator, key_id).pinned(public_key).await.unwrap()
}

#[tokio::test]
async fn a_key_that_can_sign_is_ready_and_nothing_is_signed() {
    let emulator = KmsEmulator::start().await.unwrap();
    for key_type in KEY_TYPES {
        let arn = emulator.create_key(key_type).unwrap();
        let signer = pinned(&emulator, &arn).await;
        let before = emulator.total_calls();
        let health = signer.check().await;
        assert_eq!(emulator.total_calls(), before + 3);
        assert!(health.is_ready() && health.is_reachable(), "{health}");
        assert_eq!(health.state.as_ref().unwrap(), &KeyState::Enabled);
        assert_eq!(health.pin.as_ref().unwrap(), &PinCheck::PublicKey);
        assert_eq!(health.errors().count(), 0);
        assert!(!health.latency.is_zero());
        let shown = health.to_string();
        assert!(
            shown.starts_with("key state: Enabled\npublic key: the pinned one\nsigning: allowed")
        );
    }
}

#[tokio::test]
async fn with_describe_key_and_sign_alone_a_pinned_key_is_ready() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    emulator.create_alias("alias/hot-wallet", &arn).unwrap();
    deny(&emulator, Operation::GetPublicKey);

    let health = pinned(&emulator, &arn).await.check().await;
    assert!(health.is_ready(), "{health}");
    assert_eq!(health.pin.unwrap(), PinCheck::Arn);

    // Which key an alias leads to is not pinned before the first signature.
    let health = pinned(&emulator, "alias/hot-wallet").await.check().await;
    assert!(health.is_ready(), "{health}");
    assert_eq!(health.pin.unwrap(), PinCheck::Unproven);

    deny(&emulator, Operation::DescribeKey);
    let health = pinned(&emulator, &arn).await.check().await;
    assert!(health.is_ready(), "{health}");
    assert_eq!(health.pin.as_ref().unwrap(), &PinCheck::Unproven);
    assert_eq!(
        health.errors().count(),
        1,
        "the state is not known: {health}"
    );

    deny(&emulator, Operation::Sign);
    let health = pinned(&emulator, &arn).await.check().await;
    assert!(!health.is_ready() && health.is_reachable(), "{health}");
    assert_eq!(health.may_sign.unwrap_err().kind(), "access_denied");
}

#[tokio::test]
async fn a_key_that_cannot_sign_is_not_ready_and_says_why() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let signer = pinned(&emulator, &arn).await;
    emulator.set_enabled(&arn, false).unwrap();
    let health = signer.check().await;
    assert!(!health.is_ready() && health.is_reachable(), "{health}");
    assert_eq!(health.state.as_ref().unwrap(), &KeyState::Disabled);
    assert_eq!(health.may_sign.as_ref().unwrap_err().kind(), "disabled");
    assert!(
        health.to_string().contains("aws kms enable-key"),
        "{health}"
    );

    emulator.schedule_deletion(&arn).unwrap();
    let health = signer.check().await;
    assert_eq!(health.state.as_ref().unwrap(), &KeyState::PendingDeletion);
    assert!(!health.is_ready());
    assert_eq!(
        signer.check().await.may_sign.unwrap_err().kind(),
        "invalid_state"
    );
}

#[tokio::test]
async fn another_key_than_the_pinned_one_is_not_ready() {
    let emulator = KmsEmulator::start().await.unwrap();
    let [first, second] = [(); 2].map(|()| emulator.create_key(KeyType::Secp256k1).unwrap());
    let of_first = emulator.public_key(&first).unwrap();
    let mixed_up = builder(&emulator, &second).pinned(of_first).await.unwrap();
    let health = mixed_up.check().await;
    assert!(!health.is_ready(), "{health}");
    let pin = health.pin.unwrap_err();
    assert_eq!(pin.kind(), "key_refused");
    assert!(pin.to_string().contains("not the pinned one"), "{pin}");

    emulator.create_alias("alias/hot-wallet", &first).unwrap();
    let moved = builder(&emulator, "alias/hot-wallet")
        .connect()
        .await
        .unwrap();
    emulator.update_alias("alias/hot-wallet", &second).unwrap();
    let health = moved.check().await;
    assert_eq!(
        health.pin.as_ref().unwrap_err().kind(),
        "key_moved",
        "{health}"
    );
    assert!(!health.is_ready());
    deny(&emulator, Operation::GetPublicKey);
    let health = moved.check().await;
    assert_eq!(
        health.pin.as_ref().unwrap_err().kind(),
        "key_moved",
        "{health}"
    );
}

#[tokio::test]
async fn a_key_store_that_is_gone_is_not_reachable() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let signer = pinned(&emulator, &arn).await;
    emulator.stop().await;
    let health = signer.check().await;
    assert!(!health.is_reachable() && !health.is_ready(), "{health}");
    for error in health.errors() {
        assert_eq!(error.kind(), "connection", "{error}");
    }
    assert_eq!(health.errors().count(), 3);
    let fault = KeyStoreFault::Connection.to_string();
    assert!(health.to_string().contains(&fault), "{health}");
}
