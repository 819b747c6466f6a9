//! From KMS's answer to a verified, canonical, recoverable signature.

use std::{hint::black_box, process::Command};

use alloy_primitives::B256;
use anyhow::Result;
use kms_signer::{KeyInput, KeyType, PublicKey, RawSignature, Verifier};

use crate::{
    key::{HOT_AFTER, Key, SIGNATURES, Signed},
    table::{Goal, Row},
    timing::{Duel, each, median},
};

const ROUNDS: usize = 61;

pub fn rows() -> Result<Vec<Row>> {
    let secp256k1 = Contest::new(KeyType::Secp256k1)?;
    let p256 = Contest::new(KeyType::P256)?;
    let k256_key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&secp256k1.public_key.to_bytes())?;
    let p256_key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&p256.public_key.to_bytes())?;
    let libsecp256k1 = Libsecp256k1::new(&secp256k1.public_key)?;

    let alloy = |signed: &Signed| alloy(&k256_key, signed);
    let libsecp256k1 = |signed: &Signed| libsecp256k1.verify(signed);
    let p256_crate = |signed: &Signed| verify_p256(&p256_key, signed);
    let hot_by_alloy = secp256k1.hot_against(alloy);
    let hot_by_libsecp256k1 = secp256k1.hot_against(libsecp256k1);
    let cold_by_alloy = secp256k1.cold_against(alloy);
    let cold_by_libsecp256k1 = secp256k1.cold_against(libsecp256k1);
    let hot_by_p256 = p256.hot_against(p256_crate);
    let cold_by_p256 = p256.cold_against(p256_crate);
    Ok(vec![
        Row::speed_up(
            "secp256k1, hot: DER to verified and recoverable; alloy-signer-aws's decoding and trial recovery (speed-up)",
            hot_by_alloy,
            Some(Goal::AtLeast(9.0)),
        ),
        Row::ratio(
            "secp256k1, hot; libsecp256k1's decoding and ecdsa_verify",
            hot_by_libsecp256k1,
            Some(Goal::AtMost(0.9)),
        ),
        Row::ratio(
            "secp256k1, cold; alloy-signer-aws's decoding and trial recovery",
            cold_by_alloy,
            Some(Goal::AtMost(0.25)),
        ),
        Row::ratio(
            "secp256k1, cold; libsecp256k1's decoding and ecdsa_verify",
            cold_by_libsecp256k1,
            None,
        ),
        Row::ratio(
            "P-256, hot: DER to verified; p256's decoding and verify_prehash",
            hot_by_p256,
            Some(Goal::AtMost(0.4)),
        ),
        Row::ratio(
            "P-256, cold; p256's decoding and verify_prehash",
            cold_by_p256,
            None,
        ),
        Row::limit(
            "building a key's table, secp256k1",
            "us",
            secp256k1.table_build(),
            Some(1000.0),
        ),
        Row::limit(
            "building a key's table, P-256",
            "us",
            p256.table_build(),
            Some(1000.0),
        ),
        Row::limit(
            "building the first table of a process, with the generator's, secp256k1",
            "us",
            first_table_of_a_process("secp256k1")?,
            None,
        ),
        Row::limit(
            "building the first table of a process, with the generator's, P-256",
            "us",
            first_table_of_a_process("p256")?,
            None,
        ),
    ])
}

struct Contest {
    public_key: PublicKey,
    signatures: Vec<Signed>,
    hot: Verifier,
}

impl Contest {
    fn new(key_type: KeyType) -> Result<Self> {
        let key = Key::new(key_type, 1, SIGNATURES)?;
        let hot = Verifier::new(key.public_key.clone());
        hottest(&hot, &key.signatures);
        Ok(Self {
            signatures: key.signatures,
            public_key: key.public_key,
            hot,
        })
    }

    fn hot_against(&self, theirs: impl Fn(&Signed)) -> Duel {
        self.against(|signed| accept(&self.hot, signed), theirs)
    }

    /// A new verifier for each signature, as for a key that is used once.
    fn cold_against(&self, theirs: impl Fn(&Signed)) -> Duel {
        self.against(
            |signed| accept(&Verifier::new(self.public_key.clone()), signed),
            theirs,
        )
    }

