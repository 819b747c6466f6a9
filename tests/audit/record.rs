//! The content of a record.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use kms_signer::{
    Error, KeyType, SignRequest, Signer as _,
    emulator::aws_kms::KmsEmulator,
    hazmat,
    layer::audit::{Audit, MemorySink},
    provider::{aws_kms::AwsKmsSigner, local::LocalSigner},
};
use serde_json::Value;
use sha2::Digest as _;

use crate::{FailingSigner, MEMBERS, in_memory, local, parsed, sign};

const KEY_TYPES: [KeyType; 3] = [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519];

fn bytes(member: &Value) -> Vec<u8> {
    hex::decode(member.as_str().unwrap()).unwrap()
}

/// Panics unless the record alone (for Ed25519 with the message) proves the signature.
#[track_caller]
fn assert_proves(record: &Value, message: &[u8]) {
    let (key, digest) = (bytes(&record["public_key"]), bytes(&record["digest"]));
    let signature = bytes(&record["signature"]);
    match record["key_type"].as_str().unwrap() {
        "secp256k1" => {
            use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
            let signature = Signature::from_slice(&signature).unwrap();
            let id = record["recovery_id"].as_u64().unwrap();
            let id = RecoveryId::from_byte(id.try_into().unwrap()).unwrap();
            let recovered = VerifyingKey::recover_from_prehash(&digest, &signature, id).unwrap();
            assert_eq!(recovered, VerifyingKey::from_sec1_bytes(&key).unwrap());
        }
        "P-256" => {
            use p256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier as _};
            let key = VerifyingKey::from_sec1_bytes(&key).unwrap();
            let signature = Signature::from_slice(&signature).unwrap();
            key.verify_prehash(&digest, &signature).unwrap();
            assert!(record["recovery_id"].is_null());
        }
        "Ed25519" => {
            use ed25519_dalek::{Signature, VerifyingKey};
            assert_eq!(digest, sha2::Sha256::digest(message).to_vec());
            let key = VerifyingKey::from_bytes(&key.try_into().unwrap()).unwrap();
            let signature = Signature::from_slice(&signature).unwrap();
            key.verify_strict(message, &signature).unwrap();
            assert!(record["recovery_id"].is_null());
        }
        other => panic!("no library for {other}"),
    }
}

#[tokio::test]
async fn a_record_proves_the_signature_and_names_the_call() {
    let emulator = KmsEmulator::start().await.unwrap();
    for key_type in KEY_TYPES {
        let arn = emulator.create_key(key_type).unwrap();
        let signer = AwsKmsSigner::builder(arn.clone())
            .emulator(emulator.endpoint_url(), emulator.region())
            .connect()
            .await
            .unwrap();
        let (signer, sink) = in_memory(signer);
        let request = match key_type {
            KeyType::Ed25519 => SignRequest::message(b"preimage"),
            _ => SignRequest::sha256(b"preimage"),
        };
        let signed = signer.sign(&request).await.unwrap();

        let records = sink.records();
        assert_eq!(records.len(), 1, "{key_type}");
        let record = serde_json::to_value(&records[0]).unwrap();
        assert_eq!(record["outcome"], "signed");
        assert_eq!(record["kind"], request.kind().as_str());
        assert_eq!(record["key_type"], key_type.to_string());
        assert_proves(&record, b"preimage");
        assert_eq!(bytes(&record["signature"]), signed.signature.as_bytes());

        let request_id = signed.receipt.request_id().unwrap();
        assert_eq!(record["request_id"], request_id);
        assert_eq!(record["operation"], "Sign");
        assert_eq!(record["key"], arn);
        assert_eq!(record["region"], signed.receipt.region().unwrap());
        assert_eq!(record["attempts"], 1);
        let elapsed = signed.receipt.elapsed().as_micros();
        assert_eq!(u128::from(record["elapsed_us"].as_u64().unwrap()), elapsed);
        assert!(record["code"].is_null() && record["label"].is_null());
    }
}

