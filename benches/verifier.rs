//! The cost of verification, compared with libraries that do less. `cargo bench --bench verifier`
//!
//! A hot key has accepted enough signatures to have a table; a cold one has not.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use kms_signer::{
    KeyInput, KeyType, PublicKey, RawSignature, Signer as _, Verifier, provider::local::LocalSigner,
};

/// A key with enough signatures to read every part of the tables.
struct Key {
    public_key: PublicKey,
    signatures: Vec<([u8; 32], [u8; 64])>,
}

const SIGNATURES: usize = 512;
/// How many signatures make a key hot.
const HOT_AFTER: usize = 16;

impl Key {
    fn new(key_type: KeyType) -> Self {
        let signer = LocalSigner::from_bytes(key_type, &[7; 32]).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let signatures = (0..SIGNATURES as u64).map(|number| {
            let mut digest = [0x42; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            let request = match key_type {
                KeyType::Ed25519 => kms_signer::hazmat::prehashed_message(digest),
                _ => kms_signer::hazmat::prehashed(digest),
            };
            let signed = runtime.block_on(signer.sign(&request)).unwrap();
            (digest, signed.signature.as_bytes().try_into().unwrap())
        });
        Self {
            signatures: signatures.collect(),
            public_key: signer.public_key().clone(),
        }
    }

    /// The signatures in turn, without end.
    fn turns<'a>(&'a self) -> impl FnMut() -> &'a ([u8; 32], [u8; 64]) {
        let mut signatures = self.signatures.iter().cycle();
        move || black_box(signatures.next().unwrap())
    }

    fn accept(&self, verifier: &Verifier, (digest, raw): &([u8; 32], [u8; 64])) {
        let input = match self.public_key.key_type() {
            KeyType::Ed25519 => KeyInput::Ed25519Message(digest),
            _ => KeyInput::EcdsaPrehash(digest),
        };
        black_box(verifier.accept(&input, RawSignature::Fixed(raw))).unwrap();
    }

    /// A verifier that has accepted this many signatures.
    fn verifier(&self, accepted: usize) -> Verifier {
        let verifier = Verifier::new(self.public_key.clone());
        let signatures = self.signatures.iter().take(accepted);
        signatures.for_each(|signature| self.accept(&verifier, signature));
        verifier
    }
}

fn ecdsa(criterion: &mut Criterion, name: &str, key: &Key, theirs: impl Fn(&[u8; 32], &[u8; 64])) {
    let mut group = criterion.benchmark_group(name);
    let hot = key.verifier(HOT_AFTER);
    let mut turns = key.turns();
    group.bench_function("hot key", |bencher| {
        bencher.iter(|| key.accept(&hot, turns()));
    });
    group.bench_function("cold key", |bencher| {
        let cold = || key.verifier(0);
        bencher.iter_batched_ref(
            cold,
            |verifier| key.accept(verifier, turns()),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("signature that builds the table", |bencher| {
        let almost = || key.verifier(HOT_AFTER - 1);
        bencher.iter_batched_ref(
            almost,
            |verifier| key.accept(verifier, turns()),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("curve crate's verify_prehash", |bencher| {
        bencher.iter(|| {
            let (digest, raw) = turns();
            theirs(digest, raw);
        });
    });
    group.finish();
}

fn verifiers(criterion: &mut Criterion) {
    use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
    let key = Key::new(KeyType::P256);
    let theirs = p256::ecdsa::VerifyingKey::from_sec1_bytes(&key.public_key.to_bytes()).unwrap();
    ecdsa(criterion, "P-256", &key, |digest, raw| {
        let signature = p256::ecdsa::Signature::from_slice(raw).unwrap();
        theirs.verify_prehash(digest, &signature).unwrap();
    });

    let key = Key::new(KeyType::Secp256k1);
    let theirs = k256::ecdsa::VerifyingKey::from_sec1_bytes(&key.public_key.to_bytes()).unwrap();
    ecdsa(criterion, "secp256k1", &key, |digest, raw| {
        let signature = k256::ecdsa::Signature::from_slice(raw).unwrap();
        theirs.verify_prehash(digest, &signature).unwrap();
    });

    let libsecp256k1 = secp256k1::Secp256k1::verification_only();
    let theirs = secp256k1::PublicKey::from_slice(&key.public_key.to_bytes()).unwrap();
    let mut turns = key.turns();
    criterion.bench_function("secp256k1/libsecp256k1 ecdsa_verify", |bencher| {
        bencher.iter(|| {
            let (digest, raw) = turns();
            let signature = secp256k1::ecdsa::Signature::from_compact(raw).unwrap();
            let message = secp256k1::Message::from_digest(*digest);
            let verified = libsecp256k1.verify_ecdsa(message, &signature, &theirs);
            black_box(verified).unwrap();
        });
    });

    let key = Key::new(KeyType::Ed25519);
    let verifier = key.verifier(0);
    let mut turns = key.turns();
    criterion.bench_function("Ed25519", |bencher| {
        bencher.iter(|| key.accept(&verifier, turns()));
    });
}

criterion_group!(benches, verifiers);
criterion_main!(benches);
