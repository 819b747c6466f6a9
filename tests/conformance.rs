//! What every signer promises, checked on every provider and through every layer and pointer.
//!
//! The verdict on a signature is left to the curve libraries, not to this crate's verifier.

use std::{sync::Arc, time::Duration};

use kms_signer::{
    Error, KeyType, PublicKey, Result, SignRequest, Signature, Signer,
    emulator::{KmsEmulator, Operation},
    hazmat,
    layer::{
        audit::{Audit, MemorySink},
        deadline::Deadline,
        failover::Failover,
        hedge::Hedge,
        rate_limit::RateLimit,
    },
    provider::{aws_kms::AwsKmsSigner, local::LocalSigner},
};
use sha3::Digest as _;

const KEY_TYPES: [KeyType; 3] = [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519];

type Subject = (String, Box<dyn Signer>);

/// Every provider with every key type it offers, and every layer and pointer around one of them.
async fn subjects(emulator: &KmsEmulator) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = Vec::new();
    for key_type in KEY_TYPES {
        let local = LocalSigner::random(key_type).unwrap();
        subjects.push((format!("local {key_type}"), Box::new(local.clone())));
        subjects.push((
            format!("&local {key_type}"),
            Box::new(leaked(local.clone())),
        ));
        subjects.push((
            format!("Arc<local> {key_type}"),
            Box::new(Arc::new(local.clone())),
        ));
        let boxed: Box<dyn Signer> = Box::new(local);
        subjects.push((format!("Box<dyn local> {key_type}"), Box::new(boxed)));

        let arn = emulator.create_key(key_type).unwrap();
        let builder = AwsKmsSigner::builder(arn)
            .endpoint_url(emulator.endpoint_url())
            .static_credentials("AKIAFAKEFAKEFAKEFAKE", "fake", None);
        let connected = builder.clone().connect().await.unwrap();
        let pinned = builder
            .pinned(connected.public_key().clone())
            .await
            .unwrap();
        subjects.extend(layered(key_type, &connected));
        subjects.push((format!("aws_kms {key_type}"), Box::new(connected)));
        subjects.push((format!("aws_kms pinned {key_type}"), Box::new(pinned)));
    }
    subjects
}

/// Each layer around the provider that has the most to go wrong, and all of them together.
fn layered(key_type: KeyType, signer: &AwsKmsSigner) -> Vec<Subject> {
    let limit = RateLimit::per_second(1_000_000).build().unwrap();
    let minute = Duration::from_secs(60);
    let failover = || Failover::new([signer.clone(), signer.clone()]).unwrap();
    let stack = Hedge::after(limit.limit(signer.clone()), minute);
    let stack = Deadline::new(Failover::new([stack]).unwrap(), minute);
    let layers: [(&str, Box<dyn Signer>); 6] = [
        (
            "audit",
            Box::new(Audit::new(signer.clone(), MemorySink::default())),
        ),
        ("deadline", Box::new(Deadline::new(signer.clone(), minute))),
        ("failover", Box::new(failover())),
        (
            "hedge",
            Box::new(Hedge::after(signer.clone(), Duration::ZERO)),
        ),
        ("rate_limit", Box::new(limit.limit(signer.clone()))),
        ("stack", Box::new(Audit::new(stack, MemorySink::default()))),
    ];
    layers
        .into_iter()
        .map(|(name, layer)| (format!("{name} {key_type}"), layer))
        .collect()
}

/// A signer that is borrowed for the rest of the process: one wrapper is `&T`.
fn leaked(signer: LocalSigner) -> &'static LocalSigner {
    Box::leak(Box::new(signer))
}

/// The requests that a key of this type signs, each with the bytes that are really signed.
fn requests(key_type: KeyType, preimage: &[u8]) -> Vec<(SignRequest<'_>, Vec<u8>)> {
    let keccak = sha3::Keccak256::digest(preimage).to_vec();
    let sha256 = sha2::Sha256::digest(preimage).to_vec();
    let blake2b = blake2::Blake2b256::digest(preimage).to_vec();
    match key_type {
        KeyType::Ed25519 => vec![
            (SignRequest::message(preimage), preimage.to_vec()),
            (SignRequest::blake2b256(preimage), blake2b),
        ],
        _ => vec![
            (
                hazmat::prehashed_from_slice(&keccak).unwrap(),
                keccak.clone(),
            ),
            (SignRequest::keccak256(preimage), keccak),
            (SignRequest::sha256(preimage), sha256),
            (SignRequest::blake2b256(preimage), blake2b),
        ],
    }
}

