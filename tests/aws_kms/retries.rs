//! Which failures are retried, how often, and what the error says.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::{Client, config::Credentials};
use kms_signer::{
    Error, KeyType, Retries, Signer,
    emulator::{
        FailureRule,
        aws_kms::{AwsKms, KmsEmulator, KmsFailure, Operation},
    },
    layer::rate_limit::RateLimit,
    provider::aws_kms::AwsKmsSigner,
};

use super::{builder, request};

fn on_sign(failure: KmsFailure) -> FailureRule<AwsKms> {
    FailureRule::new(failure).on(Operation::Sign)
}

async fn emulated() -> (KmsEmulator, AwsKmsSigner) {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let signer = builder(&emulator, &arn).connect().await.unwrap();
    (emulator, signer)
}

#[tokio::test]
async fn a_caller_sees_no_transient_failure_and_the_receipt_counts_it() {
    let (emulator, signer) = emulated().await;
    for failure in [
        KmsFailure::throttling(),
        KmsFailure::internal_error(),
        KmsFailure::page(503),
        KmsFailure::empty_object(),
        KmsFailure::reset(),
        KmsFailure::reset_after_processing(),
        KmsFailure::truncated_body(),
    ] {
        let before = emulator.calls(Operation::Sign);
        let injected = emulator.inject(on_sign(failure.clone()).times(2));
        let signed = signer.sign(&request()).await.unwrap();
        assert_eq!(injected.fired(), 2, "{failure:?}");
        assert_eq!(signed.receipt.attempts(), 3, "{failure:?}");
        assert_eq!(emulator.calls(Operation::Sign), before + 3, "{failure:?}");
    }
}

#[tokio::test]
async fn a_permanent_failure_is_not_retried() {
    let (emulator, signer) = emulated().await;
    for failure in [
        KmsFailure::access_denied(),
        KmsFailure::expired_credentials(),
        KmsFailure::error("KeyOnHolidayException"),
        KmsFailure::signature_by_another_key(),
        KmsFailure::trailing_byte(),
        KmsFailure::other_key_id("another"),
    ] {
        let injected = emulator.inject(on_sign(failure.clone()));
        let error = signer.sign(&request()).await.unwrap_err();
        assert_eq!(injected.fired(), 1, "{failure:?}");
        assert_eq!(error.receipt().unwrap().attempts(), 1, "{failure:?}");
        assert!(!error.is_retryable(), "{failure:?}");
        drop(injected);
    }
}

#[tokio::test]
async fn an_error_carries_everything_known_about_the_call() {
    let (emulator, signer) = emulated().await;
    let busy = KmsFailure::throttling().retry_after(Duration::from_secs(1_800));
    emulator.inject(on_sign(busy)).keep();
    let error = signer.sign(&request()).await.unwrap_err();
    assert!(error.is_throttled() && error.is_retryable());
    assert_eq!(error.name(), "throttled");
    assert_eq!(error.code(), Some("ThrottlingException"));
    // Longer than the call may take, so the error returned at once, with that time.
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1_800)));
    let receipt = error.receipt().unwrap();
    assert_eq!(receipt.operation(), "Sign");
    assert_eq!(receipt.key(), signer.key());
    assert_eq!(receipt.region(), Some(emulator.region()));
    assert_eq!(receipt.attempts(), 1);
    assert!(error.request_id().is_some_and(|id| !id.is_empty()));
    let shown = error.to_string();
    for part in [
        "ThrottlingException",
        signer.key(),
        emulator.region(),
        "retry after a pause",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[tokio::test]
async fn a_wrong_clock_and_a_wrong_secret_have_different_remedies() {
    let (emulator, signer) = emulated().await;
    let injected = emulator.inject(on_sign(KmsFailure::clock_skew()));
    let skewed = signer.sign(&request()).await.unwrap_err();
    assert!(
        skewed.to_string().ends_with("differs too much from KMS's"),
        "{skewed}"
    );
    drop(injected);
    emulator
        .inject(on_sign(KmsFailure::error("InvalidSignatureException")))
        .keep();
    let wrong = signer.sign(&request()).await.unwrap_err();
    assert!(
        wrong
            .to_string()
            .contains("the secret key belongs to the access key"),
        "{wrong}"
    );
}

#[tokio::test]
async fn a_key_store_that_throttles_everything_gets_few_retries() {
    let (emulator, signer) = emulated().await;
    let busy = emulator.inject(on_sign(KmsFailure::throttling()));
    for _ in 0..100 {
        assert!(signer.sign(&request()).await.unwrap_err().is_throttled());
    }
    let calls = emulator.calls(Operation::Sign);
    assert!(
        (100..=111).contains(&calls),
        "{calls} calls for 100 requests"
    );
    drop(busy);
    signer.sign(&request()).await.unwrap();
}

#[tokio::test]
async fn clones_and_other_keys_share_the_budget() {
    let (emulator, signer) = emulated().await;
    let other = emulator.create_key(KeyType::Secp256k1).unwrap();
    let other = signer.another_key(other).connect().await.unwrap();
    let clone = signer.clone();
    emulator.inject(on_sign(KmsFailure::throttling())).keep();
    for signer in [&signer, &other, &clone].into_iter().cycle().take(30) {
        signer.sign(&request()).await.unwrap_err();
    }
    let calls = emulator.calls(Operation::Sign);
    assert!((30..=41).contains(&calls), "{calls} calls for 30 requests");
}

fn client(emulator: &KmsEmulator) -> Client {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(emulator.region().to_owned()))
        .endpoint_url(emulator.endpoint_url())
        .credentials_provider(Credentials::for_tests());
    Client::from_conf(config.build())
}

