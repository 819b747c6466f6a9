use proptest::{
    prelude::*,
    strategy::{Strategy, ValueTree as _},
    test_runner::TestRunner,
};

use super::*;
use crate::secret_key::SecretKey;

/// The key of web3.js' documentation, private key 4c0883a6…362318, and its address.
/// Source of the pair: web3.js 1.x, `web3.eth.accounts.privateKeyToAccount`.
const SECP256K1_SECRET: &str = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
/// RFC 6979 §A.2.5: secret key and public key.
const P256_SECRET: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
const P256_X: &str = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
const P256_Y: &str = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
/// RFC 8032 §7.1, TEST 2.
const ED25519_SECRET: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
const ED25519_PUBLIC: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

/// The headers that AWS KMS puts before the key bytes.
const SECP256K1_HEADER_HEX: &str = "3056301006072a8648ce3d020106052b8104000a034200";
const P256_HEADER_HEX: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
const ED25519_HEADER_HEX: &str = "302a300506032b6570032100";

fn key(key_type: KeyType) -> PublicKey {
    let secret = match key_type {
        KeyType::Secp256k1 => SECP256K1_SECRET,
        KeyType::P256 => P256_SECRET,
        KeyType::Ed25519 => ED25519_SECRET,
    };
    let bytes = hex::decode(secret).unwrap();
    SecretKey::from_bytes(key_type, &bytes)
        .unwrap()
        .public_key()
        .unwrap()
}

const ALL: [KeyType; 3] = [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519];

fn fault(result: Result<PublicKey>) -> PublicKeyFault {
    match result {
        Err(Error::InvalidPublicKey { fault }) => fault,
        other => panic!("expected a rejected key, got {other:?}"),
    }
}

#[track_caller]
fn check_spki(der: &str, expected: PublicKeyFault) {
    assert_eq!(
        fault(PublicKey::from_spki_der(&hex::decode(der).unwrap())),
        expected,
        "{der}"
    );
}

#[test]
fn spki_has_the_layout_that_kms_exports() {
    let p256 = format!("{P256_HEADER_HEX}04{P256_X}{P256_Y}");
    assert_eq!(hex::encode(key(KeyType::P256).to_spki_der()), p256);
    let ed25519 = format!("{ED25519_HEADER_HEX}{ED25519_PUBLIC}");
    assert_eq!(hex::encode(key(KeyType::Ed25519).to_spki_der()), ed25519);
    let secp256k1 = hex::encode(key(KeyType::Secp256k1).to_spki_der());
    assert!(
        secp256k1.starts_with(&format!("{SECP256K1_HEADER_HEX}04")),
        "{secp256k1}"
    );
    assert_eq!(secp256k1.len(), 2 * 88);
}

#[test]
fn parse_write_parse_is_the_identity() {
    for key_type in ALL {
        let key = key(key_type);
        let spki = key.to_spki_der();
        assert_eq!(PublicKey::from_spki_der(&spki).unwrap(), key);
        assert_eq!(
            PublicKey::from_bytes(key_type, &key.to_bytes()).unwrap(),
            key
        );
        assert_eq!(key.key_type(), key_type);
    }
}

#[test]
fn compressed_points_are_read_from_bare_bytes_only() {
    let key = key(KeyType::P256);
    let compressed = hex::decode(format!("03{P256_X}")).unwrap();
    assert_eq!(
        PublicKey::from_bytes(KeyType::P256, &compressed).unwrap(),
        key
    );
    // The same SPKI header with the lengths of a 33-byte point.
    let spki = format!("3039301306072a8648ce3d020106082a8648ce3d03010703220003{P256_X}");
    check_spki(&spki, PublicKeyFault::NotUncompressed);
}

#[test]
fn every_truncation_and_extension_is_rejected() {
    for key_type in ALL {
        let spki = key(key_type).to_spki_der();
        for length in 0..spki.len() {
            let cut = fault(PublicKey::from_spki_der(&spki[..length]));
            assert_eq!(
                cut,
                PublicKeyFault::Malformed,
                "{key_type} cut to {length} bytes"
            );
        }
        let mut longer = spki.clone();
        longer.push(0);
        assert_eq!(
            fault(PublicKey::from_spki_der(&longer)),
            PublicKeyFault::TrailingData
        );
    }
}

