//! The AWS KMS provider through the real SDK.

mod aliases;
mod answers;
mod clock;
mod connections;
mod credentials;
mod deadlines;
mod endpoints;
mod health;
mod opening;
mod retries;
mod runtimes;
mod tcp;
mod tls;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::{
    Client,
    config::{Credentials, SharedCredentialsProvider},
};
use kms_signer::{
    Error, KeyType, Result, SignRequest, Signer,
    emulator::aws_kms::{KmsEmulator, Operation},
    error::KeyStoreFault,
    provider::aws_kms::{AwsKmsSigner, AwsKmsSignerBuilder},
};

const KEY_TYPES: [KeyType; 3] = [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519];

/// A key id for clients that never check whether the key exists.
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1";

fn builder(emulator: &KmsEmulator, key_id: &str) -> AwsKmsSignerBuilder {
    AwsKmsSigner::builder(key_id).emulator(emulator.endpoint_url(), emulator.region())
}

/// A request that every key type can sign.
fn request() -> SignRequest<'static> {
    SignRequest::blake2b256(b"preimage")
}

#[track_caller]
fn key_store_fault<T: std::fmt::Debug>(result: Result<T>) -> (KeyStoreFault, Error) {
    match result {
        Err(error @ Error::KeyStore { fault, .. }) => (fault, error),
        other => panic!("expected a failure of the key store, got {other:?}"),
    }
}

#[tokio::test]
async fn one_call_to_connect_none_to_pin_one_to_sign() {
    let emulator = KmsEmulator::start().await.unwrap();
    for (round, key_type) in KEY_TYPES.into_iter().enumerate() {
        let arn = emulator.create_key(key_type).unwrap();
        let before = emulator.total_calls();
        let connected = builder(&emulator, &arn).connect().await.unwrap();
        assert_eq!(emulator.total_calls(), before + 1);
        assert_eq!(emulator.calls(Operation::GetPublicKey), round as u64 + 1);
        assert_eq!(connected.public_key().key_type(), key_type);
        assert_eq!(connected.public_key(), &emulator.public_key(&arn).unwrap());

        let public_key = connected.public_key().clone();
        let pinned = builder(&emulator, &arn)
            .connect_lazy(public_key)
            .await
            .unwrap();
        assert_eq!(emulator.total_calls(), before + 1, "pinning made a call");

        for signer in [connected, pinned] {
            let before = (emulator.total_calls(), emulator.calls(Operation::Sign));
            let signed = signer.sign(&request()).await.unwrap();
            assert_eq!(
                (emulator.total_calls(), emulator.calls(Operation::Sign)),
                (before.0 + 1, before.1 + 1)
            );
            assert_eq!(signed.receipt.operation(), "Sign");
            assert_eq!(signed.receipt.key(), arn);
            assert_eq!(signed.receipt.region(), Some(emulator.region()));
            assert_eq!(signed.receipt.attempts(), 1);
            assert!(signed.receipt.request_id().is_some_and(|id| !id.is_empty()));
        }
    }
}

#[tokio::test]
async fn every_form_of_key_id_leads_to_the_same_arn() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    emulator.create_alias("alias/hot-wallet", &arn).unwrap();
    let (prefix, id) = arn.split_once(":key/").unwrap();
    for key_id in [
        &arn,
        id,
        "alias/hot-wallet",
        &format!("{prefix}:alias/hot-wallet"),
    ] {
        let signer = builder(&emulator, key_id).connect().await.unwrap();
        assert_eq!(signer.key(), arn, "{key_id}");
        let signed = signer.sign(&request()).await.unwrap();
        assert_eq!(signed.receipt.key(), arn, "{key_id}");

        let pinned = builder(&emulator, key_id)
            .connect_lazy(signer.public_key().clone())
            .await
            .unwrap();
        let first = pinned.sign(&request()).await.unwrap();
        assert_eq!(
            first.receipt.key(),
            arn,
            "{key_id}: the first receipt lacks the ARN"
        );
        assert_eq!(pinned.key(), arn, "{key_id} was not learned");
    }
}

#[tokio::test]
async fn a_client_and_an_sdk_config_can_be_given() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::P256).unwrap();
    let config = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(emulator.region().to_owned()))
        .endpoint_url(emulator.endpoint_url())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .build();
    for builder in [
        AwsKmsSigner::builder(&arn).sdk_config(&config),
        AwsKmsSigner::builder(&arn).client(Client::new(&config)),
    ] {
        builder
            .connect()
            .await
            .unwrap()
            .sign(&request())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn each_key_state_has_its_own_error() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let signer = builder(&emulator, &arn).connect().await.unwrap();

    emulator.set_enabled(&arn, false).unwrap();
    let (fault, error) = key_store_fault(signer.sign(&request()).await);
    assert_eq!(
        (fault, error.code()),
        (KeyStoreFault::Disabled, Some("DisabledException"))
    );
    assert!(error.to_string().contains("aws kms enable-key"), "{error}");

    emulator.set_enabled(&arn, true).unwrap();
    emulator.schedule_deletion(&arn).unwrap();
    let (fault, error) = key_store_fault(signer.sign(&request()).await);
    assert_eq!(fault, KeyStoreFault::InvalidState);
    assert_eq!(error.code(), Some("KMSInvalidStateException"));
    assert_eq!(error.receipt().unwrap().key(), arn);
    assert_eq!(error.receipt().unwrap().attempts(), 1, "it was retried");

    emulator.cancel_deletion(&arn).unwrap();
    emulator.set_enabled(&arn, true).unwrap();
    signer.sign(&request()).await.unwrap();
}

