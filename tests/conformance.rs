//! What every signer promises, checked on every provider and through every layer and pointer.
//!
//! The verdict on a signature is left to the curve libraries, not to this crate's verifier.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kms_signer::{
    Error, KeyType, PublicKey, Result, SignRequest, Signature, Signed, Signer, async_trait,
    emulator::aws_kms::{KmsEmulator, Operation},
    hazmat,
    layer::{
        audit::{Audit, MemorySink},
        failover::Failover,
        hedge::Hedge,
        rate_limit::RateLimit,
        timeout::Timeout,
    },
    provider::{aws_kms::AwsKmsSigner, local::LocalSigner},
};
use sha3::Digest as _;

const KEY_TYPES: [KeyType; 3] = [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519];

/// A signer that every case runs against.
struct Subject {
    name: String,
    signer: Box<dyn Signer>,
    /// Whether its key store takes an empty message.
    takes_empty: bool,
    /// How many second attempts were made inside, if it makes any.
    second_attempts: Option<Arc<AtomicU64>>,
}

impl Subject {
    fn new(
        name: &str,
        key_type: KeyType,
        signer: impl Signer + 'static,
        takes_empty: bool,
    ) -> Self {
        Self {
            name: format!("{name} {key_type}"),
            signer: Box::new(signer),
            takes_empty,
            second_attempts: None,
        }
    }

    /// Panics if it should have made second attempts in a case and did not.
    fn finish(self) {
        let Self { name, .. } = self;
        if let Some(attempts) = self.second_attempts {
            let attempts = attempts.load(Ordering::Relaxed);
            assert!(attempts > 0, "{name}: no second attempt was made");
        }
    }
}

/// Every provider with every key type it offers, and every layer and pointer around one of them.
async fn subjects(emulator: &KmsEmulator) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for key_type in KEY_TYPES {
        let local = LocalSigner::random(key_type).unwrap();
        let boxed: Box<dyn Signer> = Box::new(local.clone());
        subjects.extend([
            Subject::new("local", key_type, local.clone(), true),
            Subject::new("&local", key_type, leaked(local.clone()), true),
            Subject::new("Arc<local>", key_type, Arc::new(local), true),
            Subject::new("Box<dyn local>", key_type, boxed, true),
        ]);

        let arn = emulator.create_key(key_type).unwrap();
        let builder =
            AwsKmsSigner::builder(arn).emulator(emulator.endpoint_url(), emulator.region());
        let connected = builder.clone().connect().await.unwrap();
        let pinned = builder
            .pinned(connected.public_key().clone())
            .await
            .unwrap();
        subjects.extend(layered(key_type, &connected));
        subjects.push(Subject::new("aws_kms", key_type, connected, false));
        subjects.push(Subject::new("aws_kms pinned", key_type, pinned, false));
    }
    subjects
}

/// Each layer around the provider that has the most to go wrong, and all of them together.
fn layered(key_type: KeyType, signer: &AwsKmsSigner) -> Vec<Subject> {
    let around = |name, signer: Box<dyn Signer>| Subject::new(name, key_type, signer, false);
    let signer = || signer.clone();
    let limit = || RateLimit::per_second(1_000_000).build().unwrap();
    let in_time = Timeout::new(signer(), MINUTE).unwrap();
    let failover = Failover::builder([signer(), signer()]).build().unwrap();
    let audit = Audit::new(signer(), MemorySink::default());

    // As under "In production" in the README.
    let regions = [limit().limit(signer()), limit().limit(signer())];
    let stack = Failover::builder(regions).build().unwrap();
    let stack = Timeout::new(stack, MINUTE).unwrap();
    let stack = Audit::new(stack, MemorySink::default());

    // With a hedge where the documentation of `layer` has it.
    let hedge = Hedged::around(signer());
    let region = || {
        let region = Timeout::new(hedge.signer(), MINUTE).unwrap();
        limit().limit(hedge.layer(region))
    };
    let hedged_stack = Failover::builder([region(), region()]).build().unwrap();
    let hedged_stack = Timeout::new(hedged_stack, MINUTE).unwrap();
    let hedged_stack = Audit::new(hedged_stack, MemorySink::default());

    let alone = Hedged::around(signer());
    let hedged_alone = alone.layer(alone.signer());
    vec![
        around("audit", Box::new(audit)),
        around("timeout", Box::new(in_time)),
        around("failover", Box::new(failover)),
        around("rate_limit", Box::new(limit().limit(signer()))),
        around("stack", Box::new(stack)),
        alone.counted(around("hedge", Box::new(hedged_alone))),
        hedge.counted(around("stack with hedge", Box::new(hedged_stack))),
    ]
}

