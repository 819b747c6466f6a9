use super::*;
use crate::secret_key::SecretKey;

const KEY_TYPES: [KeyType; 3] = [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519];

fn material(key_type: KeyType) -> KeyMaterial {
    KeyMaterial::new(SecretKey::from_bytes(key_type, &[7; 32]).unwrap()).unwrap()
}

/// Whether `s` of an ECDSA signature in DER is above half the order.
fn is_high(key_type: KeyType, der: &[u8]) -> bool {
    match key_type {
        KeyType::Secp256k1 => {
            let signature = k256::ecdsa::Signature::from_der(der).unwrap();
            signature.normalize_s() != signature
        }
        _ => {
            let signature = p256::ecdsa::Signature::from_der(der).unwrap();
            signature.normalize_s() != signature
        }
    }
}

fn algorithm(key_type: KeyType) -> &'static str {
    algorithms(key_type).first().unwrap()
}

#[test]
fn algorithm_type_and_length_are_checked_as_kms_does() {
    use KeyType::{Ed25519, P256, Secp256k1};
    let cases = [
        (Secp256k1, "ECDSA_SHA_256", "RAW", 1, None),
        (Secp256k1, "ECDSA_SHA_256", "DIGEST", 32, None),
        (
            Secp256k1,
            "ECDSA_SHA_256",
            "DIGEST",
            31,
            Some("ValidationException: Digest is invalid length for algorithm ECDSA_SHA_256."),
        ),
        (
            P256,
            "ECDSA_SHA_256",
            "DIGEST",
            64,
            Some("ValidationException: Digest is invalid length for algorithm ECDSA_SHA_256."),
        ),
        (
            P256,
            "ECDSA_SHA_256",
            "EXTERNAL_MU",
            64,
            Some(
                "ValidationException: Message type EXTERNAL_MU is incompatible with key spec \
                 ECC_NIST_P256.",
            ),
        ),
        (
            Secp256k1,
            "ECDSA_SHA_384",
            "RAW",
            1,
            Some(
                "InvalidKeyUsageException: Algorithm ECDSA_SHA_384 is incompatible with key spec \
                 ECC_SECG_P256K1.",
            ),
        ),
        (
            Ed25519,
            "ECDSA_SHA_256",
            "RAW",
            1,
            Some(
                "InvalidKeyUsageException: Algorithm ECDSA_SHA_256 is incompatible with key spec \
                 ECC_NIST_EDWARDS25519.",
            ),
        ),
        (Ed25519, "ED25519_SHA_512", "RAW", 4096, None),
        (
            Ed25519,
            "ED25519_SHA_512",
            "DIGEST",
            32,
            Some(
                "ValidationException: Message type DIGEST is incompatible with algorithm \
                 ED25519_SHA_512.",
            ),
        ),
        (
            Ed25519,
            "ED25519_PH_SHA_512",
            "RAW",
            64,
            Some(
                "ValidationException: Message type RAW is incompatible with algorithm \
                 ED25519_PH_SHA_512.",
            ),
        ),
        (
            Ed25519,
            "ED25519_PH_SHA_512",
            "DIGEST",
            64,
            Some("UnsupportedOperationException: Algorithm ED25519_PH_SHA_512 is not emulated."),
        ),
    ];
    for (key_type, algorithm, message_type, length, expected) in cases {
        let message = vec![1; length];
        let result = Input::new(key_type, algorithm, message_type, &message);
        let error = result
            .err()
            .map(|error| format!("{}: {}", error.code.name(), error.message));
        assert_eq!(
            error.as_deref(),
            expected,
            "{key_type} {algorithm} {message_type}"
        );
    }
}

#[test]
fn raw_is_hashed_once_and_a_digest_never() {
    let digest: [u8; 32] = Sha256::digest(b"message").into();
    let raw = Input::new(KeyType::P256, ECDSA_SHA_256, "RAW", b"message");
    let prehashed = Input::new(KeyType::P256, ECDSA_SHA_256, "DIGEST", &digest);
    assert_eq!(raw, Ok(Input::EcdsaPrehash(digest)));
    assert_eq!(prehashed, raw);
}

#[test]
fn signatures_verify_and_only_over_what_was_signed() {
    let mut random = Random::from_seed(1);
    for key_type in KEY_TYPES {
        let material = material(key_type);
        let input = Input::new(key_type, algorithm(key_type), "RAW", b"message").unwrap();
        let other = Input::new(key_type, algorithm(key_type), "RAW", b"massage").unwrap();
        for _ in 0..8 {
            let signature = sign(&material, &input, &mut random).unwrap();
            assert_eq!(verify(&material, &input, &signature), Ok(()));
            let error = verify(&material, &other, &signature).unwrap_err();
            assert_eq!(error, KmsError::new(Code::KmsInvalidSignature, ""));
        }
    }
}

#[test]
fn half_of_all_signatures_have_a_high_s_and_both_forms_verify() {
    for key_type in [KeyType::Secp256k1, KeyType::P256] {
        let mut random = Random::from_seed(1);
        let material = material(key_type);
        let input = Input::EcdsaPrehash([3; 32]);
        let mut high = 0;
        for _ in 0..200 {
            let signature = sign(&material, &input, &mut random).unwrap();
            assert_eq!(verify(&material, &input, &signature), Ok(()));
            high += u32::from(is_high(key_type, &signature));
        }
        assert!((50..=150).contains(&high), "{key_type}: {high} of 200");
    }
}

#[test]
fn ed25519_draws_nothing() {
    let mut random = Random::from_seed(1);
    let input = Input::Ed25519Message(b"message");
    sign(&material(KeyType::Ed25519), &input, &mut random).unwrap();
    assert_eq!(random.next_block(), Random::from_seed(1).next_block());
}

#[test]
fn ecdsa_signatures_differ_from_call_to_call() {
    let mut random = Random::from_seed(1);
    let material = material(KeyType::Secp256k1);
    let input = Input::EcdsaPrehash([3; 32]);
    let mut signatures: Vec<Vec<u8>> = (0..8)
        .map(|_| sign(&material, &input, &mut random).unwrap())
        .collect();
    signatures.sort();
    signatures.dedup();
    assert_eq!(signatures.len(), 8);
}
