//! Valid signatures with changed bits, hot and cold, against libsecp256k1 and p256.
#![no_main]

// The same forgeries as in the tests.
#[path = "../../tests/verifier/forgery.rs"]
mod forgery;

use std::sync::LazyLock;

use k256::elliptic_curve::ops::Reduce;
use kms_signer::{
    KeyInput, KeyType, PublicKey, RawSignature, Signature, Signer as _, Verifier,
    provider::local::LocalSigner,
};
use libfuzzer_sys::fuzz_target;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;

use forgery::{Forgery, forge, hot};

struct Key {
    public_key: PublicKey,
    hot: Verifier,
}

impl Key {
    fn new(key_type: KeyType) -> Self {
        let signer = LocalSigner::from_bytes(key_type, &[7; 32]).unwrap();
        let public_key = signer.public_key().clone();
        Self {
            hot: hot(&public_key),
            public_key,
        }
    }

    fn forge(&self, a: &[u8; 32], b: &[u8; 32]) -> Option<Forgery> {
        let sec1 = self.public_key.to_bytes();
        match self.public_key.key_type() {
            KeyType::P256 => {
                let key = p256::PublicKey::from_sec1_bytes(&sec1).unwrap();
                let [a, b] =
                    [a, b].map(|bytes| p256::Scalar::reduce(&p256::FieldBytes::from(*bytes)));
                forge::<p256::NistP256>(&key.to_projective(), a, b)
            }
            _ => {
                let key = k256::PublicKey::from_sec1_bytes(&sec1).unwrap();
                let [a, b] =
                    [a, b].map(|bytes| k256::Scalar::reduce(&k256::FieldBytes::from(*bytes)));
                forge::<k256::Secp256k1>(&key.to_projective(), a, b)
            }
        }
    }

    /// Another library's verdict, and the low form.
    fn theirs(&self, digest: &[u8; 32], raw: &[u8; 64]) -> Option<[u8; 64]> {
        let sec1 = self.public_key.to_bytes();
        match self.public_key.key_type() {
            KeyType::P256 => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&sec1).unwrap();
                let signature = p256::ecdsa::Signature::from_slice(raw).ok()?;
                key.verify_prehash(digest, &signature).ok()?;
                Some(signature.normalize_s().to_bytes().into())
            }
            _ => {
                let key = secp256k1::PublicKey::from_slice(&sec1).unwrap();
                let mut signature = secp256k1::ecdsa::Signature::from_compact(raw).ok()?;
                signature.normalize_s();
                let message = secp256k1::Message::from_digest(*digest);
                LIBSECP256K1.verify_ecdsa(message, &signature, &key).ok()?;
                Some(signature.serialize_compact())
            }
        }
    }
}

static LIBSECP256K1: LazyLock<secp256k1::Secp256k1<secp256k1::VerifyOnly>> =
    LazyLock::new(secp256k1::Secp256k1::verification_only);
static KEYS: LazyLock<[Key; 2]> =
    LazyLock::new(|| [Key::new(KeyType::Secp256k1), Key::new(KeyType::P256)]);

// The input: which key (1 byte), a (32), b (32), and the changes: digest (32), r‖s (64).
fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else {
        return;
    };
    let mut input = [0; 160];
    let length = data.len().min(input.len());
    input[..length].copy_from_slice(&data[..length]);
    let (a, rest) = input.split_first_chunk::<32>().unwrap();
    let (b, rest) = rest.split_first_chunk::<32>().unwrap();
    let key = &KEYS[usize::from(which % 2)];
    let Some((mut digest, mut raw)) = key.forge(a, b) else {
        return;
    };
    for (byte, change) in digest.iter_mut().chain(&mut raw).zip(rest) {
        *byte ^= change;
    }

    let expected = key.theirs(&digest, &raw);
    if rest.iter().all(|change| *change == 0) {
        assert!(expected.is_some());
    }
    for verifier in [&key.hot, &Verifier::new(key.public_key.clone())] {
        let ours = verifier.accept(&KeyInput::EcdsaPrehash(&digest), RawSignature::Fixed(&raw));
        let ours = ours.ok();
        let bytes = ours.as_ref().map(Signature::as_bytes);
        assert_eq!(bytes, expected.as_ref().map(|bytes| &bytes[..]));
        if let Some(signature) = ours.as_ref().and_then(Signature::as_secp256k1) {
            let id = secp256k1::ecdsa::RecoveryId::from_u8_masked(signature.recovery_id());
            let raw = [*signature.r(), *signature.s()].concat();
            let recoverable = secp256k1::ecdsa::RecoverableSignature::from_compact(&raw, id);
            let message = secp256k1::Message::from_digest(digest);
            let recovered = LIBSECP256K1.recover_ecdsa(message, &recoverable.unwrap());
            let recovered = recovered.unwrap().serialize_uncompressed();
            assert_eq!(recovered.as_slice(), key.public_key.to_bytes());
        }
    }
});
