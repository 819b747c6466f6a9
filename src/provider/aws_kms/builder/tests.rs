use aws_sdk_kms::config::retry::RetryConfig;

use super::*;
use crate::{KeyType, Signer as _, secret_key::SecretKey};

const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn public_key() -> PublicKey {
    let key = SecretKey::from_bytes(KeyType::Secp256k1, &[4; 32]).unwrap();
    key.public_key().unwrap()
}

fn config(region: Option<&'static str>) -> SdkConfig {
    let builder = SdkConfig::builder().behavior_version(BehaviorVersion::v2026_01_12());
    builder.region(region.map(Region::from_static)).build()
}

fn client(region: &'static str) -> Client {
    Client::new(&config(Some(region)))
}

/// A pinned signer makes no call, so these tests need no server: `region` shows where calls would
/// go.
#[tokio::test]
async fn the_region_is_the_explicit_one_then_the_configured_one_then_the_arns() {
    let pinned = |builder: AwsKmsSignerBuilder| async move {
        let signer = builder.connect_lazy(public_key()).await?;
        Ok::<_, Error>(signer.region().unwrap().to_string())
    };
    let explicit = AwsKmsSigner::builder("alias/a").sdk_config(&config(Some("us-east-1")));
    assert_eq!(
        pinned(explicit.region("eu-west-1")).await.unwrap(),
        "eu-west-1"
    );

    let configured = AwsKmsSigner::builder("alias/a").sdk_config(&config(Some("us-east-1")));
    assert_eq!(pinned(configured).await.unwrap(), "us-east-1");

    let from_arn = AwsKmsSigner::builder(ARN).sdk_config(&config(None));
    assert_eq!(pinned(from_arn).await.unwrap(), "eu-central-1");

    let overridden = AwsKmsSigner::builder("alias/a").client(client("us-east-1"));
    assert_eq!(
        pinned(overridden.region("eu-west-1")).await.unwrap(),
        "eu-west-1"
    );

    let without = AwsKmsSigner::builder(ARN).client(Client::new(&config(None)));
    assert_eq!(pinned(without).await.unwrap(), "eu-central-1");
}

/// So no attempt has to override them. A user's client stays as it is, with its connections.
#[tokio::test]
async fn clients_that_are_made_here_leave_retries_to_the_signer() {
    let retries = |signer: AwsKmsSigner| {
        let config = signer.caller.client().config();
        config.retry_config().map(RetryConfig::max_attempts)
    };
    let builder = || AwsKmsSigner::builder("alias/a");
    let standard = RetryConfig::standard();
    let mut config = config(Some("us-east-1")).into_builder();
    config.set_retry_config(Some(standard.clone()));
    let config = config.build();
    let client = Client::new(&config);
    for (builder, attempts) in [
        (builder().sdk_config(&config), 1),
        (builder().client(client.clone()).region("eu-west-1"), 1),
        (builder().client(client), standard.max_attempts()),
    ] {
        let signer = builder.connect_lazy(public_key()).await.unwrap();
        assert_eq!(retries(signer.clone()), Some(attempts));
        let another = signer.another_key("alias/b").connect_lazy(public_key());
        assert_eq!(retries(another.await.unwrap()), Some(attempts));
    }
}