    fn against(&self, ours: impl Fn(&Signed), theirs: impl Fn(&Signed)) -> Duel {
        let all = |one: &dyn Fn(&Signed)| {
            let mut signatures = self.signatures.iter();
            each(self.signatures.len(), || {
                signatures.next().map(black_box).map(one);
            })
        };
        Duel::new(ROUNDS, || all(&ours), || all(&theirs))
    }

    /// The time of the signature that builds the table, minus that of one that does not.
    fn table_build(&self) -> f64 {
        let times =
            (0..ROUNDS).map(|_| hottest(&Verifier::new(self.public_key.clone()), &self.signatures));
        median(times.collect())
    }
}

/// Runs `peers first-table CURVE` several times.
fn first_table_of_a_process(curve: &str) -> Result<f64> {
    let times = (0..11).map(|_| {
        let output = Command::new(std::env::current_exe()?)
            .args(["first-table", curve])
            .output()?;
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    });
    Ok(median(times.collect::<Result<_>>()?))
}

/// Prints the microseconds that the first table of this process takes.
pub fn first_table(key_type: KeyType) -> Result<()> {
    // Signing verifies too, but not often enough to make the signer's own verifier hot.
    let key = Key::new(key_type, 1, 2)?;
    let signatures: Vec<Signed> = key
        .signatures
        .iter()
        .cycle()
        .take(HOT_AFTER)
        .cloned()
        .collect();
    println!("{}", hottest(&Verifier::new(key.public_key), &signatures));
    Ok(())
}

/// Makes a verifier hot. Returns how much longer the last signature took than the one before.
fn hottest(verifier: &Verifier, signatures: &[Signed]) -> f64 {
    let mut signatures = signatures.iter();
    let mut next = || {
        let signed = signatures.next().expect("enough signatures");
        each(1, || accept(verifier, signed))
    };
    let times: Vec<f64> = (0..HOT_AFTER).map(|_| next()).collect();
    times[HOT_AFTER - 1] - times[HOT_AFTER - 2]
}

fn accept(verifier: &Verifier, signed: &Signed) {
    let input = KeyInput::EcdsaPrehash(&signed.digest);
    let accepted = verifier.accept(&input, RawSignature::Der(&signed.der));
    black_box(accepted.expect("a good signature"));
}

/// What alloy-signer-aws 2.5 does after the call (`decode_signature` and
/// `sig_from_digest_bytes_trial_recovery`, both private): DER, low-s, then a recovery with each
/// parity until one gives the key.
fn alloy(key: &k256::ecdsa::VerifyingKey, signed: &Signed) {
    let signature = k256::ecdsa::Signature::from_der(&signed.der).expect("good DER");
    let signature = signature.normalize_s().unwrap_or(signature);
    let hash = B256::from(signed.digest);
    let found = [false, true].into_iter().find(|parity| {
        alloy_primitives::Signature::from_signature_and_parity(signature, *parity)
            .recover_from_prehash(&hash)
            .is_ok_and(|recovered| recovered == *key)
    });
    assert!(black_box(found).is_some());
}

struct Libsecp256k1 {
    context: secp256k1::Secp256k1<secp256k1::VerifyOnly>,
    key: secp256k1::PublicKey,
}

impl Libsecp256k1 {
    fn new(public_key: &PublicKey) -> Result<Self> {
        Ok(Self {
            context: secp256k1::Secp256k1::verification_only(),
            key: secp256k1::PublicKey::from_slice(&public_key.to_bytes())?,
        })
    }

    fn verify(&self, signed: &Signed) {
        let mut signature = secp256k1::ecdsa::Signature::from_der(&signed.der).expect("good DER");
        signature.normalize_s();
        let message = secp256k1::Message::from_digest(signed.digest);
        let verified = self.context.verify_ecdsa(message, &signature, &self.key);
        black_box(verified).expect("a good signature");
    }
}

fn verify_p256(key: &p256::ecdsa::VerifyingKey, signed: &Signed) {
    use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
    let signature = p256::ecdsa::Signature::from_der(&signed.der).expect("good DER");
    black_box(key.verify_prehash(&signed.digest, &signature)).expect("a good signature");
}
