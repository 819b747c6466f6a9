use super::*;
use crate::{Error, Receipt, SignRequest, Signed, Verifier, secret_key::SecretKey};

const ONE: &str = "0000000000000000000000000000000000000000000000000000000000000001";
const HIGH: &str = "8000000000000000000000000000000000000000000000000000000000000001";

fn decode(der: &str) -> Result<(String, String), SignatureFault> {
    let der = hex::decode(der).unwrap();
    Scalars::decode(RawSignature::Der(&der))
        .map(|scalars| (hex::encode(scalars.r()), hex::encode(scalars.s())))
}

#[test]
fn der_is_padded_to_fixed_width() {
    let cases = [
        ("3006020101020101".to_owned(), ONE, ONE),
        (
            format!("30 26 0221 00{HIGH} 0201 01").replace(' ', ""),
            HIGH,
            ONE,
        ),
        (
            format!("30 26 0201 01 0221 00{HIGH}").replace(' ', ""),
            ONE,
            HIGH,
        ),
        // 31 bytes: one byte short, as one signature in 256 is.
        (
            format!("3024 0201 01 021f {}", "11".repeat(31)).replace(' ', ""),
            ONE,
            &format!("00{}", "11".repeat(31)),
        ),
    ];
    for (der, r, s) in cases {
        assert_eq!(decode(&der), Ok((r.to_owned(), s.to_owned())), "{der}");
    }
}

#[test]
fn der_is_read_strictly() {
    use SignatureFault::*;
    let too_long = format!("3026 0221 01{HIGH} 0201 01").replace(' ', "");
    let far_too_long = format!("3029 0224 01000000{HIGH} 0201 01").replace(' ', "");
    let cases = [
        ("", Malformed),
        ("30", Malformed),
        ("3000", Malformed),
        ("3003020101", Malformed),
        ("30060201010201", Malformed),
        ("300602010102010100", TrailingData),
        ("3009020101020101020101", TrailingData),
        ("30080201010201010500", TrailingData),
        // Lengths that are not minimal (X.690 §10.1), or indefinite.
        ("308106020101020101", Malformed),
        ("3080020101020101", Malformed),
        ("3080020101 0201010000", Malformed),
        ("300702810101020101", Malformed),
        // SET and OCTET STRING where SEQUENCE and INTEGER belong.
        ("3106020101020101", Malformed),
        ("3006040101020101", Malformed),
        ("30060201010c0101", Malformed),
        // Empty, negative, padded.
        ("30050200020101", Malformed),
        ("3006020180020101", Negative),
        ("30060201010201ff", Negative),
        ("300702020001020101", Padded),
        ("300702010102020001", Padded),
        ("30080203000001020101", Padded),
        (&too_long, OutOfRange),
        (&far_too_long, OutOfRange),
    ];
    for (der, fault) in cases {
        assert_eq!(decode(&der.replace(' ', "")), Err(fault), "{der}");
    }
}

#[test]
fn fixed_width_is_exactly_64_bytes() {
    for length in [0, 63, 65, 128] {
        let bytes = vec![1; length];
        assert_eq!(
            Scalars::decode(RawSignature::Fixed(&bytes)),
            Err(SignatureFault::Length),
            "{length} bytes"
        );
    }
    let bytes: Vec<u8> = (0..64).collect();
    let scalars = Scalars::decode(RawSignature::Fixed(&bytes)).unwrap();
    assert_eq!(scalars.as_bytes(), bytes);
}

/// An ECDSA-Sig-Value as the `der` crate writes it, in and out of the range of scalars.
fn encode(r: &[u8; 32], s: &[u8; 32]) -> Vec<u8> {
    use der::{Encode as _, asn1::UintRef};
    let integers = [r, s].map(|scalar| UintRef::new(scalar).unwrap());
    integers.to_vec().to_der().unwrap()
}