const MINUTE: Duration = Duration::from_secs(60);

/// A hedge whose second attempts are made: each first attempt is slow.
struct Hedged<S> {
    slow: Slow<S>,
}

impl<S: Signer + Clone> Hedged<S> {
    fn around(signer: S) -> Self {
        Self {
            slow: Slow {
                signer,
                under_way: Arc::default(),
                second_attempts: Arc::default(),
            },
        }
    }

    fn signer(&self) -> Slow<S> {
        self.slow.clone()
    }

    fn layer<T: Signer>(&self, signer: T) -> Hedge<T> {
        let hedge = Hedge::after(signer, Duration::ZERO);
        hedge.max_extra(1.0).build().unwrap()
    }

    fn counted(self, subject: Subject) -> Subject {
        Subject {
            second_attempts: Some(self.slow.second_attempts),
            ..subject
        }
    }
}

/// Signs late, unless it is already signing the same.
#[derive(Clone, Debug)]
struct Slow<S> {
    signer: S,
    under_way: Arc<Mutex<Vec<[u8; 32]>>>,
    second_attempts: Arc<AtomicU64>,
}

#[async_trait]
impl<S: Signer> Signer for Slow<S> {
    fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let Ok(input) = request.input_for(self.public_key().key_type()) else {
            return self.signer.sign(request).await;
        };
        let attempt = UnderWay::start(&self.under_way, input.fingerprint());
        match attempt.is_second {
            true => _ = self.second_attempts.fetch_add(1, Ordering::Relaxed),
            false => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        self.signer.sign(request).await
    }
}

/// One of the attempts that have begun and not ended.
struct UnderWay<'a> {
    all: &'a Mutex<Vec<[u8; 32]>>,
    fingerprint: [u8; 32],
    is_second: bool,
}

impl<'a> UnderWay<'a> {
    fn start(all: &'a Mutex<Vec<[u8; 32]>>, fingerprint: [u8; 32]) -> Self {
        let mut under_way = all.lock().unwrap();
        let is_second = under_way.contains(&fingerprint);
        under_way.push(fingerprint);
        Self {
            all,
            fingerprint,
            is_second,
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut under_way = self.all.lock().unwrap();
        let at = under_way.iter().position(|one| *one == self.fingerprint);
        under_way.swap_remove(at.unwrap());
    }
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
        KeyType::Ed25519 => {
            let message = match preimage.try_into() {
                Ok(digest) => hazmat::prehashed_message(digest),
                Err(_) => SignRequest::message(preimage),
            };
            vec![
                (message, preimage.to_vec()),
                (SignRequest::blake2b256(preimage), blake2b),
            ]
        }
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
    assert_eq!(signature.public_key(), key, "{name}");
    let bytes = signature.as_bytes();
    match key.key_type() {
        KeyType::Secp256k1 => {
            use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
            let theirs = k256::ecdsa::Signature::from_slice(bytes).unwrap();
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
            let theirs = p256::ecdsa::Signature::from_slice(bytes).unwrap();
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&key.to_bytes()).unwrap();
            key.verify_prehash(signed_bytes, &theirs)
                .unwrap_or_else(|_| panic!("{name}"));
            assert_eq!(theirs, theirs.normalize_s(), "{name}: s is high");
        }
        KeyType::Ed25519 => {
            let key_bytes: [u8; 32] = key.to_bytes().try_into().unwrap();
            let key = ed25519_dalek::VerifyingKey::from_bytes(&key_bytes).unwrap();
            let theirs = ed25519_dalek::Signature::from_slice(bytes).unwrap();
            key.verify_strict(signed_bytes, &theirs)
                .unwrap_or_else(|_| panic!("{name}"));
        }
        other => panic!("{name}: no library for {other}"),
    }
}

/// Invariant 10: a provider or layer that is forgotten here fails.
#[tokio::test]
async fn every_provider_and_every_layer_is_a_subject() {
    let emulator = KmsEmulator::start().await.unwrap();
    let subjects = subjects(&emulator).await;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for folder in ["provider", "layer"] {
        let files = fs::read_dir(source.join(folder)).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let modules: Vec<_> = files.filter(|path| path.is_file()).collect();
        assert!(modules.len() > 1, "{modules:?}");
        for module in modules {
            let module = module.file_stem().unwrap().to_str().unwrap();
            for key_type in KEY_TYPES {
                let name = format!("{module} {key_type}");
                let is_there = subjects.iter().any(|subject| subject.name == name);
                assert!(is_there, "there is no subject `{name}`");
            }
        }
    }
}

