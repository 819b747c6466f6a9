//! Any HTTP answer sent in place of KMS's gives an error that can be shown, or a verified
//! signature, and no panic. The first byte picks GetPublicKey or Sign, and the status; the rest is
//! the body.
#![no_main]

use std::sync::{LazyLock, Mutex};

use aws_sdk_kms::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::body::SdkBody;
use kms_signer::{
    KeyType, PublicKey, Retries, SignRequest, Signer as _,
    provider::{aws_kms::AwsKmsSigner, local::LocalSigner},
};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;

/// The status and body of the next answer.
static ANSWER: Mutex<(u16, Vec<u8>)> = Mutex::new((200, Vec::new()));
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().build().unwrap()
});
static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let http = infallible_client_fn(|_| {
        let (status, body) = ANSWER.lock().unwrap().clone();
        http::Response::builder()
            .status(status)
            .header("x-amzn-requestid", "fuzz")
            .body(SdkBody::from(body))
            .unwrap()
    });
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(http)
        .build();
    Client::from_conf(config)
});
static PUBLIC_KEY: LazyLock<PublicKey> = LazyLock::new(|| {
    let signer = LocalSigner::from_bytes(KeyType::Secp256k1, &[7; 32]).unwrap();
    signer.public_key().clone()
});

fuzz_target!(|data: &[u8]| {
    let Some((first, body)) = data.split_first() else {
        return;
    };
    let statuses = [200, 200, 200, 400, 403, 407, 429, 503];
    *ANSWER.lock().unwrap() = (statuses[usize::from(first % 8)], body.to_vec());
    let builder = AwsKmsSigner::builder("alias/a")
        .client(CLIENT.clone())
        .retries(Retries::none());
    let error = RUNTIME.block_on(async {
        if first & 8 == 0 {
            builder.connect().await.err()
        } else {
            let signer = builder.connect_lazy(PUBLIC_KEY.clone()).await.unwrap();
            signer.sign(&SignRequest::keccak256(b"tx")).await.err()
        }
    });
    if let Some(error) = error {
        assert!(!error.to_string().is_empty());
        let _ = (error.is_retryable(), format!("{error:?}"));
    }
});
