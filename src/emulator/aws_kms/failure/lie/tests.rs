use super::*;
use crate::{
    Error, KeyInput, PublicKey, RawSignature, Verifier,
    emulator::aws_kms::{identifier::Scope, key_store::NewKey},
};

const KEY_TYPES: [KeyType; 3] = [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519];
const ECDSA: [KeyType; 2] = [KeyType::Secp256k1, KeyType::P256];

struct Fixture {
    store: KeyStore,
    random: Random,
    key_type: KeyType,
    arn: String,
    verifier: Verifier,
}

impl Fixture {
    fn new(key_type: KeyType) -> Self {
        let scope = Scope::new("us-east-1", "000000000000").unwrap();
        let random = Random::from_seed(7);
        let mut store = KeyStore::new(scope, random.stream("keys"));
        let key = store.create(NewKey::of(key_type)).unwrap();
        let (arn, verifier) = (key.arn.clone(), Verifier::new(key.public_key().clone()));
        Self {
            store,
            random,
            key_type,
            arn,
            verifier,
        }
    }

    fn call(&mut self, operation: Operation, lie: &Lie, body: &Value) -> Vec<u8> {
        let body = body.to_string();
        lie.tell(
            &mut self.store,
            operation,
            body.as_bytes(),
            &mut self.random,
        )
        .unwrap()
    }

    /// The whole answer of `Sign` over 32 times this byte.
    fn sign_answer(&mut self, lie: &Lie, message: u8) -> Vec<u8> {
        let (message_type, algorithm) = match self.key_type {
            KeyType::Ed25519 => ("RAW", "ED25519_SHA_512"),
            _ => ("DIGEST", "ECDSA_SHA_256"),
        };
        let body = serde_json::json!({
            "KeyId": self.arn,
            "Message": BASE64_STANDARD.encode([message; 32]),
            "MessageType": message_type,
            "SigningAlgorithm": algorithm,
        });
        self.call(Operation::Sign, lie, &body)
    }

    fn sign(&mut self, lie: &Lie, message: u8) -> Vec<u8> {
        blob(&self.sign_answer(lie, message), "Signature")
    }

    fn forge(&mut self, forgery: Forgery) -> Vec<u8> {
        self.sign(&Lie::Signature(forgery), 1)
    }

    /// The verdict of the verifier about a signature over 32 times this byte.
    fn accept(&self, signature: &[u8], message: u8) -> Result<(), Error> {
        let message = [message; 32];
        let (input, raw) = match self.key_type {
            KeyType::Ed25519 => (
                KeyInput::Ed25519Message(&message),
                RawSignature::Fixed(signature),
            ),
            _ => (
                KeyInput::EcdsaPrehash(&message),
                RawSignature::Der(signature),
            ),
        };
        self.verifier.accept(&input, raw).map(drop)
    }
}

fn members(answer: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(answer).unwrap()
}

fn blob(answer: &[u8], name: &str) -> Vec<u8> {
    let text = members(answer)[name].as_str().unwrap().to_owned();
    BASE64_STANDARD.decode(text).unwrap()
}

fn is_high(key_type: KeyType, der: &[u8]) -> bool {
    signing::with_s(key_type, der, false).unwrap() != der
}

#[test]
fn rare_signatures_are_valid() {
    for key_type in ECDSA {
        let mut fixture = Fixture::new(key_type);
        for _ in 0..8 {
            let high = fixture.forge(Forgery::HighS);
            assert!(is_high(key_type, &high));
            assert!(fixture.accept(&high, 1).is_ok());
            let low = fixture.forge(Forgery::LowS);
            assert!(!is_high(key_type, &low));
            assert!(fixture.accept(&low, 1).is_ok());
        }
        let short = fixture.forge(Forgery::ShortR);
        assert!(fixture.accept(&short, 1).is_ok());
        let fixed = signing::fixed_width(key_type, &short).unwrap();
        assert_eq!(fixed[0], 0);
        // Tag and length of r, and its digits: one less than in any other, or one zero byte less.
        assert!(
            short[3] < 0x20 || short[3] == 0x20 && short[4] == 0,
            "{}",
            short[3]
        );
    }
}