#[tokio::test]
async fn signatures_are_valid_and_canonical_for_every_request_and_size() {
    let emulator = KmsEmulator::start().await.unwrap();
    for subject in subjects(&emulator).await {
        let (name, key) = (&subject.name, subject.signer.public_key());
        for size in [1, 31, 32, 33, 300, 4096] {
            let preimage: Vec<u8> = (0..size).map(|at| at as u8).collect();
            for (request, signed_bytes) in requests(key.key_type(), &preimage) {
                let signed = subject.signer.sign(&request).await.unwrap();
                assert_signed(name, key, &signed_bytes, &signed.signature);
                assert!(!signed.receipt.key().is_empty());
            }
        }
        subject.finish();
    }
}

/// An empty preimage has a hash like any other. An empty message is signed where the key store takes
/// one, and refused before any call where it does not: nothing else may become of it.
#[tokio::test]
async fn what_is_empty_is_signed_or_refused_for_its_length() {
    let emulator = KmsEmulator::start().await.unwrap();
    for subject in subjects(&emulator).await {
        let (name, key) = (&subject.name, subject.signer.public_key());
        for (request, signed_bytes) in requests(key.key_type(), b"") {
            let before = emulator.calls(Operation::Sign);
            match subject.signer.sign(&request).await {
                Ok(signed) if subject.takes_empty || !signed_bytes.is_empty() => {
                    assert_signed(name, key, &signed_bytes, &signed.signature);
                }
                Err(error @ Error::MessageLength { actual: 0, .. })
                    if !subject.takes_empty && signed_bytes.is_empty() =>
                {
                    assert!(!error.is_retryable(), "{name}");
                    let calls = emulator.calls(Operation::Sign);
                    assert_eq!(calls, before, "{name}: the key store was asked");
                }
                other => panic!("{name}: {other:?} for {request:?}"),
            }
        }
        subject.finish();
    }
}

/// Half of what KMS returns has a high s: none of it may come out.
#[tokio::test]
async fn no_high_s_in_a_hundred_signatures() {
    let emulator = KmsEmulator::start().await.unwrap();
    for subject in subjects(&emulator).await {
        let Subject { name, signer, .. } = &subject;
        let key = signer.public_key();
        for at in 0..100u8 {
            let preimage = [at; 40];
            let (request, signed_bytes) = requests(key.key_type(), &preimage).remove(1);
            let signed = signer.sign(&request).await.unwrap();
            assert_signed(name, key, &signed_bytes, &signed.signature);
        }
        subject.finish();
    }
}

#[tokio::test]
async fn a_request_that_does_not_fit_is_refused_and_the_signer_goes_on() {
    let emulator = KmsEmulator::start().await.unwrap();
    for subject in subjects(&emulator).await {
        let Subject { name, signer, .. } = &subject;
        let misfits = match signer.public_key().key_type() {
            KeyType::Ed25519 => vec![
                SignRequest::keccak256(b"preimage"),
                hazmat::prehashed([1; 32]),
                // It may be the digest of anything.
                SignRequest::message(&[1; 32]),
            ],
            _ => vec![
                SignRequest::message(b"message"),
                hazmat::prehashed_message([1; 32]),
            ],
        };
        let before = emulator.calls(Operation::Sign);
        for misfit in misfits {
            let refused = signer.sign(&misfit).await.unwrap_err();
            assert!(
                matches!(
                    refused,
                    Error::UnsupportedRequest { .. } | Error::AmbiguousMessage
                ),
                "{name}: {refused}"
            );
            assert!(!refused.is_retryable(), "{name}");
        }
        assert_eq!(
            emulator.calls(Operation::Sign),
            before,
            "{name}: the key store was asked"
        );
        signer
            .sign(&SignRequest::blake2b256(b"preimage"))
            .await
            .unwrap();
        subject.finish();
    }
}

#[tokio::test]
async fn many_requests_at_once_do_not_mix() {
    let emulator = KmsEmulator::start().await.unwrap();
    for subject in subjects(&emulator).await {
        let Subject { name, signer, .. } = &subject;
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
            assert_signed(name, key, &digest, &signed.unwrap().signature);
        }
        subject.finish();
    }
}

#[tokio::test]
async fn a_dropped_future_leaves_the_signer_usable() {
    let emulator = KmsEmulator::start().await.unwrap();
    for subject in subjects(&emulator).await {
        let Subject { name, signer, .. } = &subject;
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
        assert_signed(name, signer.public_key(), &digest, &signed.signature);
        subject.finish();
    }
}