#[tokio::test]
async fn contradictory_settings_are_rejected_before_any_call() {
    let cases = [
        (AwsKmsSigner::builder(""), "`` cannot be a key in KMS"),
        (AwsKmsSigner::builder("alias/"), "cannot be a key in KMS"),
        (AwsKmsSigner::builder("key/1"), "cannot be a key in KMS"),
        (AwsKmsSigner::builder("a key"), "cannot be a key in KMS"),
        (
            AwsKmsSigner::builder("arn:aws:kms"),
            "cannot be a key in KMS",
        ),
        (
            AwsKmsSigner::builder("arn:aws:kms:eu-central-1:111122223333:key/"),
            "cannot be a key in KMS",
        ),
        (
            AwsKmsSigner::builder("arn:aws:s3:eu-central-1:111122223333:key/1"),
            "give a key id, a key ARN",
        ),
        (
            AwsKmsSigner::builder("alias/a").sdk_config(&config(None)),
            "no AWS region is known",
        ),
        (
            AwsKmsSigner::builder("alias/a").client(Client::new(&config(None))),
            "no AWS region is known",
        ),
        (
            AwsKmsSigner::builder("alias/a\u{202e}\nforged"),
            "`alias/a??forged` cannot be a key in KMS",
        ),
        (
            AwsKmsSigner::builder("alias/a").region("eu central"),
            "`eu central` is not the name of an AWS region",
        ),
        (
            AwsKmsSigner::builder("alias/a").region(""),
            "`` is not the name of an AWS region",
        ),
        (
            AwsKmsSigner::builder("alias/a")
                .region("us-east-1")
                .endpoint_url("localhost:4566"),
            "the endpoint is not a URL",
        ),
        (
            AwsKmsSigner::builder("alias/a")
                .region("us-east-1")
                .endpoint_url("ftp://localhost"),
            "the endpoint is not a URL",
        ),
        (
            AwsKmsSigner::builder("alias/a")
                .region("us-east-1")
                .endpoint_url("not a url"),
            "the endpoint is not a URL",
        ),
        (
            AwsKmsSigner::builder(ARN).client(client("us-east-1")),
            "ARN is in region eu-central-1 and the client is set to us-east-1",
        ),
        (
            AwsKmsSigner::builder(ARN)
                .sdk_config(&config(None))
                .region("us-east-1"),
            "ARN is in region eu-central-1 and the client is set to us-east-1",
        ),
    ];
    for (builder, expected) in cases {
        for result in [
            builder.clone().connect_lazy(public_key()).await,
            builder.connect().await,
        ] {
            match result {
                Err(error @ Error::InvalidConfig { .. }) => {
                    assert!(error.to_string().contains(expected), "{error}");
                }
                other => panic!("expected `{expected}`, got {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_pinned_arn_is_known_at_once_and_an_alias_is_not_an_arn() {
    let builder = AwsKmsSigner::builder(ARN).sdk_config(&config(None));
    let signer = builder.connect_lazy(public_key()).await.unwrap();
    assert_eq!(signer.arn.get().map(|arn| &**arn), Some(ARN));
    assert_eq!(signer.public_key(), &public_key());

    let alias = "arn:aws:kms:eu-central-1:111122223333:alias/hot-wallet";
    let builder = AwsKmsSigner::builder(alias).sdk_config(&config(None));
    let signer = builder.connect_lazy(public_key()).await.unwrap();
    assert_eq!((signer.arn.get(), signer.key()), (None, alias));
}

/// The SDK panics when it builds a client without a behavior version.
#[tokio::test]
async fn an_sdk_config_without_behavior_version_does_not_panic() {
    let bare = SdkConfig::builder()
        .region(Region::from_static("us-east-1"))
        .build();
    let builder = AwsKmsSigner::builder("alias/a").sdk_config(&bare);
    assert!(builder.connect_lazy(public_key()).await.is_ok());
}

#[tokio::test]
async fn a_signer_does_not_show_its_endpoint_either() {
    let builder = AwsKmsSigner::builder("alias/a")
        .region("eu-central-1")
        .static_credentials("canary", "canary", Some("canary".into()))
        .endpoint_url("http://user:canary@localhost");
    let signer = builder.connect_lazy(public_key()).await.unwrap();
    let shown = format!("{signer:?}");
    for part in ["alias/a", "eu-central-1", "secp256k1"] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(!shown.to_lowercase().contains("canary"), "{shown}");
    assert!(shown.len() < 400, "{} characters", shown.len());
}

#[test]
fn neither_credentials_nor_the_endpoint_are_shown() {
    let builder = AwsKmsSigner::builder("alias/a")
        .static_credentials("test", "canary-secret", Some("canary-token".into()))
        .endpoint_url("http://user:canary-password@localhost");
    let shown = format!("{builder:?}");
    assert!(
        shown.contains("alias/a") && !shown.contains("canary"),
        "{shown}"
    );
}