#[test]
fn forged_signatures_are_rejected() {
    for key_type in KEY_TYPES {
        let mut fixture = Fixture::new(key_type);
        let honest = fixture.sign(&Lie::KeyId(String::new()), 1);
        assert!(
            fixture.accept(&honest, 1).is_ok(),
            "the test rejects an honest signature"
        );
        for forgery in [
            Forgery::ByAnotherKey,
            Forgery::OverAnotherMessage,
            Forgery::FlippedBit(SignaturePart::R, None),
            Forgery::FlippedBit(SignaturePart::S, None),
            Forgery::FlippedBit(SignaturePart::DerHeader, None),
            Forgery::TrailingByte,
            Forgery::FixedWidth,
        ] {
            if !forgery.is_of(key_type) {
                continue;
            }
            for _ in 0..8 {
                let forged = fixture.forge(forgery);
                let refused = fixture.accept(&forged, 1);
                assert!(refused.is_err(), "{key_type}, {forgery:?}");
            }
        }
    }
}

#[test]
fn only_der_has_a_header_and_only_ecdsa_two_values_of_s() {
    let not_of_ed25519 = [
        Forgery::FlippedBit(SignaturePart::DerHeader, None),
        Forgery::FixedWidth,
        Forgery::HighS,
        Forgery::LowS,
        Forgery::ShortR,
    ];
    for forgery in not_of_ed25519 {
        assert!(!forgery.is_of(KeyType::Ed25519), "{forgery:?}");
        assert!(ECDSA.iter().all(|key_type| forgery.is_of(*key_type)));
    }
}

#[test]
fn forgeries_are_what_they_are_called() {
    for key_type in KEY_TYPES {
        let mut fixture = Fixture::new(key_type);
        let trailing = fixture.forge(Forgery::TrailingByte);
        let (last, rest) = trailing.split_last().unwrap();
        assert_eq!(*last, 0);
        assert!(fixture.accept(rest, 1).is_ok());
        // The signature is well formed, but not by this key or not over this message.
        for forgery in [Forgery::ByAnotherKey, Forgery::OverAnotherMessage] {
            let forged = fixture.forge(forgery);
            let error = fixture.accept(&forged, 1).unwrap_err();
            assert!(
                matches!(error, Error::SignatureNotVerified { .. }),
                "{error}"
            );
        }
    }
    for key_type in ECDSA {
        let mut fixture = Fixture::new(key_type);
        let fixed = fixture.forge(Forgery::FixedWidth);
        let message = [1; 32];
        let (input, raw) = (
            KeyInput::EcdsaPrehash(&message),
            RawSignature::Fixed(&fixed),
        );
        assert!(fixture.verifier.accept(&input, raw).is_ok());
    }
}

/// `fixture` always makes the same honest signature: a new one draws the same random numbers.
#[test]
fn every_bit_of_a_signature_matters() {
    for key_type in KEY_TYPES {
        let honest = Fixture::new(key_type).sign(&Lie::KeyId(String::new()), 1);
        let mut flipped = 0;
        for part in [SignaturePart::R, SignaturePart::S, SignaturePart::DerHeader] {
            let bytes = part.places(key_type, &honest).len();
            for bit in 0..bytes * 8 {
                let mut fixture = Fixture::new(key_type);
                let forged = fixture.forge(Forgery::FlippedBit(part, Some(bit)));
                let differing: u32 = (honest.iter().zip(&forged))
                    .map(|(one, other)| (one ^ other).count_ones())
                    .sum();
                assert_eq!((forged.len(), differing), (honest.len(), 1));
                assert!(
                    fixture.accept(&forged, 1).is_err(),
                    "{key_type}, {part:?}, {bit}"
                );
                flipped += 1;
            }
        }
        assert_eq!(flipped, honest.len() * 8, "{key_type}: a part is left out");
    }
}

#[test]
fn bits_are_counted_from_the_most_significant_and_around() {
    let mut random = Random::from_seed(1);
    for (bit, expected) in [
        (0, [0x80, 0, 0]),
        (7, [1, 0, 0]),
        (8, [0, 0, 0x80]),
        (15, [0, 0, 1]),
        (16, [0x80, 0, 0]),
    ] {
        let mut bytes = [0; 3];
        flip(&mut bytes, [0, 2], Some(bit), &mut random);
        assert_eq!(bytes, expected, "{bit}");
    }
    let mut seen = [0; 3];
    for _ in 0..200 {
        let mut bytes = [0; 3];
        flip(&mut bytes, [0, 2], None, &mut random);
        let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
        assert_eq!(ones, 1);
        (0..3).for_each(|at| seen[at] |= bytes[at]);
    }
    assert_eq!(seen, [0xff, 0, 0xff], "some bit is never drawn");
    flip(&mut [], [], Some(1), &mut random);
}

