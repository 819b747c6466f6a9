//! From what KMS returned to a verified, canonical, recoverable signature.

use std::{hint::black_box, time::Instant};

use alloy_primitives::B256;
use anyhow::Result;
use kms_signer::{KeyInput, KeyType, PublicKey, RawSignature, Verifier};

use crate::{
    key::{DIGEST, HOT_AFTER, Key},
    table::{Goal, Row},
    timing::{Duel, each, median},
};

const ROUNDS: usize = 61;
const CALLS: usize = 200;

pub fn rows() -> Result<Vec<Row>> {
    let secp256k1 = Contest::new(KeyType::Secp256k1)?;
    let p256 = Contest::new(KeyType::P256)?;
    let alloy_key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&secp256k1.public_key.to_bytes())?;
    let hot = secp256k1.against(|der| secp256k1.hot(der), |der| alloy(&alloy_key, der));
    let cold = secp256k1.against(|der| secp256k1.cold(der), |der| alloy(&alloy_key, der));
    let libsecp256k1 = secp256k1.against_libsecp256k1()?;
    let p256_hot = p256.against_p256()?;
    let table = secp256k1.table_build();
    let p256_table = p256.table_build();
    Ok(vec![
        Row {
            row: "secp256k1, hot: DER to verified and recoverable; alloy-signer-aws's decoding and trial recovery (speed-up)",
            unit: "us",
            ours: hot.ours,
            theirs: Some(hot.theirs),
            ratio: 1.0 / hot.ours_by_theirs,
            goal: Some(Goal::AtLeast(9.0)),
        },
        Row {
            row: "the same; libsecp256k1's parsing and ecdsa_verify",
            unit: "us",
            ours: libsecp256k1.ours,
            theirs: Some(libsecp256k1.theirs),
            ratio: libsecp256k1.ours_by_theirs,
            goal: Some(Goal::AtMost(0.9)),
        },
        Row {
            row: "secp256k1, cold: the same; alloy-signer-aws",
            unit: "us",
            ours: cold.ours,
            theirs: Some(cold.theirs),
            ratio: cold.ours_by_theirs,
            goal: Some(Goal::AtMost(0.25)),
        },
        Row {
            row: "P-256, hot: DER to verified; p256's verify_prehash",
            unit: "us",
            ours: p256_hot.ours,
            theirs: Some(p256_hot.theirs),
            ratio: p256_hot.ours_by_theirs,
            goal: Some(Goal::AtMost(0.4)),
        },
        Row {
            row: "building a key's table, secp256k1",
            unit: "us",
            ours: table,
            theirs: None,
            ratio: table,
            goal: Some(Goal::AtMost(1000.0)),
        },
        Row {
            row: "building a key's table, P-256",
            unit: "us",
            ours: p256_table,
            theirs: None,
            ratio: p256_table,
            goal: Some(Goal::AtMost(1000.0)),
        },
    ])
}

struct Contest {
    public_key: PublicKey,
    /// `s` low and high, as a key store returns them, and so either parity after normalising.
    signatures: [Vec<u8>; 2],
    hot: Verifier,
}

impl Contest {
    fn new(key_type: KeyType) -> Result<Self> {
        let key = Key::new(key_type, 1)?;
        let hot = Verifier::new(key.public_key.clone());
        for _ in 0..HOT_AFTER {
            hot.accept(
                &KeyInput::EcdsaPrehash(&DIGEST),
                RawSignature::Fixed(&key.fixed),
            )?;
        }
        let low = match key_type {
            KeyType::P256 => p256::ecdsa::Signature::from_slice(&key.fixed)?
                .to_der()
                .as_bytes()
                .to_vec(),
            _ => k256::ecdsa::Signature::from_slice(&key.fixed)?
                .to_der()
                .as_bytes()
                .to_vec(),
        };
        Ok(Self {
            signatures: [low, key.der_with_high_s()?],
            public_key: key.public_key,
            hot,
        })
    }

    fn against(&self, mut ours: impl FnMut(&[u8]), mut theirs: impl FnMut(&[u8])) -> Duel {
        let mut turns = (0..).map(|turn: usize| turn % 2);
        let mut their_turns = turns.clone();
        Duel::new(
            ROUNDS,
            || {
                each(CALLS, || {
                    ours(black_box(&self.signatures[turns.next().unwrap_or(0)]))
                })
            },
            || {
                each(CALLS, || {
                    theirs(black_box(&self.signatures[their_turns.next().unwrap_or(0)]))
                })
            },
        )
    }

    fn accept(verifier: &Verifier, der: &[u8]) {
        let accepted = verifier.accept(&KeyInput::EcdsaPrehash(&DIGEST), RawSignature::Der(der));
        black_box(accepted.expect("a good signature"));
    }

    fn hot(&self, der: &[u8]) {
        Self::accept(&self.hot, der);
    }

    fn cold(&self, der: &[u8]) {
        Self::accept(&Verifier::new(self.public_key.clone()), der);
    }

    fn against_libsecp256k1(&self) -> Result<Duel> {
        let context = secp256k1::Secp256k1::verification_only();
        let key = secp256k1::PublicKey::from_slice(&self.public_key.to_bytes())?;
        let message = secp256k1::Message::from_digest(DIGEST);
        Ok(self.against(
            |der| self.hot(der),
            |der| {
                let mut signature = secp256k1::ecdsa::Signature::from_der(der).expect("good DER");
                signature.normalize_s();
                black_box(context.verify_ecdsa(message, &signature, &key))
                    .expect("a good signature");
            },
        ))
    }

    fn against_p256(&self) -> Result<Duel> {
        use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&self.public_key.to_bytes())?;
        Ok(self.against(
            |der| self.hot(der),
            |der| {
                let signature = p256::ecdsa::Signature::from_der(der).expect("good DER");
                black_box(key.verify_prehash(&DIGEST, &signature)).expect("a good signature");
            },
        ))
    }

    /// The signature that builds the table, less one that does not.
    fn table_build(&self) -> f64 {
        let der = &self.signatures[0];
        let times = (0..ROUNDS).map(|_| {
            let verifier = Verifier::new(self.public_key.clone());
            for _ in 2..HOT_AFTER {
                Self::accept(&verifier, der);
            }
            let before = each(1, || Self::accept(&verifier, der));
            let start = Instant::now();
            Self::accept(&verifier, der);
            start.elapsed().as_secs_f64() * 1e6 - before
        });
        median(times.collect())
    }
}

/// What alloy-signer-aws 2.5 does after the call (`decode_signature` and
/// `sig_from_digest_bytes_trial_recovery`, both private): DER, low-s, then a recovery with each
/// parity until one gives the key.
fn alloy(key: &k256::ecdsa::VerifyingKey, der: &[u8]) {
    let signature = k256::ecdsa::Signature::from_der(der).expect("good DER");
    let signature = signature.normalize_s().unwrap_or(signature);
    let hash = B256::from(DIGEST);
    let found = [false, true].into_iter().find(|parity| {
        alloy_primitives::Signature::from_signature_and_parity(signature, *parity)
            .recover_from_prehash(&hash)
            .is_ok_and(|recovered| recovered == *key)
    });
    assert!(black_box(found).is_some());
}
