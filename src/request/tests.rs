use super::*;
use crate::hazmat;

const ECDSA: [KeyType; 2] = [KeyType::Secp256k1, KeyType::P256];

/// Digests of "abc": FIPS 202 precursor (Keccak team), FIPS 180-4 appendix, and libsodium's
/// `crypto_generichash` with 32 bytes of output.
#[test]
fn each_constructor_hashes_with_the_function_it_names() {
    let cases = [
        (
            SignRequest::keccak256(b"abc"),
            "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
        ),
        (
            SignRequest::sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            SignRequest::blake2b256(b"abc"),
            "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
        ),
    ];
    for (request, expected) in cases {
        let digest: [u8; 32] = hex::decode(expected).unwrap().try_into().unwrap();
        for key_type in ECDSA {
            let input = request.input_for(key_type).unwrap();
            assert_eq!(input, KeyInput::EcdsaPrehash(&digest), "{request:?}");
        }
        assert_eq!(request.preimage(), Some(&b"abc"[..]));
    }
}

#[test]
fn ed25519_signs_whole_messages_and_tezos_digests() {
    let message = SignRequest::message(b"abc");
    let input = message.input_for(KeyType::Ed25519).unwrap();
    assert_eq!(input, KeyInput::Ed25519Message(b"abc"));

    let tezos = SignRequest::blake2b256(b"abc");
    let KeyInput::EcdsaPrehash(digest) = tezos.input_for(KeyType::P256).unwrap() else {
        panic!("a P-256 key signs a digest");
    };
    let input = tezos.input_for(KeyType::Ed25519).unwrap();
    assert_eq!(input, KeyInput::Ed25519Message(digest));
}

#[test]
fn a_request_that_does_not_fit_the_key_is_refused() {
    let misfits = [
        (SignRequest::message(b"abc"), KeyType::Secp256k1, "message"),
        (SignRequest::message(b"abc"), KeyType::P256, "message"),
        (
            SignRequest::keccak256(b"abc"),
            KeyType::Ed25519,
            "keccak256",
        ),
        (SignRequest::sha256(b"abc"), KeyType::Ed25519, "sha256"),
        (hazmat::prehashed([1; 32]), KeyType::Ed25519, "prehashed"),
    ];
    for (request, key, name) in misfits {
        match request.input_for(key) {
            Err(Error::UnsupportedRequest { request, key_type }) => {
                assert_eq!((request, key_type), (name, key));
            }
            other => panic!("{name} with {key}: {other:?}"),
        }
    }
}

#[test]
fn a_bare_digest_has_no_preimage_and_is_signed_as_it_is() {
    let request = hazmat::prehashed([7; 32]);
    assert_eq!(request.preimage(), None);
    let input = request.input_for(KeyType::Secp256k1).unwrap();
    assert_eq!(input, KeyInput::EcdsaPrehash(&[7; 32]));
}

#[test]
fn a_digest_has_32_bytes() {
    for length in [0, 31, 33, 64] {
        match hazmat::prehashed_from_slice(&vec![1; length]) {
            Err(Error::InvalidDigestLength { actual }) => assert_eq!(actual, length),
            other => panic!("{length} bytes: {other:?}"),
        }
    }
    assert!(hazmat::prehashed_from_slice(&[1; 32]).is_ok());
}

#[test]
fn debug_shows_no_payload() {
    let secret = b"canary-payload";
    for request in [SignRequest::keccak256(secret), SignRequest::message(secret)] {
        let shown = format!("{request:?}");
        assert!(!shown.contains("canary") && shown.contains("14"), "{shown}");
    }
}

#[test]
fn a_label_changes_nothing_that_is_signed() {
    let plain = SignRequest::keccak256(b"preimage");
    let labelled = plain.clone().with_label("payout 4711");
    assert_eq!(
        (plain.label(), labelled.label()),
        (None, Some("payout 4711"))
    );
    assert_eq!(labelled.preimage(), plain.preimage());
    let key = KeyType::Secp256k1;
    assert_eq!(
        labelled.input_for(key).unwrap(),
        plain.input_for(key).unwrap()
    );
    assert!(!format!("{labelled:?}").contains("4711"));
}

#[test]
fn a_fingerprint_is_the_digest_or_the_hash_of_the_message() {
    let digest = [7; 32];
    assert_eq!(KeyInput::EcdsaPrehash(&digest).fingerprint(), digest);
    // SHA-256 of "abc": FIPS 180-4, the example of NIST.
    let abc = KeyInput::Ed25519Message(b"abc").fingerprint();
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hex::encode(abc), expected);
}