#[tokio::test]
async fn signers_over_one_client_share_its_budget_and_those_over_another_do_not() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let public_key = emulator.public_key(&arn).unwrap();
    let client = client(&emulator);
    emulator.inject(on_sign(KmsFailure::throttling())).keep();
    // Some of them set other retries, which the same budget pays for.
    let mut signers = Vec::new();
    for index in 0..100 {
        let builder = AwsKmsSigner::builder(&arn).client(client.clone());
        let builder = builder.retries(Retries::default().max_retries(2 + index % 3));
        signers.push(builder.connect_lazy(public_key.clone()).await.unwrap());
    }
    for signer in &signers {
        signer.sign(&request()).await.unwrap_err();
    }
    let calls = emulator.calls(Operation::Sign);
    // The budget gains a token every second, and the run takes less than ten seconds.
    assert!(
        (100..=111).contains(&calls),
        "{calls} calls for 100 requests"
    );
    // A signer made later, while the others still exist, shares their budget too.
    let later = AwsKmsSigner::builder(&arn).client(client.clone());
    let later = later.connect_lazy(public_key.clone()).await.unwrap();
    let error = later.sign(&request()).await.unwrap_err();
    assert_eq!(error.receipt().unwrap().attempts(), 1);

    let elsewhere = self::client(&emulator);
    let elsewhere = AwsKmsSigner::builder(&arn).client(elsewhere);
    let elsewhere = elsewhere.connect_lazy(public_key).await.unwrap();
    let error = elsewhere.sign(&request()).await.unwrap_err();
    assert_eq!(error.receipt().unwrap().attempts(), 3);
}

#[tokio::test]
async fn a_health_check_leaves_the_budget_to_signatures() {
    let (emulator, signer) = emulated().await;
    let injected = emulator.inject(FailureRule::new(KmsFailure::throttling()));
    for _ in 0..5 {
        assert!(!signer.check().await.is_ready());
    }
    assert_eq!(
        injected.fired(),
        15,
        "three calls with one attempt each, five times"
    );
    let error = signer.sign(&request()).await.unwrap_err();
    assert_eq!(error.receipt().unwrap().attempts(), 3);
}

#[tokio::test]
async fn retries_can_be_switched_off() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let builder = builder(&emulator, &arn).retries(Retries::none());
    let signer = builder.connect().await.unwrap();
    emulator
        .inject(on_sign(KmsFailure::internal_error()).times(1))
        .keep();
    assert!(matches!(
        signer.sign(&request()).await,
        Err(Error::KeyStore { .. })
    ));
    signer.sign(&request()).await.unwrap();
}

/// All keys of an account under one limit: the retries of the provider and of the callers do not
/// multiply.
#[tokio::test]
async fn under_a_rate_limit_many_keys_retry_little_and_recover() {
    let (emulator, first) = emulated().await;
    let limit = RateLimit::per_second(10_000).max_wait(Duration::from_millis(20));
    let limit = limit.build().unwrap();
    let mut signers = Vec::new();
    for _ in 0..30 {
        let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
        signers.push(limit.limit(first.another_key(arn).connect().await.unwrap()));
    }
    let busy = emulator.inject(on_sign(KmsFailure::throttling()));
    let mut requests = 0;
    for signer in signers.iter().cycle().take(150) {
        assert!(signer.sign(&request()).await.unwrap_err().is_retryable());
        requests += 1;
    }
    let calls = emulator.calls(Operation::Sign);
    assert!(
        calls * 10 <= requests * 12,
        "{calls} calls for {requests} requests"
    );
    drop(busy);
    // The limit admits one request first when its pause is over.
    let mut recovered = false;
    for _ in 0..1_000 {
        recovered = signers[0].sign(&request()).await.is_ok();
        if recovered {
            break;
        }
    }
    assert!(recovered);
    for signer in &signers {
        signer.sign(&request()).await.unwrap();
    }
}

#[tokio::test]
async fn an_error_of_an_alias_names_the_alias_and_the_pinned_key() {
    let (emulator, signer) = emulated().await;
    let arn = signer.key().to_owned();
    emulator.create_alias("alias/hot-wallet", &arn).unwrap();
    let by_alias = builder(&emulator, "alias/hot-wallet")
        .connect()
        .await
        .unwrap();
    emulator.set_enabled(&arn, false).unwrap();
    let error = by_alias.sign(&request()).await.unwrap_err();
    let receipt = error.receipt().unwrap();
    assert_eq!(receipt.key(), "alias/hot-wallet");
    assert_eq!(receipt.pinned_key(), Some(&*arn));
}
