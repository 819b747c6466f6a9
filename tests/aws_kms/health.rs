//! `check` reports whether a key could sign, with the permissions of the caller, and signs nothing.

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::{Client, config::Credentials};
use aws_smithy_http_client::test_util::{NeverClient, infallible_client_fn};
use aws_smithy_types::{base64, body::SdkBody};
use kms_signer::{
    Error, KeyType, SignRequest, Signer,
    emulator::{
        FailureRule,
        aws_kms::{KmsEmulator, KmsFailure, Operation},
    },
    error::KeyStoreFault,
    hazmat,
    health::{Health, KeyState, PinCheck},
    layer::{failover::Failover, timeout::Timeout},
    provider::{aws_kms::AwsKmsSigner, local::LocalSigner},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{KEY, KEY_TYPES, builder};

fn deny(emulator: &KmsEmulator, operation: Operation) {
    emulator
        .inject(FailureRule::new(KmsFailure::access_denied()).on(operation))
        .keep();
}

async fn pinned(emulator: &KmsEmulator, key_id: &str) -> AwsKmsSigner {
    let public_key = emulator.public_key(key_id).unwrap();
    builder(emulator, key_id)
        .connect_lazy(public_key)
        .await
        .unwrap()
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
    assert_eq!(health.pin.unwrap(), PinCheck::Name);

    // The key behind an alias is not pinned before the first signature.
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
    assert_eq!(health.may_sign.unwrap_err().name(), "access_denied");
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
    assert_eq!(health.may_sign.as_ref().unwrap_err().name(), "disabled");
    assert!(
        health.to_string().contains("aws kms enable-key"),
        "{health}"
    );

    emulator.schedule_deletion(&arn).unwrap();
    let health = signer.check().await;
    assert_eq!(health.state.as_ref().unwrap(), &KeyState::PendingDeletion);
    assert!(!health.is_ready());
    assert_eq!(
        signer.check().await.may_sign.unwrap_err().name(),
        "invalid_state"
    );
}

#[tokio::test]
async fn another_key_than_the_pinned_one_is_not_ready() {
    let emulator = KmsEmulator::start().await.unwrap();
    let [first, second] = [(); 2].map(|()| emulator.create_key(KeyType::Secp256k1).unwrap());
    let of_first = emulator.public_key(&first).unwrap();
    let mixed_up = builder(&emulator, &second)
        .connect_lazy(of_first)
        .await
        .unwrap();
    let health = mixed_up.check().await;
    assert!(!health.is_ready(), "{health}");
    let pin = health.pin.unwrap_err();
    assert_eq!(pin.name(), "key_refused");
    assert!(pin.to_string().contains("not the pinned one"), "{pin}");

    emulator.create_alias("alias/hot-wallet", &first).unwrap();
    let moved = builder(&emulator, "alias/hot-wallet")
        .connect()
        .await
        .unwrap();
    emulator.update_alias("alias/hot-wallet", &second).unwrap();
    let health = moved.check().await;
    assert_eq!(
        health.pin.as_ref().unwrap_err().name(),
        "key_moved",
        "{health}"
    );
    assert!(!health.is_ready());
    deny(&emulator, Operation::GetPublicKey);
    let health = moved.check().await;
    assert_eq!(
        health.pin.as_ref().unwrap_err().name(),
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
        assert_eq!(error.name(), "connection", "{error}");
    }
    assert_eq!(health.errors().count(), 3);
    let fault = KeyStoreFault::Connection.to_string();
    assert!(health.to_string().contains(&fault), "{health}");
}

/// Otherwise an outage of an unneeded operation would take down a service that can sign.
#[tokio::test]
async fn a_failed_question_does_not_make_a_signer_unready() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let signer = pinned(&emulator, &arn).await;
    for (failure, stops_the_dry_run) in [
        (KmsFailure::throttling(), true),
        (KmsFailure::internal_error(), true),
        (KmsFailure::page(503), true),
        (KmsFailure::reset(), true),
        (KmsFailure::expired_credentials(), true),
        (KmsFailure::access_denied(), true),
        // This failure changes only successful answers, and a dry run's answer is an error.
        (KmsFailure::empty_object(), false),
    ] {
        for (operations, pin) in [
            (&[Operation::DescribeKey][..], Some(PinCheck::PublicKey)),
            (&[Operation::GetPublicKey], Some(PinCheck::Name)),
            (&[Operation::DescribeKey, Operation::GetPublicKey], None),
        ] {
            let rules = operations
                .iter()
                .map(|operation| emulator.inject(FailureRule::new(failure.clone()).on(*operation)));
            let rules: Vec<_> = rules.collect();
            let health = signer.check().await;
            assert!(health.is_ready(), "{failure:?} {operations:?}: {health}");
            if let Some(pin) = pin {
                assert_eq!(health.pin.unwrap(), pin, "{failure:?}");
            }
            for rule in rules {
                assert_eq!(rule.fired(), 1, "{failure:?}");
                drop(rule);
            }
        }
        // The dry run decides.
        let rule = emulator.inject(FailureRule::new(failure.clone()).on(Operation::Sign));
        let is_ready = signer.check().await.is_ready();
        assert_eq!(is_ready, !stops_the_dry_run, "{failure:?}");
        drop(rule);
    }
}

