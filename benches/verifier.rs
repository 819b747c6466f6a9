//! What the gate costs, beside libraries that do less. `cargo bench --bench verifier`
//!
//! A hot key has accepted enough signatures to have a table, a cold one has not.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use kms_signer::{
    KeyInput, KeyType, PublicKey, RawSignature, SignRequest, Signer as _, Verifier,
    provider::local::LocalSigner,
};

/// A key, and one signature of it over `DIGEST`.
struct Signed {
    public_key: PublicKey,
    raw: Vec<u8>,
}

const DIGEST: [u8; 32] = [0x42; 32];
/// As many signatures as make a key hot.
const HOT_AFTER: usize = 16;

fn signed(key_type: KeyType) -> Signed {
    let signer = LocalSigner::from_bytes(key_type, &[7; 32]).unwrap();
    let request = match key_type {
        KeyType::Ed25519 => SignRequest::message(&DIGEST),
        _ => kms_signer::hazmat::prehashed(DIGEST),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let signature = runtime.block_on(signer.sign(&request)).unwrap().signature;
    Signed {
        public_key: signer.public_key().clone(),
        raw: signature.to_bytes().to_vec(),
    }
}

impl Signed {
    fn input(&self) -> KeyInput<'static> {
        match self.public_key.key_type() {
            KeyType::Ed25519 => KeyInput::Ed25519Message(&DIGEST),
            _ => KeyInput::EcdsaPrehash(&DIGEST),
        }
    }

    fn accept(&self, verifier: &Verifier) {
        let raw = RawSignature::Fixed(black_box(&self.raw));
        black_box(verifier.accept(&self.input(), raw)).unwrap();
    }

    fn warm(&self, count: usize) -> Verifier {
        let verifier = Verifier::new(self.public_key.clone());
        (0..count).for_each(|_| self.accept(&verifier));
        verifier
    }
}

fn ecdsa(criterion: &mut Criterion, name: &str, key_type: KeyType, theirs: impl Fn(&Signed)) {
    let signed = signed(key_type);
    let mut group = criterion.benchmark_group(name);
    let hot = signed.warm(HOT_AFTER);
    group.bench_function("hot key", |bencher| bencher.iter(|| signed.accept(&hot)));
    group.bench_function("cold key", |bencher| {
        let fresh = || signed.warm(0);
        bencher.iter_batched_ref(fresh, |cold| signed.accept(cold), BatchSize::SmallInput);
    });
    group.bench_function("signature that builds the table", |bencher| {
        let almost = || signed.warm(HOT_AFTER - 1);
        bencher.iter_batched_ref(almost, |key| signed.accept(key), BatchSize::PerIteration);
    });
    group.bench_function("curve crate's verify_prehash", |bencher| {
        bencher.iter(|| theirs(black_box(&signed)));
    });
    group.finish();
}

fn verifiers(criterion: &mut Criterion) {
    use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
    ecdsa(criterion, "secp256k1", KeyType::Secp256k1, |signed| {
        let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&signed.public_key.to_bytes());
        let signature = k256::ecdsa::Signature::from_slice(&signed.raw).unwrap();
        key.unwrap().verify_prehash(&DIGEST, &signature).unwrap();
    });
    ecdsa(criterion, "P-256", KeyType::P256, |signed| {
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&signed.public_key.to_bytes());
        let signature = p256::ecdsa::Signature::from_slice(&signed.raw).unwrap();
        key.unwrap().verify_prehash(&DIGEST, &signature).unwrap();
    });

    let libsecp256k1 = secp256k1::Secp256k1::verification_only();
    let secp = signed(KeyType::Secp256k1);
    let key = secp256k1::PublicKey::from_slice(&secp.public_key.to_bytes()).unwrap();
    let signature = secp256k1::ecdsa::Signature::from_compact(&secp.raw).unwrap();
    let message = secp256k1::Message::from_digest(DIGEST);
    criterion.bench_function("secp256k1/libsecp256k1 ecdsa_verify", |bencher| {
        bencher.iter(|| libsecp256k1.verify_ecdsa(message, black_box(&signature), &key));
    });

    let ed25519 = signed(KeyType::Ed25519);
    let verifier = ed25519.warm(0);
    criterion.bench_function("Ed25519", |bencher| {
        bencher.iter(|| ed25519.accept(&verifier));
    });
}

criterion_group!(benches, verifiers);
criterion_main!(benches);