#[test]
fn equal_keys_hash_alike_and_others_do_not() {
    use std::hash::{BuildHasher as _, RandomState};
    let hasher = RandomState::new();
    let hash = |key: &PublicKey| hasher.hash_one(key);
    let keys = ALL.map(key);
    for (at, key) in keys.iter().enumerate() {
        assert_eq!(hash(key), hash(&key.clone()));
        for other in &keys[..at] {
            assert_ne!(hash(key), hash(other));
        }
    }
}

/// No single changed bit yields the same key, and none yields a panic.
#[test]
fn every_changed_bit_is_rejected_or_another_key() {
    for key_type in ALL {
        let key = key(key_type);
        let spki = key.to_spki_der();
        let mut others = 0;
        for bit in 0..spki.len() * 8 {
            let mut changed = spki.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = PublicKey::from_spki_der(&changed) {
                assert_ne!(other, key, "{key_type}, bit {bit}");
                assert_eq!(other.to_spki_der(), changed, "{key_type}, bit {bit}");
                others += 1;
            }
        }
        // Half of all 32 bytes are a point of Ed25519; the y of another x fits only by chance.
        match key_type {
            KeyType::Ed25519 => assert!((64..192).contains(&others), "{others} other keys"),
            _ => assert_eq!(others, 0, "{key_type}"),
        }
    }
}

/// Bytes of any length, and often of one that a key has.
fn tails() -> impl Strategy<Value = Vec<u8>> {
    let of = |length| prop::collection::vec(any::<u8>(), length);
    prop_oneof![of(0..100), of(32..33), of(33..34), of(64..65), of(65..66)]
}

/// Otherwise the next property would say nothing about keys.
#[test]
fn some_arbitrary_bytes_are_keys() {
    let mut runner = TestRunner::deterministic();
    let tails = tails();
    let mut keys = 0;
    for _ in 0..256 {
        let tail = tails.new_tree(&mut runner).unwrap().current();
        keys += usize::from(PublicKey::from_bytes(KeyType::Ed25519, &tail).is_ok());
    }
    assert!(keys > 8, "{keys}");
}

proptest::proptest! {
    /// Written and read again, in each form, with either parity of y in the compressed one.
    #[test]
    fn every_key_is_read_back(secret: [u8; 32]) {
        for key_type in ALL {
            // Not a scalar in range: 1 in 2^32 on P-256.
            let Ok(secret) = SecretKey::from_bytes(key_type, &secret) else { continue };
            let key = secret.public_key().unwrap();
            let spki = key.to_spki_der();
            proptest::prop_assert_eq!(PublicKey::from_spki_der(&spki).unwrap(), key.clone());
            let bytes = key.to_bytes();
            proptest::prop_assert_eq!(PublicKey::from_bytes(key_type, &bytes).unwrap(), key.clone());
            if key_type != KeyType::Ed25519 {
                let (x, y) = bytes[1..].split_at(32);
                let compressed = [&[2 + (y[31] & 1)], x].concat();
                proptest::prop_assert_eq!(PublicKey::from_bytes(key_type, &compressed).unwrap(), key);
            }
        }
    }

    /// Any bytes: an error or a key that writes them back, never a panic.
    #[test]
    fn arbitrary_bytes_are_rejected_or_written_back(
        tail in tails(), header in 0usize..4, cut in 0usize..4
    ) {
        let headers = ["", SECP256K1_HEADER_HEX, P256_HEADER_HEX, ED25519_HEADER_HEX];
        let mut der = hex::decode(headers[header]).unwrap();
        // Mostly none, so that the rest is sometimes a key.
        der.truncate(der.len().saturating_sub(cut.saturating_sub(2)));
        der.extend(&tail);
        if let Ok(key) = PublicKey::from_spki_der(&der) {
            proptest::prop_assert_eq!(key.to_spki_der(), der);
        }
        for key_type in ALL {
            if let Ok(key) = PublicKey::from_bytes(key_type, &tail) {
                proptest::prop_assert_eq!(key.key_type(), key_type);
            }
        }
    }
}

