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
fn a_request_that_the_key_cannot_sign_is_rejected() {
    use KeyType::*;
    use RequestKind as Kind;
    let misfits = [
        (SignRequest::message(b"abc"), Secp256k1, Kind::Message),
        (SignRequest::message(b"abc"), P256, Kind::Message),
        (SignRequest::keccak256(b"abc"), Ed25519, Kind::Keccak256),
        (SignRequest::sha256(b"abc"), Ed25519, Kind::Sha256),
        (hazmat::prehashed([1; 32]), Ed25519, Kind::Prehashed),
        (
            hazmat::prehashed_message([1; 32]),
            Secp256k1,
            Kind::PrehashedMessage,
        ),
        (
            hazmat::prehashed_message([1; 32]),
            P256,
            Kind::PrehashedMessage,
        ),
    ];
    for (request, key, kind) in misfits {
        match request.input_for(key) {
            Err(Error::UnsupportedRequest { request, key_type }) => {
                assert_eq!((request, key_type), (kind, key));
            }
            other => panic!("{kind} with {key}: {other:?}"),
        }
    }
}

#[test]
fn a_bare_digest_has_no_preimage_and_is_signed_as_it_is() {
    let request = hazmat::prehashed([7; 32]);
    let input = request.input_for(KeyType::Secp256k1).unwrap();
    assert_eq!(input, KeyInput::EcdsaPrehash(&[7; 32]));
    let message = hazmat::prehashed_message([7; 32]);
    let input = message.input_for(KeyType::Ed25519).unwrap();
    assert_eq!(input, KeyInput::Ed25519Message(&[7; 32]));
    for request in [request, message] {
        assert_eq!(request.preimage(), None);
        assert!(request.kind().is_bare_digest());
    }
}

/// Tezos signs the digest of an operation as an Ed25519 message, so three kinds of requests could
/// have the same signature. A policy recognizes two of them, and the third is rejected.
#[test]
fn a_digest_of_an_operation_is_not_signed_as_a_message() {
    let operation = b"\x03 an operation that empties the account";
    let digest: [u8; 32] = blake2::Blake2b256::digest(operation).into();
    let shown = SignRequest::blake2b256(operation);
    let unseen = hazmat::prehashed_message(digest);
    assert_eq!(shown.preimage(), Some(&operation[..]));
    assert_eq!(
        (unseen.preimage(), unseen.kind().is_bare_digest()),
        (None, true)
    );
    assert_eq!(
        shown.input_for(KeyType::Ed25519).unwrap(),
        unseen.input_for(KeyType::Ed25519).unwrap()
    );
    let result = SignRequest::message(&digest).into_owned();
    let result = result.input_for(KeyType::Ed25519);
    assert!(matches!(result, Err(Error::AmbiguousMessage)), "{result:?}");
}

#[test]
fn messages_of_every_other_length_are_signed() {
    for length in (0..=100).filter(|length| *length != 32) {
        let message = vec![7; length];
        let request = SignRequest::message(&message);
        let input = request.input_for(KeyType::Ed25519).unwrap();
        assert_eq!(input, KeyInput::Ed25519Message(&message));
        assert!(!request.kind().is_bare_digest());
    }
}

fn one_of_each_kind(preimage: &[u8]) -> Vec<SignRequest<'_>> {
    vec![
        SignRequest::keccak256(preimage),
        SignRequest::sha256(preimage),
        SignRequest::blake2b256(preimage),
        SignRequest::message(preimage),
        hazmat::prehashed([1; 32]),
        hazmat::prehashed_message([1; 32]),
    ]
}

#[test]
fn a_kind_is_written_and_read_by_one_name() {
    let requests = one_of_each_kind(b"abc");
    assert_eq!(requests.len(), RequestKind::ALL.len());
    for (request, kind) in requests.iter().zip(RequestKind::ALL) {
        assert_eq!(request.kind(), kind);
        assert_eq!(request.preimage().is_none(), kind.is_bare_digest());
        assert_eq!(kind.to_string(), kind.as_str());
        assert_eq!(kind.as_str().parse::<RequestKind>().unwrap(), kind);
        assert!(format!("{request:?}").contains(&format!("kind: {kind:?}")));
        for other in ["", " ", "Keccak256", "keccak256 ", "keccak"] {
            assert!(other.parse::<RequestKind>().is_err(), "{other:?}");
        }
    }
}

proptest::proptest! {
    /// An owned request equals the borrowed one, for every kind and key.
    #[test]
    fn an_owned_request_is_the_same_request(preimage: Vec<u8>, label: Option<String>) {
        for request in one_of_each_kind(&preimage) {
            let request = match &label {
                Some(label) => request.with_label(label),
                None => request,
            };
            let owned: SignRequest<'static> = request.clone().into_owned();
            proptest::prop_assert_eq!(owned.kind(), request.kind());
            proptest::prop_assert_eq!(owned.preimage(), request.preimage());
            proptest::prop_assert_eq!(owned.label(), label.as_deref());
            for key in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
                let [owned, borrowed] = [&owned, &request].map(|request| request.input_for(key).ok());
                proptest::prop_assert_eq!(owned, borrowed);
            }
        }
    }
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
fn a_label_does_not_change_the_signed_bytes() {
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
    assert_eq!(KeyInput::EcdsaPrehash(&digest).as_bytes(), digest);
    assert_eq!(KeyInput::Ed25519Message(b"abc").as_bytes(), b"abc");
}

#[derive(Debug, PartialEq)]
struct Transfer {
    amount: u64,
}

impl opening::Opening for Transfer {
    fn preimage(&self) -> Vec<u8> {
        sha2::Sha256::digest(self.amount.to_be_bytes()).to_vec()
    }
}

#[test]
fn a_request_made_from_an_opening_is_over_its_preimage_and_shows_it() {
    use opening::Opening as _;
    let preimage = Transfer { amount: 5 }.preimage();
    let request = SignRequest::keccak256_of(Transfer { amount: 5 }).with_label("payout");
    assert_eq!(request.kind(), RequestKind::Keccak256);
    assert_eq!(request.preimage(), Some(&*preimage));
    let key = KeyType::Secp256k1;
    assert_eq!(
        request.input_for(key).unwrap(),
        SignRequest::keccak256(&preimage).input_for(key).unwrap()
    );
    assert_eq!(request.opening::<Transfer>(), Some(&Transfer { amount: 5 }));
    assert_eq!(request.opening::<u64>(), None);
    // A clone and an owned request share it.
    let shown = request.opening::<Transfer>().unwrap();
    let (clone, owned) = (request.clone(), request.clone().into_owned());
    for other in [&clone, &owned] {
        assert!(std::ptr::eq(other.opening::<Transfer>().unwrap(), shown));
    }
}

#[test]
fn a_request_made_from_bytes_has_no_opening() {
    for request in one_of_each_kind(b"abc") {
        assert_eq!(request.opening::<Transfer>(), None);
        assert_eq!(request.opening::<Vec<u8>>(), None);
    }
}