proptest::proptest! {
    /// Written as DER and as 64 bytes, and read again, with any number of leading zeros.
    #[test]
    fn every_pair_of_scalars_is_read_back(
        mut r: [u8; 32], mut s: [u8; 32], zeros in proptest::array::uniform2(0usize..33)
    ) {
        r[..zeros[0]].fill(0);
        s[..zeros[1]].fill(0);
        let scalars = Scalars::new(r, s);
        let der = encode(&r, &s);
        proptest::prop_assert_eq!(&scalars.to_der(), &der);
        proptest::prop_assert_eq!(Scalars::decode(RawSignature::Der(&der)), Ok(scalars));
        let fixed = scalars.as_bytes();
        proptest::prop_assert_eq!(fixed, [r, s].concat());
        proptest::prop_assert_eq!(Scalars::decode(RawSignature::Fixed(fixed)), Ok(scalars));
    }

    /// Arbitrary bytes never panic, and this decoder and the curve library read the same values.
    #[test]
    fn agrees_with_the_ecdsa_crate_on_any_bytes(bytes: Vec<u8>) {
        compare(&bytes);
    }

    /// The same for well-formed signatures with one changed byte.
    #[test]
    fn agrees_with_the_ecdsa_crate_on_changed_signatures(
        r in 1u128.., s in 1u128.., at: usize, to: u8
    ) {
        let scalar = |low: u128| {
            let mut bytes = [0x5a; 32];
            bytes[16..].copy_from_slice(&low.to_be_bytes());
            bytes
        };
        let signature = k256::ecdsa::Signature::from_scalars(scalar(r), scalar(s)).unwrap();
        let mut der = signature.to_der().as_bytes().to_vec();
        compare(&der);
        let at = at % der.len();
        der[at] = to;
        compare(&der);
    }
}

/// This decoder leaves the group order to the verifier, so it accepts a little more than `k256`.
fn compare(der: &[u8]) {
    let ours = Scalars::decode(RawSignature::Der(der));
    match k256::ecdsa::Signature::from_der(der) {
        Ok(theirs) => assert_eq!(ours.unwrap().as_bytes(), theirs.to_bytes().as_slice()),
        Err(_) => {
            if let Ok(ours) = ours {
                assert!(
                    k256::ecdsa::Signature::from_slice(ours.as_bytes()).is_err(),
                    "{}",
                    hex::encode(der)
                );
            }
        }
    }
}

/// The bytes and the DER of a signature are those that the library of its scheme writes.
#[test]
fn bytes_and_der_are_those_of_the_curve_crates() {
    for seed in 1..=40 {
        let [secp256k1, p256, ed25519] = signatures(seed);
        let theirs = k256::ecdsa::Signature::from_slice(secp256k1.as_bytes()).unwrap();
        assert_eq!(secp256k1.to_der().unwrap(), theirs.to_der().as_bytes());
        let theirs = p256::ecdsa::Signature::from_slice(p256.as_bytes()).unwrap();
        assert_eq!(p256.to_der().unwrap(), theirs.to_der().as_bytes());
        assert_eq!((ed25519.as_bytes().len(), ed25519.to_der()), (64, None));
    }
}

#[test]
fn a_signature_knows_its_key_and_differs_from_that_of_another() {
    let all = [signatures(1), signatures(2)].concat();
    for (at, signature) in all.iter().enumerate() {
        assert_eq!(signature.key_type(), signature.public_key().key_type());
        for other in &all[..at] {
            assert_ne!(signature.public_key(), other.public_key());
            assert_ne!(signature, other);
        }
        let signed = Signed::new(signature.clone(), Receipt::new("Sign", "key"));
        for other in &all {
            let key = other.public_key();
            match signed.clone().require_key(key) {
                Ok(signed) => assert_eq!(signed.signature.public_key(), key),
                Err(Error::SignedByAnotherKey { receipt }) => {
                    assert_ne!(signature.public_key(), key);
                    assert_eq!(*receipt.unwrap(), signed.receipt);
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

/// Clones share the key, so that a signature stays small.
#[test]
fn a_signature_is_small() {
    assert!(size_of::<Signature>() <= 80, "{}", size_of::<Signature>());
    let signature = &signatures(1)[0];
    let clone = signature.clone();
    assert!(std::ptr::eq(signature.public_key(), clone.public_key()));
}

/// One signature of each scheme.
fn signatures(seed: u8) -> [Signature; 3] {
    [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519].map(|key_type| {
        let secret = SecretKey::from_bytes(key_type, &[seed; 32]).unwrap();
        let request = SignRequest::blake2b256(b"preimage");
        let input = request.input_for(key_type).unwrap();
        let raw = secret.sign(&input, &[]).unwrap();
        let verifier = Verifier::new(secret.public_key().unwrap());
        let raw = RawSignature::Fixed(&raw);
        verifier.accept(&input, raw).unwrap()
    })
}