#[test]
fn other_algorithms_and_curves_are_told_apart() {
    // P-384 and secp256r1's neighbour secp224r1: same algorithm, other named curve.
    let p384 = "3010 06072a8648ce3d0201 06052b81040022".replace(' ', "");
    let body = format!("03420004{P256_X}{P256_Y}");
    check_spki(
        &format!("3056{p384}{body}"),
        PublicKeyFault::UnsupportedCurve,
    );
    // No parameters at all, and explicit parameters instead of a name (RFC 5480 §2.1.1 forbids).
    check_spki(
        &format!("304f300906072a8648ce3d0201{body}"),
        PublicKeyFault::UnsupportedCurve,
    );
    check_spki(
        &format!("3051300b06072a8648ce3d02013000{body}"),
        PublicKeyFault::UnsupportedCurve,
    );
    // rsaEncryption with NULL parameters.
    check_spki(
        &format!("3053300d06092a864886f70d0101010500{body}"),
        PublicKeyFault::UnsupportedAlgorithm,
    );
    // X25519 (RFC 8410): same shape as Ed25519, another algorithm.
    check_spki(
        &format!("302a300506032b656e032100{ED25519_PUBLIC}"),
        PublicKeyFault::UnsupportedAlgorithm,
    );
    // Ed25519 with NULL parameters, which RFC 8410 §3 forbids.
    check_spki(
        &format!("302c300706032b65700500032100{ED25519_PUBLIC}"),
        PublicKeyFault::Malformed,
    );
    // A P-256 point labelled secp256k1 is not on that curve.
    check_spki(
        &format!("{SECP256K1_HEADER_HEX}04{P256_X}{P256_Y}"),
        PublicKeyFault::NotOnCurve,
    );
}

#[test]
fn points_off_the_curve_and_the_identity_are_rejected() {
    let off = format!("{}98", &P256_Y[..62]);
    check_spki(
        &format!("{P256_HEADER_HEX}04{P256_X}{off}"),
        PublicKeyFault::NotOnCurve,
    );
    check_spki(
        &format!("{P256_HEADER_HEX}04{}", "00".repeat(64)),
        PublicKeyFault::NotOnCurve,
    );
    // x = p, which is not a field element.
    let p = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
    check_spki(
        &format!("{SECP256K1_HEADER_HEX}04{p}{P256_Y}"),
        PublicKeyFault::NotOnCurve,
    );
    // SEC 1 §2.3.3 writes the point at infinity as one zero byte.
    check_spki(
        "3016301006072a8648ce3d020106052b8104000a03020000",
        PublicKeyFault::Identity,
    );
    assert_eq!(
        fault(PublicKey::from_bytes(KeyType::Secp256k1, &[0])),
        PublicKeyFault::Identity
    );
    // Hybrid form (first byte 6 or 7, X9.62), which SEC 1 dropped.
    check_spki(
        &format!("{P256_HEADER_HEX}07{P256_X}{P256_Y}"),
        PublicKeyFault::PointFormat,
    );
}

#[test]
fn key_bytes_of_another_length_are_rejected() {
    for key_type in ALL {
        let bytes = key(key_type).to_bytes();
        for wrong in [&bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat()] {
            assert_eq!(
                fault(PublicKey::from_bytes(key_type, wrong)),
                PublicKeyFault::Length,
                "{key_type}, {} bytes",
                wrong.len()
            );
        }
        assert!(PublicKey::from_bytes(key_type, &[]).is_err());
    }
}

/// The encodings of points of small order and of y ≥ p, listed in "Taming the many EdDSAs"
/// (Chalkias, Garillot, Nikolaenko 2020), table 1.
#[test]
fn weak_and_non_canonical_ed25519_keys_are_rejected() {
    let small_order = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    ];
    for point in small_order {
        check_spki(
            &format!("{ED25519_HEADER_HEX}{point}"),
            PublicKeyFault::SmallOrder,
        );
    }
    let not_canonical = [
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    for point in not_canonical {
        check_spki(
            &format!("{ED25519_HEADER_HEX}{point}"),
            PublicKeyFault::NotCanonical,
        );
    }
    // y = 2 is on no point.
    let off = format!("02{}", "00".repeat(31));
    check_spki(
        &format!("{ED25519_HEADER_HEX}{off}"),
        PublicKeyFault::NotOnCurve,
    );
}