/// Renaming a member would break programs that read records.
#[tokio::test]
async fn records_have_these_members_in_this_order() {
    let (signer, sink) = in_memory(local());
    sign(&signer, "label").await.unwrap();
    let json = serde_json::to_string(&sink.records()[0]).unwrap();
    let places: Vec<usize> = MEMBERS
        .iter()
        .map(|member| json.find(&format!("\"{member}\":")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{json}");
    assert_eq!(parsed(&json).as_object().unwrap().len(), MEMBERS.len());
}

/// RFC 3339 in UTC, always with three digits of a second, so that records sort as text.
#[tokio::test]
async fn the_time_comes_from_the_clock() {
    let (signer, sink) = in_memory(local());
    sign(&signer, "label").await.unwrap();
    let text = sink.records()[0].time.clone();
    assert_eq!(text.len(), "2026-11-22T10:11:12.345Z".len(), "{text}");
    assert!(text.ends_with('Z') && text.contains('T'), "{text}");
    let time: SystemTime = text.parse::<jiff::Timestamp>().unwrap().into();
    let hour = Duration::from_secs(60 * 60);
    let now = SystemTime::now();
    assert!(now - hour < time && time < now + hour, "{text}");
}

#[tokio::test]
async fn every_kind_of_request_is_recorded_with_its_digest() {
    let (signer, sink) = in_memory(local());
    let requests = [
        SignRequest::keccak256(b"preimage"),
        SignRequest::sha256(b"preimage"),
        SignRequest::blake2b256(b"preimage"),
        hazmat::prehashed([9; 32]),
    ];
    for request in &requests {
        signer.sign(request).await.unwrap();
    }
    let kinds: Vec<&str> = sink.records().iter().map(|record| record.kind).collect();
    assert_eq!(kinds, ["keccak256", "sha256", "blake2b256", "prehashed"]);
    for (request, record) in requests.iter().zip(sink.records()) {
        let input = request.input_for(KeyType::Secp256k1).unwrap();
        assert_eq!(
            record.digest.as_ref(),
            Some(&hex::encode(input.fingerprint()))
        );
        assert_proves(&serde_json::to_value(&record).unwrap(), b"");
    }
}

#[tokio::test]
async fn a_rejection_by_the_key_store_is_recorded() {
    let (signer, sink) = in_memory(FailingSigner(local()));
    let error = sign(&signer, "payout").await.unwrap_err();
    assert_eq!(error.name(), "throttled");

    let record = &sink.records()[0];
    assert_eq!(sink.records().len(), 1);
    assert_eq!(record.outcome, "throttled");
    assert_eq!(record.code.as_deref(), Some("ThrottlingException"));
    assert_eq!(record.label.as_deref(), Some("payout"));
    let digest = hex::encode(sha3::Keccak256::digest(b"preimage"));
    assert_eq!(record.digest, Some(digest));
    assert_eq!((&record.signature, record.recovery_id), (&None, None));
    assert_eq!(record.request_id.as_deref(), Some("request-1"));
    assert_eq!(record.region.as_deref(), Some("eu-west-1"));
    assert_eq!(record.attempts, Some(3));
}

#[tokio::test]
async fn a_request_that_the_key_cannot_sign_is_recorded() {
    let (signer, sink) = in_memory(local());
    let error = signer.sign(&SignRequest::message(b"m")).await.unwrap_err();
    assert!(matches!(error, Error::UnsupportedRequest { .. }), "{error}");

    let record = serde_json::to_value(&sink.records()[0]).unwrap();
    assert_eq!(record["outcome"], "unsupported_request");
    assert_eq!(record["kind"], "message");
    let public_key = local().public_key().to_bytes();
    assert_eq!(bytes(&record["public_key"]), public_key);
    // No call was made, and there are no bytes that the key could have signed.
    for member in [
        "code",
        "digest",
        "signature",
        "recovery_id",
        "operation",
        "key",
        "region",
        "request_id",
        "attempts",
        "elapsed_us",
    ] {
        assert!(record[member].is_null(), "{member}: {record}");
    }
}

#[tokio::test]
async fn the_label_of_a_request_overrides_that_of_the_layer() {
    let sink = Arc::new(MemorySink::new());
    let plain = Audit::new(local(), Arc::clone(&sink));
    let labelled = Audit::new(local(), Arc::clone(&sink)).with_label("payouts");
    let request = SignRequest::keccak256(b"preimage");
    let own = request.clone().with_label("payout 4711");
    for signer in [&plain, &labelled] {
        for request in [&request, &own] {
            signer.sign(request).await.unwrap();
        }
    }
    let labels: Vec<Option<String>> = (sink.records().into_iter())
        .map(|record| record.label)
        .collect();
    let labels: Vec<Option<&str>> = labels.iter().map(Option::as_deref).collect();
    let own = Some("payout 4711");
    assert_eq!(labels, [None, own, Some("payouts"), own]);
}

#[tokio::test]
async fn a_record_contains_neither_the_message_nor_the_source_of_an_error() {
    let message = b"canary of the message";
    let key = LocalSigner::random(KeyType::Ed25519).unwrap();
    let (signer, sink) = in_memory(key);
    signer.sign(&SignRequest::message(message)).await.unwrap();
    let (failing, failed) = in_memory(FailingSigner(local()));
    failing
        .sign(&SignRequest::keccak256(message))
        .await
        .unwrap_err();

    let records = [sink.records(), failed.records()].concat();
    assert_eq!(records.len(), 2);
    let shown = format!("{records:?} {signer:?} {failing:?}");
    let json = serde_json::to_string(&records).unwrap();
    for text in [shown, json] {
        for canary in ["canary".to_owned(), hex::encode(message)] {
            assert!(!text.contains(&canary), "{text}");
        }
    }
}
