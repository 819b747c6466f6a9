//! Which connection an attempt uses after one that got no answer.

use std::time::Duration;

use kms_signer::{
    KeyType, Retries, Signer, emulator::aws_kms::KmsEmulator, provider::aws_kms::AwsKmsSigner,
};
use tokio::time::timeout;

use crate::{
    request,
    tcp::Server,
    tls::{self, Http, Identity},
};

const ATTEMPT: Duration = Duration::from_millis(400);

/// The first connection answers once and then never again; the other connections answer.
async fn falls_silent(http: Http) -> (KmsEmulator, Server, AwsKmsSigner) {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let identity = Identity::new("localhost");
    let server = tls::server(&emulator, &identity, http, |connection, request| {
        connection > 0 || request == 0
    })
    .await;
    let signer = AwsKmsSigner::builder(arn)
        .sdk_config(&tls::config(&server, &identity.pem))
        .attempt_timeout(ATTEMPT)
        .retries(Retries::default().max_retries(1))
        .connect()
        .await
        .unwrap();
    assert_eq!(server.accepted(), 1);
    (emulator, server, signer)
}

#[tokio::test]
async fn an_attempt_after_a_timeout_takes_another_connection() {
    for http in [Http::One, Http::Two] {
        let (_emulator, server, signer) = falls_silent(http).await;
        let signed = signer.sign(&request()).await.unwrap();
        assert_eq!(signed.receipt.attempts(), 2, "{http:?}");
        assert_eq!(server.accepted(), 2, "{http:?}");
        // All later attempts stay with it.
        let signed = signer.sign(&request()).await.unwrap();
        assert_eq!(signed.receipt.attempts(), 1, "{http:?}");
        assert_eq!(server.accepted(), 2, "{http:?}");
    }
}

/// A caller that gives up before the attempt does must not leave the silent connection in the pool.
#[tokio::test]
async fn a_call_after_a_dropped_one_takes_another_connection() {
    for http in [Http::One, Http::Two] {
        let (_emulator, server, signer) = falls_silent(http).await;
        let impatient = timeout(ATTEMPT / 4, signer.sign(&request())).await;
        assert!(impatient.is_err(), "{http:?}: {impatient:?}");
        let signed = signer.sign(&request()).await.unwrap();
        assert_eq!(signed.receipt.attempts(), 1, "{http:?}");
        assert_eq!(server.accepted(), 2, "{http:?}");
    }
}

/// Several calls that wait on the silent connection all leave it.
#[tokio::test]
async fn calls_at_once_all_leave_a_silent_connection() {
    let (_emulator, server, signer) = falls_silent(Http::Two).await;
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let signer = signer.clone();
            tokio::spawn(async move { signer.sign(&request()).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().receipt.attempts(), 2);
    }
    // With HTTP/2 one connection replaces the silent one, but each call may have opened its own
    // first.
    assert!(
        (2..=9).contains(&server.accepted()),
        "{}",
        server.accepted()
    );
}
