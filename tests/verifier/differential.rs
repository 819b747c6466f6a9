//! Many random signatures, valid and broken, against libsecp256k1 and the curve crates.

use std::thread;

use kms_signer::{
    KeyInput, KeyType, PublicKey, RawSignature, Result, Secp256k1Signature, Signature, Verifier,
};
use sha2::{Digest as _, Sha256};

use crate::forgery::hot;

const SIGNATURES: u32 = 100_000;
const SIGNATURES_PER_KEY: u32 = 100;
const THREADS: u32 = 4;

/// 32 bytes that look random and are the same in each run.
fn bytes(what: &str, number: u32) -> [u8; 32] {
    Sha256::new()
        .chain_update(what)
        .chain_update(number.to_be_bytes())
        .finalize()
        .into()
}

fn accept(verifier: &Verifier, digest: &[u8; 32], raw: &[u8; 64]) -> Result<Secp256k1Signature> {
    match verifier.accept(&KeyInput::EcdsaPrehash(digest), RawSignature::Fixed(raw))? {
        Signature::Secp256k1(signature) => Ok(signature),
        other => panic!("{other:?}"),
    }
}

/// `r‖(n − s)`.
fn twin(raw: &[u8; 64]) -> [u8; 64] {
    let (r, s) = k256::ecdsa::Signature::from_slice(raw)
        .unwrap()
        .split_scalars();
    let twin = k256::ecdsa::Signature::from_scalars(*r, -*s).unwrap();
    twin.to_bytes().into()
}

/// libsecp256k1's verdict on either form of `s`, and the only form that the verifier may return.
struct Libsecp256k1 {
    context: secp256k1::Secp256k1<secp256k1::All>,
    public_key: secp256k1::PublicKey,
}

impl Libsecp256k1 {
    fn accepted(&self, digest: &[u8; 32], raw: &[u8; 64]) -> Option<[u8; 64]> {
        let mut signature = secp256k1::ecdsa::Signature::from_compact(raw).ok()?;
        signature.normalize_s();
        let message = secp256k1::Message::from_digest(*digest);
        self.context
            .verify_ecdsa(message, &signature, &self.public_key)
            .ok()?;
        Some(signature.serialize_compact())
    }
}

fn check_key(key: u32) {
    let context = secp256k1::Secp256k1::new();
    let secret = secp256k1::SecretKey::from_byte_array(bytes("secret", key)).unwrap();
    let theirs = Libsecp256k1 {
        public_key: secret.public_key(&context),
        context,
    };
    let sec1 = theirs.public_key.serialize_uncompressed();
    let public_key = PublicKey::from_bytes(KeyType::Secp256k1, &sec1).unwrap();
    let k256_key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&sec1).unwrap();
    let hot = hot(&public_key);

    for number in key * SIGNATURES_PER_KEY..(key + 1) * SIGNATURES_PER_KEY {
        let digest = bytes("digest", number);
        let (recovery_id, low) = theirs
            .context
            .sign_ecdsa_recoverable_with_noncedata(
                secp256k1::Message::from_digest(digest),
                &secret,
                &bytes("nonce", number),
            )
            .serialize_compact();
        let given = if number % 2 == 0 { low } else { twin(&low) };

        // Cold: a new verifier.
        let signature = accept(&Verifier::new(public_key.clone()), &digest, &given).unwrap();
        assert_eq!(accept(&hot, &digest, &given).unwrap(), signature);
        assert_eq!([*signature.r(), *signature.s()].concat(), low);
        assert_eq!(i32::from(signature.recovery_id()), i32::from(recovery_id));
        let recovered = k256::ecdsa::VerifyingKey::recover_from_prehash(
            &digest,
            &k256::ecdsa::Signature::from_slice(&low).unwrap(),
            k256::ecdsa::RecoveryId::from_byte(signature.recovery_id()).unwrap(),
        );
        assert_eq!(recovered.unwrap(), k256_key, "signature {number}");

        // With one bit of r, s or the digest changed, the verdict must be libsecp256k1's, and if it
        // is yes, the signature must be the one that libsecp256k1 means.
        let (mut raw, mut other_digest) = (given, digest);
        let bit = u16::from_be_bytes([digest[0], digest[1]]) % 768;
        let (byte, mask) = (usize::from(bit / 8), 1 << (bit % 8));
        match byte {
            0..64 => raw[byte] ^= mask,
            _ => other_digest[byte - 64] ^= mask,
        }
        let expected = theirs.accepted(&other_digest, &raw);
        for verifier in [&Verifier::new(public_key.clone()), &hot] {
            let ours = accept(verifier, &other_digest, &raw).ok();
            let ours = ours.map(|signature| [*signature.r(), *signature.s()].concat());
            assert_eq!(ours, expected.map(|bytes| bytes.to_vec()), "bit {bit}");
        }
    }
}

#[test]
fn a_hundred_thousand_signatures_are_checked_as_by_libsecp256k1() {
    let keys = SIGNATURES / SIGNATURES_PER_KEY;
    thread::scope(|scope| {
        for first in 0..THREADS {
            scope.spawn(move || (first..keys).step_by(THREADS as usize).for_each(check_key));
        }
    });
}

/// P-256 against its curve crate, which verifies in another way and takes either form of `s`.
#[test]
fn p256_signatures_are_checked_as_by_the_curve_crate() {
    use p256::ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
    for key in 0..10 {
        let secret = p256::ecdsa::SigningKey::from_slice(&bytes("p256 secret", key)).unwrap();
        let theirs = secret.verifying_key();
        let sec1 = theirs.to_sec1_point(false);
        let public_key = PublicKey::from_bytes(KeyType::P256, sec1.as_bytes()).unwrap();
        let hot = hot(&public_key);
        for number in key * 10..(key + 1) * 10 {
            let digest = bytes("p256 digest", number);
            let signature: p256::ecdsa::Signature = secret.sign_prehash(&digest).unwrap();
            let raw: [u8; 64] = signature.to_bytes().into();
            for bit in (0..768).step_by(61) {
                let (mut raw, mut digest) = (raw, digest);
                // The first bit stays as it is.
                match bit / 8 {
                    _ if bit == 0 => {}
                    byte @ 0..64 => raw[byte] ^= 1 << (bit % 8),
                    byte => digest[byte - 64] ^= 1 << (bit % 8),
                }
                let expected = p256::ecdsa::Signature::from_slice(&raw)
                    .and_then(|signature| {
                        theirs
                            .verify_prehash(&digest, &signature)
                            .map(|()| signature)
                    })
                    .map(|signature| signature.normalize_s());
                assert_eq!(expected.is_ok(), bit == 0);
                for verifier in [&hot, &Verifier::new(public_key.clone())] {
                    let ours = verifier
                        .accept(&KeyInput::EcdsaPrehash(&digest), RawSignature::Fixed(&raw));
                    assert_eq!(
                        ours.ok().map(|signature| signature.as_bytes().to_vec()),
                        expected
                            .as_ref()
                            .ok()
                            .map(|signature| signature.to_bytes().to_vec()),
                        "signature {number}, bit {bit}"
                    );
                }
            }
        }
    }
}