fn answered(answer: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Client {
    client(infallible_client_fn(
        move |request: http::Request<SdkBody>| {
            let target = request.headers()["x-amz-target"].to_str().unwrap();
            let (status, body) = answer(target.trim_start_matches("TrentService."));
            let response = http::Response::builder().status(status);
            response.body(body.to_string()).unwrap()
        },
    ))
}

fn client(http: impl aws_sdk_kms::config::HttpClient + 'static) -> Client {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
        .http_client(http);
    Client::from_conf(config.build())
}

fn failure(code: &str) -> (u16, Value) {
    (400, json!({"__type": code, "message": "no"}))
}

/// The result of `check` with these answers to `DescribeKey` and the dry run.
async fn check_of(key: &LocalSigner, state: &'static str, dry_run: (u16, Value)) -> Health {
    let metadata = json!({"KeyId": "1", "Arn": KEY, "KeyState": state});
    check_described(key, json!({ "KeyMetadata": metadata }), dry_run).await
}

async fn check_described(key: &LocalSigner, description: Value, dry_run: (u16, Value)) -> Health {
    let spki = base64::encode(key.public_key().to_spki_der());
    let client = answered(move |operation| match operation {
        "DescribeKey" => (200, description.clone()),
        "GetPublicKey" => (
            200,
            json!({
                "KeyId": KEY, "KeySpec": "ECC_SECG_P256K1", "KeyUsage": "SIGN_VERIFY",
                "SigningAlgorithms": ["ECDSA_SHA_256"], "PublicKey": spki,
            }),
        ),
        _ => dry_run.clone(),
    });
    let builder = AwsKmsSigner::builder(KEY).client(client);
    let signer = builder
        .connect_lazy(key.public_key().clone())
        .await
        .unwrap();
    signer.check().await
}

/// An endless answer to `DescribeKey` does not concern the key.
#[tokio::test]
async fn a_description_without_end_says_nothing_of_the_key() {
    let key = LocalSigner::from_bytes(KeyType::Secp256k1, &[7; 32]).unwrap();
    let long = Value::String("x".repeat(70_000));
    let health = check_described(&key, long, failure("DryRunOperationException")).await;
    assert!(health.state.is_err() && health.is_ready(), "{health}");
}

/// "Key states of AWS KMS keys": a multi-Region key that becomes the primary is `Updating`, and
/// signs.
#[tokio::test]
async fn only_some_states_are_ready() {
    let key = LocalSigner::from_bytes(KeyType::Secp256k1, &[7; 32]).unwrap();
    for (state, is_ready) in [
        ("Enabled", true),
        ("Updating", true),
        ("Creating", false),
        ("Disabled", false),
        ("PendingDeletion", false),
        ("PendingReplicaDeletion", false),
        ("PendingImport", false),
        ("Unavailable", false),
        ("FromTheFuture", false),
    ] {
        let health = check_of(&key, state, failure("DryRunOperationException")).await;
        assert_eq!(health.is_ready(), is_ready, "{health}");
        // A primary whose replicas are about to be deleted, and then the key itself.
        let shown = state.replace("Replica", "");
        let state = health.state.unwrap();
        assert_eq!((state.as_str(), state.can_sign()), (&*shown, is_ready));
        let is_other = matches!(state, KeyState::Other(_));
        assert_eq!(is_other, shown == "FromTheFuture");
    }
}

/// Each of these answers has status 200.
#[tokio::test]
async fn a_dry_run_that_signs_has_to_sign_well() {
    let key = LocalSigner::from_bytes(KeyType::Secp256k1, &[7; 32]).unwrap();
    let sign = async |digest: &[u8; 32]| {
        let signed = key.sign(&hazmat::prehashed(*digest)).await.unwrap();
        let bytes = signed.signature.as_bytes();
        let signature = k256::ecdsa::Signature::from_slice(bytes).unwrap();
        base64::encode(signature.to_der().as_bytes())
    };
    let asked = sign(b"kms-signer: may this key sign it").await;
    let answer = |key_id: &str, algorithm: &str, signature: &str| json!({"KeyId": key_id, "SigningAlgorithm": algorithm, "Signature": signature});
    let other_key = KEY.replace("key/1", "key/2");
    for (body, kind) in [
        (answer(KEY, "ECDSA_SHA_256", &asked), None),
        (json!({}), Some("unusable_answer")),
        (
            answer(&other_key, "ECDSA_SHA_256", &asked),
            Some("key_moved"),
        ),
        (
            answer(KEY, "ECDSA_SHA_512", &asked),
            Some("unusable_answer"),
        ),
        (
            answer(KEY, "ECDSA_SHA_256", &sign(&[0; 32]).await),
            Some("signature_not_verified"),
        ),
        (
            answer(KEY, "ECDSA_SHA_256", "MAA="),
            Some("invalid_signature"),
        ),
    ] {
        let health = check_of(&key, "Enabled", (200, body.clone())).await;
        let actual = health.may_sign.as_ref().err().map(Error::name);
        assert_eq!(actual, kind, "{body}");
        assert_eq!(health.is_ready(), kind.is_none(), "{body}");
    }
}

/// A service seldom holds the `AwsKmsSigner` itself.
#[tokio::test]
async fn a_wallet_of_two_regions_is_checked_through_its_layers() {
    let (mut emulators, mut arns, mut signers) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..2 {
        let emulator = KmsEmulator::start().await.unwrap();
        let arn = emulator.create_key_from_bytes(KeyType::Secp256k1, &[7; 32]);
        let arn = arn.unwrap();
        let signer: Arc<dyn Signer> = Arc::new(pinned(&emulator, &arn).await);
        signers.push(Timeout::new(signer, Duration::from_secs(5)).unwrap());
        emulators.push(emulator);
        arns.push(arn);
    }
    let wallet: Arc<dyn Signer> = Arc::new(Failover::builder(signers).build().unwrap());
    assert_eq!(wallet.check().await.errors().count(), 0);
    emulators[0].set_enabled(&arns[0], false).unwrap();
    let health = wallet.check().await;
    assert!(health.is_ready() && health.errors().count() > 0, "{health}");
    assert_eq!(health.state.as_ref().unwrap(), &KeyState::Disabled);
    emulators[1].set_enabled(&arns[1], false).unwrap();
    assert!(!wallet.check().await.is_ready());
}

/// An alias may move after a check, so a check pins nothing.
#[tokio::test]
async fn a_check_pins_nothing() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    emulator.create_alias("alias/hot-wallet", &arn).unwrap();
    let signer = pinned(&emulator, "alias/hot-wallet").await;
    assert!(signer.check().await.is_ready());
    assert_eq!(signer.key(), "alias/hot-wallet");
    let request = SignRequest::keccak256(b"tx");
    signer.sign(&request).await.unwrap();
    assert_eq!(signer.key(), arn);
}

/// In virtual time, so the times are exact. Kubernetes would kill a probe that waits for the
/// deadline of a call.
#[tokio::test(start_paused = true)]
async fn a_check_makes_three_calls_and_returns_within_its_own_timeout() {
    let key = LocalSigner::random(KeyType::Secp256k1).unwrap();
    for (timeout, millis) in [(None, 1_000), (Some(Duration::from_millis(300)), 300)] {
        let silent = NeverClient::new();
        let mut builder = AwsKmsSigner::builder(KEY).client(client(silent.clone()));
        if let Some(timeout) = timeout {
            builder = builder.check_timeout(timeout);
        }
        let signer = builder
            .connect_lazy(key.public_key().clone())
            .await
            .unwrap();
        let start = Instant::now();
        let health = signer.check().await;
        let elapsed = start.elapsed().as_millis();
        assert!((millis..=millis + 2).contains(&elapsed), "{elapsed} ms");
        assert!(!health.is_reachable() && !health.is_ready(), "{health}");
        assert_eq!(silent.num_calls(), 3);
    }
}
