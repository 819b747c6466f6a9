use k256::pkcs8::EncodePrivateKey as _;

use super::*;

const ALL: [KeyType; 3] = [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519];

fn pkcs8(key: &SecretKey) -> Vec<u8> {
    match key {
        SecretKey::Secp256k1(key) => key.to_pkcs8_der(),
        SecretKey::P256(key) => key.to_pkcs8_der(),
        SecretKey::Ed25519(key) => key.to_pkcs8_der(),
    }
    .unwrap()
    .as_bytes()
    .to_vec()
}

#[test]
fn pkcs8_names_its_own_type() {
    for key_type in ALL {
        let key = SecretKey::random(key_type).unwrap();
        let read = SecretKey::from_pkcs8_der(&pkcs8(&key)).unwrap();
        assert_eq!(read.public_key().unwrap(), key.public_key().unwrap());
        assert_eq!(read.key_type(), key_type);
    }
}

#[test]
fn bytes_of_another_length_are_not_padded_or_cut() {
    for key_type in ALL {
        for length in [0, 1, 24, 31, 33, 64] {
            let result = SecretKey::from_bytes(key_type, &vec![1; length]);
            assert!(
                matches!(result, Err(Error::InvalidSecretKey { .. })),
                "{key_type}, {length} bytes: {result:?}"
            );
        }
    }
}

#[test]
fn scalars_outside_the_group_are_rejected() {
    for key_type in [KeyType::Secp256k1, KeyType::P256] {
        for bytes in [[0; 32], [0xff; 32]] {
            let result = SecretKey::from_bytes(key_type, &bytes);
            assert!(
                matches!(result, Err(Error::InvalidSecretKey { .. })),
                "{result:?}"
            );
        }
    }
}

#[test]
fn every_truncation_of_pkcs8_is_rejected() {
    for key_type in ALL {
        let der = pkcs8(&SecretKey::random(key_type).unwrap());
        for length in 0..der.len() {
            assert!(
                SecretKey::from_pkcs8_der(&der[..length]).is_err(),
                "{key_type}, {length}"
            );
        }
        let longer = [&der[..], &[0]].concat();
        assert!(SecretKey::from_pkcs8_der(&longer).is_err());
    }
}

#[test]
fn neither_debug_nor_an_error_shows_the_key() {
    for key_type in ALL {
        let canary = [0xc5; 32];
        let key = SecretKey::from_bytes(key_type, &canary).unwrap();
        let too_long = SecretKey::from_bytes(key_type, &[0xc5; 33]).unwrap_err();
        let cut = SecretKey::from_pkcs8_der(&pkcs8(&key)[..40]).unwrap_err();
        for shown in [
            format!("{key:?} {key:#?}"),
            format!("{too_long} {too_long:?}"),
            format!("{cut} {cut:?}"),
        ] {
            for form in ["c5c5", "C5C5", "197, 197", "0xc5"] {
                assert!(!shown.contains(form), "{shown}");
            }
        }
    }
}

#[test]
fn entropy_changes_an_ecdsa_signature_and_none_does_not() {
    let digest = [7; 32];
    let input = KeyInput::EcdsaPrehash(&digest);
    for key_type in [KeyType::Secp256k1, KeyType::P256] {
        let key = SecretKey::random(key_type).unwrap();
        let plain = key.sign(&input, &[]).unwrap();
        assert_eq!(plain, key.sign(&input, &[]).unwrap());
        assert_ne!(plain, key.sign(&input, &[1]).unwrap());
    }
}

#[test]
fn a_key_rejects_the_input_of_another_scheme() {
    let ecdsa = SecretKey::random(KeyType::P256).unwrap();
    let ed25519 = SecretKey::random(KeyType::Ed25519).unwrap();
    for result in [
        ecdsa.sign(&KeyInput::Ed25519Message(b"m"), &[]),
        ed25519.sign(&KeyInput::EcdsaPrehash(&[1; 32]), &[]),
    ] {
        assert!(
            matches!(result, Err(Error::UnsupportedRequest { .. })),
            "{result:?}"
        );
    }
}