#[tokio::test]
async fn a_missing_key_is_not_found() {
    let emulator = KmsEmulator::start().await.unwrap();
    for key_id in ["alias/missing", "1234abcd-12ab-34cd-56ef-1234567890ab"] {
        let (fault, error) = key_store_fault(builder(&emulator, key_id).connect().await);
        assert_eq!(fault, KeyStoreFault::NotFound);
        let shown = error.to_string();
        assert!(
            shown.contains(key_id) && shown.contains(emulator.region()),
            "{shown}"
        );
        assert!(shown.contains("GetPublicKey"), "{shown}");
    }
}

#[tokio::test]
async fn an_ed25519_message_that_kms_does_not_take_costs_no_call() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Ed25519).unwrap();
    let signer = builder(&emulator, &arn).connect().await.unwrap();
    let message = vec![7; 4097];
    signer
        .sign(&SignRequest::message(&message[..4096]))
        .await
        .unwrap();
    let before = emulator.total_calls();
    for length in [0, 4097] {
        match signer.sign(&SignRequest::message(&message[..length])).await {
            Err(Error::MessageLength {
                actual, most: 4096, ..
            }) => assert_eq!(actual, length),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(emulator.total_calls(), before);
}

/// A server of another region rejects the SDK's signature.
#[tokio::test]
async fn a_wrong_region_says_so() {
    let emulator = KmsEmulator::builder()
        .region("eu-central-1")
        .start()
        .await
        .unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let (_, id) = arn.split_once(":key/").unwrap();
    let elsewhere = builder(&emulator, id).region("us-east-1");
    let (fault, error) = key_store_fault(elsewhere.connect().await);
    assert_eq!(fault, KeyStoreFault::Credentials);
    let remedy = error.to_string();
    assert!(
        remedy.contains("us-east-1 is the region of the endpoint"),
        "{remedy}"
    );
}

#[tokio::test]
async fn missing_credentials_and_a_missing_network_have_different_errors() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let no_credentials = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .build();
    let without = AwsKmsSigner::builder(&arn)
        .sdk_config(&no_credentials)
        .endpoint_url(emulator.endpoint_url());
    let (fault, error) = key_store_fault(without.connect().await);
    assert_eq!(fault, KeyStoreFault::Credentials, "{error:?}");
    assert!(!error.is_retryable());

    // Port 1 (tcpmux) is reserved, and nothing listens there.
    let closed = "http://127.0.0.1:1";
    let (fault, error) = key_store_fault(
        builder(&emulator, &arn)
            .endpoint_url(closed)
            .connect()
            .await,
    );
    assert_eq!(fault, KeyStoreFault::Connection, "{error:?}");
    assert!(error.is_retryable());
    assert_eq!(
        error.receipt().unwrap().attempts(),
        3,
        "the default of `Retries`"
    );
}

/// A retry would neither log in nor create the file.
#[tokio::test]
async fn a_source_of_credentials_that_an_operator_must_fix_is_not_retried() {
    let not_logged_in = aws_config::sso::SsoCredentialsProvider::builder()
        .account_id("111122223333")
        .role_name("signer")
        .start_url("https://not-logged-in.invalid/start")
        .region(Region::new("us-east-1"))
        .build();
    let no_token = aws_config::web_identity_token::WebIdentityTokenCredentialsProvider::builder()
        .static_configuration(aws_config::web_identity_token::StaticConfiguration {
            web_identity_token_file: "no-such-file".into(),
            role_arn: "arn:aws:iam::111122223333:role/signer".into(),
            session_name: "test".into(),
        })
        .build();
    for credentials in [
        SharedCredentialsProvider::new(not_logged_in),
        SharedCredentialsProvider::new(no_token),
    ] {
        let config = aws_config::SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials)
            .build();
        let builder = AwsKmsSigner::builder(KEY).sdk_config(&config);
        let builder = builder.endpoint_url("http://127.0.0.1:1");
        let (fault, error) = key_store_fault(builder.connect().await);
        assert_eq!(fault, KeyStoreFault::Credentials, "{error:?}");
        assert!(!error.is_retryable());
        assert!(
            error.to_string().contains("provide AWS credentials"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn credentials_are_not_shown() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let builder = AwsKmsSigner::builder(&arn)
        .endpoint_url(emulator.endpoint_url())
        .static_credentials("test", "canary-secret", Some("canary-token".into()));
    let before = format!("{builder:?}");
    let signer = builder.connect().await.unwrap();
    emulator.set_enabled(&arn, false).unwrap();
    let error = signer.sign(&request()).await.unwrap_err();
    for shown in [before, format!("{signer:?}"), format!("{error} {error:?}")] {
        assert!(!shown.contains("canary"), "{shown}");
    }
}

/// Here the bad endpoint comes from the SDK's own configuration, so the builder cannot reject it.
/// The SDK's error quotes the request with its body, which must not be shown.
#[tokio::test]
async fn the_payload_is_not_shown_when_a_request_cannot_be_sent() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Ed25519).unwrap();
    let public_key = emulator.public_key(&arn).unwrap();
    let config = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url("localhost:4566")
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test",
            "canary-secret",
            None,
            None,
            "test",
        )))
        .build();
    let builder = AwsKmsSigner::builder(&arn).sdk_config(&config);
    let signer = builder.connect_lazy(public_key).await.unwrap();
    let request = SignRequest::message(b"canary-payload");
    let (fault, error) = key_store_fault(signer.sign(&request).await);
    assert_eq!(fault, KeyStoreFault::Other);

    // "canary-payload" in base64 starts with Y2FuYXJ5.
    let mut shown = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        shown += &format!(" {cause} {cause:?}");
        source = cause.source();
    }
    for secret in ["canary", "Y2FuYXJ5", "99, 97, 110, 97, 114, 121"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