/// Panics unless the curve library accepts the signature and finds it canonical.
#[track_caller]
fn assert_signed(name: &str, key: &PublicKey, signed_bytes: &[u8], signature: &Signature) {
    let bytes = signature.to_bytes();
    match key.key_type() {
        KeyType::Secp256k1 => {
            use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
            let theirs = k256::ecdsa::Signature::from_slice(&bytes).unwrap();
            let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&key.to_bytes()).unwrap();
            key.verify_prehash(signed_bytes, &theirs)
                .unwrap_or_else(|_| panic!("{name}"));
            assert_eq!(theirs, theirs.normalize_s(), "{name}: s is high");
            let Signature::Secp256k1(ours) = signature else {
                panic!("{name}: {signature:?}")
            };
            let recovery_id = k256::ecdsa::RecoveryId::from_byte(ours.recovery_id()).unwrap();
            let recovered =
                k256::ecdsa::VerifyingKey::recover_from_prehash(signed_bytes, &theirs, recovery_id);
            assert_eq!(recovered.unwrap(), key, "{name}: wrong recovery id");
        }
        KeyType::P256 => {
            use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
            let theirs = p256::ecdsa::Signature::from_slice(&bytes).unwrap();
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&key.to_bytes()).unwrap();
            key.verify_prehash(signed_bytes, &theirs)
                .unwrap_or_else(|_| panic!("{name}"));
            assert_eq!(theirs, theirs.normalize_s(), "{name}: s is high");
        }
        KeyType::Ed25519 => {
            let key_bytes: [u8; 32] = key.to_bytes().try_into().unwrap();
            let key = ed25519_dalek::VerifyingKey::from_bytes(&key_bytes).unwrap();
            let theirs = ed25519_dalek::Signature::from_bytes(&bytes);
            key.verify_strict(signed_bytes, &theirs)
                .unwrap_or_else(|_| panic!("{name}"));
        }
        other => panic!("{name}: no library for {other}"),
    }
}

#[tokio::test]
async fn signatures_are_valid_and_canonical_for_every_request_and_size() {
    let emulator = KmsEmulator::start().await.unwrap();
    for (name, signer) in subjects(&emulator).await {
        let key = signer.public_key();
        for size in [0, 1, 31, 32, 33, 300, 4096] {
            let preimage: Vec<u8> = (0..size).map(|at| at as u8).collect();
            for (request, signed_bytes) in requests(key.key_type(), &preimage) {
                if signed_bytes.is_empty() {
                    // KMS signs no empty message: `tests/aws_kms/` has its refusal.
                    continue;
                }
                let signed = signer.sign(&request).await.unwrap();
                assert_signed(&name, key, &signed_bytes, &signed.signature);
                assert!(!signed.receipt.key().is_empty());
            }
        }
    }
}

/// Half of what KMS returns has a high s: none of it may come out.
#[tokio::test]
async fn no_high_s_in_a_hundred_signatures() {
    let emulator = KmsEmulator::start().await.unwrap();
    for (name, signer) in subjects(&emulator).await {
        let key = signer.public_key();
        for at in 0..100u8 {
            let preimage = [at; 40];
            let (request, signed_bytes) = requests(key.key_type(), &preimage).remove(1);
            let signed = signer.sign(&request).await.unwrap();
            assert_signed(&name, key, &signed_bytes, &signed.signature);
        }
    }
}

#[tokio::test]
async fn a_request_that_does_not_fit_is_refused_and_the_signer_goes_on() {
    let emulator = KmsEmulator::start().await.unwrap();
    for (name, signer) in subjects(&emulator).await {
        let misfit = match signer.public_key().key_type() {
            KeyType::Ed25519 => SignRequest::keccak256(b"preimage"),
            _ => SignRequest::message(b"message"),
        };
        let before = emulator.calls(Operation::Sign);
        let refused = signer.sign(&misfit).await.unwrap_err();
        assert!(
            matches!(refused, Error::UnsupportedRequest { .. }),
            "{name}: {refused}"
        );
        assert!(!refused.is_retryable(), "{name}");
        assert_eq!(
            emulator.calls(Operation::Sign),
            before,
            "{name}: the key store was asked"
        );
        signer
            .sign(&SignRequest::blake2b256(b"preimage"))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn many_requests_at_once_do_not_mix() {
    let emulator = KmsEmulator::start().await.unwrap();
    for (name, signer) in subjects(&emulator).await {
        let key = signer.public_key();
        let preimages: Vec<[u8; 32]> = (0..32).map(|at| [at; 32]).collect();
        let signed: Vec<Result<_>> =
            futures_util::future::join_all(preimages.iter().map(|preimage| async {
                let request = SignRequest::blake2b256(preimage);
                signer.sign(&request).await
            }))
            .await;
        for (preimage, signed) in preimages.iter().zip(signed) {
            let digest = blake2::Blake2b256::digest(preimage);
            assert_signed(&name, key, &digest, &signed.unwrap().signature);
        }
    }
}

#[tokio::test]
async fn a_dropped_future_leaves_the_signer_usable() {
    let emulator = KmsEmulator::start().await.unwrap();
    for (name, signer) in subjects(&emulator).await {
        for polls in 0..4 {
            let request = SignRequest::blake2b256(b"dropped");
            let mut future = signer.sign(&request);
            for _ in 0..polls {
                if futures_util::poll!(&mut future).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(future);
        }
        let signed = signer
            .sign(&SignRequest::blake2b256(b"kept"))
            .await
            .unwrap();
        let digest = blake2::Blake2b256::digest(b"kept");
        assert_signed(&name, signer.public_key(), &digest, &signed.signature);
    }
}
