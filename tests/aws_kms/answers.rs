//! Answers that KMS never gives, to a client without a network.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::{Client, config::Credentials};
use aws_smithy_http_client::test_util::infallible_client_fn;
use kms_signer::{
    Error, KeyType, SignRequest, Signer,
    emulator::aws_kms::KmsEmulator,
    error::{AnswerFault, KeyStoreFault, SignatureFault},
    provider::aws_kms::AwsKmsSigner,
};

use super::{KEY, key_store_fault, request};

/// A client that gets `body` in every answer, and the number of its requests.
fn client_answered_with(status: u16, body: impl Into<String>) -> (Client, Arc<AtomicU32>) {
    let body = body.into();
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
        .http_client(infallible_client_fn(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            http::Response::builder()
                .status(status)
                .header("x-amzn-requestid", "req-canned")
                .body(body.clone())
                .unwrap()
        }))
        .build();
    (Client::from_conf(config), count)
}

async fn signer_answered_with(status: u16, body: &str) -> (AwsKmsSigner, Arc<AtomicU32>) {
    let emulator = KmsEmulator::builder().seed(1).start().await.unwrap();
    let arn = emulator
        .create_key_from_bytes(KeyType::Secp256k1, &[1; 32])
        .unwrap();
    let public_key = emulator.public_key(&arn).unwrap();
    let (client, count) = client_answered_with(status, body);
    let builder = AwsKmsSigner::builder(KEY).client(client);
    (builder.connect_lazy(public_key).await.unwrap(), count)
}

/// `MAYCAQECAQE=` is the DER of r = s = 1, and `MAA=` that of an empty sequence.
#[tokio::test]
async fn each_answer_that_is_not_a_signature_has_its_own_error() {
    type Check = fn(&Error) -> bool;
    let cases: [(&str, &str, Check); 9] = [
        ("empty object", "{}", |error| {
            matches!(
                error,
                Error::UnusableAnswer {
                    fault: AnswerFault::Missing { field, .. },
                    ..
                } if field == "KeyId"
            )
        }),
        ("empty body", "", |error| {
            matches!(
                error,
                Error::UnusableAnswer {
                    fault: AnswerFault::Missing { field, .. },
                    ..
                } if field == "KeyId"
            )
        }),
        (
            "no signature",
            r#"{"KeyId":"arn:aws:kms:us-east-1:111122223333:key/1","SigningAlgorithm":"ECDSA_SHA_256"}"#,
            |error| {
                matches!(
                    error,
                    Error::UnusableAnswer {
                        fault: AnswerFault::Missing { field, .. },
                        ..
                    } if field == "Signature"
                )
            },
        ),
        (
            "another algorithm",
            r#"{"KeyId":"arn:aws:kms:us-east-1:111122223333:key/1","SigningAlgorithm":"ECDSA_SHA_512","Signature":"MAYCAQECAQE="}"#,
            |error| {
                matches!(
                    error,
                    Error::UnusableAnswer {
                        fault: AnswerFault::Algorithm { .. },
                        ..
                    }
                )
            },
        ),
        (
            "another key",
            r#"{"KeyId":"arn:aws:kms:us-east-1:111122223333:key/2","SigningAlgorithm":"ECDSA_SHA_256","Signature":"MAYCAQECAQE="}"#,
            |error| matches!(error, Error::KeyMoved { .. }),
        ),
        (
            "another signature",
            r#"{"KeyId":"arn:aws:kms:us-east-1:111122223333:key/1","SigningAlgorithm":"ECDSA_SHA_256","Signature":"MAYCAQECAQE="}"#,
            |error| matches!(error, Error::SignatureNotVerified { .. }),
        ),
        (
            "not a signature",
            r#"{"KeyId":"arn:aws:kms:us-east-1:111122223333:key/1","SigningAlgorithm":"ECDSA_SHA_256","Signature":"MAA="}"#,
            |error| {
                matches!(
                    error,
                    Error::InvalidSignature {
                        fault: SignatureFault::Malformed,
                        ..
                    }
                )
            },
        ),
        (
            "bad base64",
            r#"{"KeyId":"arn:aws:kms:us-east-1:111122223333:key/1","SigningAlgorithm":"ECDSA_SHA_256","Signature":"%%%"}"#,
            |error| {
                matches!(
                    error,
                    Error::KeyStore {
                        fault: KeyStoreFault::Unavailable,
                        ..
                    }
                )
            },
        ),
        ("a proxy's page", "<html>Sign in</html>", |error| {
            matches!(
                error,
                Error::KeyStore {
                    fault: KeyStoreFault::Unavailable,
                    ..
                }
            )
        }),
    ];
    for (name, body, check) in cases {
        let (signer, count) = signer_answered_with(200, body).await;
        let error = signer
            .sign(&SignRequest::keccak256(b"preimage"))
            .await
            .unwrap_err();
        assert!(check(&error), "{name}: {error:?}");
        assert_eq!(error.request_id(), Some("req-canned"), "{name}");
        // The receipt names the key that answered, which is another one in one case.
        let key = error.receipt().unwrap().key();
        assert!(key == KEY || name == "another key", "{name}: {key}");
        let expected = if error.is_retryable() { 3 } else { 1 };
        assert_eq!(count.load(Ordering::Relaxed), expected, "{name}");
        assert_eq!(error.receipt().unwrap().attempts(), expected, "{name}");
    }
}

#[tokio::test]
async fn throttling_and_denial_come_through_the_sdk_typed() {
    let (signer, _) = signer_answered_with(
        400,
        r#"{"__type":"ThrottlingException","message":"You have exceeded the rate"}"#,
    )
    .await;
    let (fault, error) = key_store_fault(signer.sign(&request()).await);
    assert_eq!(fault, KeyStoreFault::Throttled);
    assert!(error.is_throttled() && error.is_retryable());

    let (signer, _) = signer_answered_with(
        400,
        r#"{"__type":"AccessDeniedException","message":"User is not authorized"}"#,
    )
    .await;
    let (fault, error) = key_store_fault(signer.sign(&request()).await);
    assert_eq!(fault, KeyStoreFault::AccessDenied);
    let shown = error.to_string();
    assert!(
        shown.contains("allow kms:Sign on") && shown.contains(KEY),
        "{shown}"
    );
    assert!(!error.is_retryable());
}

/// The answer decides which address gets funded, so it must be about the requested key.
#[tokio::test]
async fn connecting_rejects_an_answer_about_another_key() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let spki = emulator.public_key(&arn).unwrap().to_spki_der();
    let answer = serde_json::json!({
        "KeyId": "arn:aws:kms:us-east-1:999999999999:key/2",
        "KeySpec": "ECC_SECG_P256K1",
        "KeyUsage": "SIGN_VERIFY",
        "SigningAlgorithms": ["ECDSA_SHA_256"],
        "PublicKey": aws_smithy_types::base64::encode(spki),
    });
    let (client, _) = client_answered_with(200, answer.to_string());
    match AwsKmsSigner::builder(KEY).client(client).connect().await {
        Err(Error::KeyMoved {
            pinned, returned, ..
        }) => {
            assert_eq!(pinned, KEY);
            assert_eq!(returned, "arn:aws:kms:us-east-1:999999999999:key/2");
        }
        other => panic!("{other:?}"),
    }
}