#[test]
fn a_flipped_public_key_is_none_or_another() {
    for key_type in KEY_TYPES {
        let mut fixture = Fixture::new(key_type);
        let signature = fixture.sign(&Lie::KeyId(String::new()), 1);
        let request = serde_json::json!({"KeyId": fixture.arn});
        let honest = fixture.verifier.public_key().to_spki_der();
        let lies = (0..honest.len() * 8).map(Some).chain([None, None]);
        let mut others = 0;
        for bit in lies {
            let lie = Lie::FlippedPublicKeyBit(bit);
            let answer = fixture.call(Operation::GetPublicKey, &lie, &request);
            let spki = blob(&answer, "PublicKey");
            assert_ne!(spki, honest);
            if let Ok(key) = PublicKey::from_spki_der(&spki) {
                others += 1;
                fixture.verifier = Verifier::new(key);
                // Another type of key would not even take this input.
                assert!(
                    fixture.accept(&signature, 1).is_err(),
                    "{key_type}, {bit:?}"
                );
            }
        }
        // Half of all 32 bytes are a point of Ed25519, and no other y fits an x of the others.
        assert_eq!(others > 0, key_type == KeyType::Ed25519, "{key_type}");
    }
}

#[test]
fn a_replayed_answer_is_that_of_the_request_before() {
    for key_type in KEY_TYPES {
        let mut fixture = Fixture::new(key_type);
        let honest = Lie::KeyId(fixture.arn.clone());
        let first = fixture.sign_answer(&honest, 1);
        let replayed = fixture.sign_answer(&Lie::Replayed, 2);
        assert_eq!(members(&replayed), members(&first));
        let signature = blob(&replayed, "Signature");
        assert!(fixture.accept(&signature, 1).is_ok());
        assert!(fixture.accept(&signature, 2).is_err(), "{key_type}");
        // The key still signed again, and the next replay returns that signature.
        let replayed = fixture.sign(&Lie::Replayed, 3);
        assert!(fixture.accept(&replayed, 2).is_ok(), "{key_type}");
    }
}

#[test]
fn bodies_are_damaged_as_asked_for() {
    let mut fixture = Fixture::new(KeyType::P256);
    let arn = fixture.arn.clone();
    assert_eq!(fixture.sign_answer(&Lie::EmptyBody, 1), b"");
    assert_eq!(fixture.sign_answer(&Lie::EmptyObject, 1), b"{}");
    let malformed = fixture.sign_answer(&Lie::MalformedJson, 1);
    assert!(malformed.starts_with(b"{\"KeyId\":\"arn:"));
    assert!(serde_json::from_slice::<Value>(&malformed).is_err());

    let keys = |answer: &[u8]| -> Vec<String> { members(answer).keys().cloned().collect() };
    let all = ["KeyId", "Signature", "SigningAlgorithm"];
    for name in all {
        let answer = fixture.sign_answer(&Lie::Without(name.to_owned()), 1);
        let rest: Vec<&str> = all.into_iter().filter(|other| *other != name).collect();
        assert_eq!(keys(&answer), rest);
    }
    let whole = fixture.sign_answer(&Lie::Without("Nothing".to_owned()), 1);
    assert_eq!(keys(&whole), all);

    let other = fixture.sign_answer(&Lie::KeyId("alias/x".to_owned()), 1);
    assert_eq!(members(&other)["KeyId"], "alias/x");
    let other = fixture.sign_answer(&Lie::Algorithm("ECDSA_SHA_512".to_owned()), 1);
    assert_eq!(members(&other)["SigningAlgorithm"], "ECDSA_SHA_512");

    let request = serde_json::json!({"KeyId": arn});
    let key = fixture.call(Operation::GetPublicKey, &Lie::BadBase64, &request);
    let answers = [
        (fixture.sign_answer(&Lie::BadBase64, 1), "Signature"),
        (key, "PublicKey"),
    ];
    for (answer, name) in answers {
        let text = members(&answer)[name].as_str().unwrap().to_owned();
        assert!(BASE64_STANDARD.decode(text).is_err(), "{name}");
    }

    // An operation without a result has an empty body, in which nothing can be missing.
    for (lie, expected) in [
        (Lie::MalformedJson, &b"{"[..]),
        (Lie::Without("KeyId".to_owned()), b""),
        (Lie::EmptyObject, b"{}"),
    ] {
        assert_eq!(fixture.call(Operation::EnableKey, &lie, &request), expected);
    }
}
