use sha2::Digest as _;

use super::*;
use crate::{Error, secret_key::SecretKey};

/// RFC 7515 §A.3.1, with its secret key.
const P256: &str = r#"{"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const P256_SECRET: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
/// RFC 8037 §A.1 to §A.3: secret key, public key, thumbprint.
const ED25519: &str =
    r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const ED25519_SECRET: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const ED25519_THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
/// RFC 8812 has none: the key of `public_key/tests.rs`, as Node.js 20 exports it (`crypto`, `jwk`).
const SECP256K1: &str = r#"{"crv":"secp256k1","kty":"EC","x":"TjuBr5wiNMrQnWec5gNe0TkjR85kzkBfXc02Iool3m4","y":"R_01xCFdHt9T5vg940RhXOcZvbD9h49u128G3Sd5Vt4"}"#;
const SECP256K1_SECRET: &str = "TAiDppECk31iMUcbXbtiBP5RKWFwgnkq5GjQGj82Ixg";

const ALL: [(KeyType, &str); 3] = [
    (KeyType::Secp256k1, SECP256K1),
    (KeyType::P256, P256),
    (KeyType::Ed25519, ED25519),
];

#[track_caller]
fn check_fault(json: &str, expected: PublicKeyFault) {
    match PublicKey::from_jwk(json) {
        Err(Error::InvalidPublicKey { fault }) => assert_eq!(fault, expected, "{json}"),
        other => panic!("{json}: {other:?}"),
    }
}

/// The object with one member more, before the others.
fn with(json: &str, member: &str) -> String {
    json.replacen('{', &format!("{{{member},"), 1)
}

#[test]
fn keys_are_those_of_the_rfcs_and_of_node() {
    let secrets = [
        (KeyType::Secp256k1, SECP256K1, SECP256K1_SECRET),
        (KeyType::P256, P256, P256_SECRET),
        (KeyType::Ed25519, ED25519, ED25519_SECRET),
    ];
    for (key_type, json, secret) in secrets {
        let secret = Base64UrlUnpadded::decode_vec(secret).unwrap();
        let secret = SecretKey::from_bytes(key_type, &secret).unwrap();
        let key = PublicKey::from_jwk(json).unwrap();
        assert_eq!(key, secret.public_key().unwrap());
    }
    for (key_type, json) in ALL {
        let key = PublicKey::from_jwk(json).unwrap();
        assert_eq!((key.key_type(), &*key.to_jwk()), (key_type, json));
    }
    let thumbprint = Base64UrlUnpadded::encode_string(&sha2::Sha256::digest(ED25519));
    assert_eq!(thumbprint, ED25519_THUMBPRINT);
}

#[test]
fn members_that_say_nothing_against_signatures_are_read() {
    let algorithms = [
        (SECP256K1, "ES256K"),
        (P256, "ES256"),
        (ED25519, "EdDSA"),
        (ED25519, "Ed25519"),
    ];
    for (json, algorithm) in algorithms {
        let key = PublicKey::from_jwk(json).unwrap();
        let all = [
            format!(r#""alg":"{algorithm}""#),
            r#""use":"sig""#.into(),
            r#""key_ops":["verify"]"#.into(),
            r#""key_ops":["sign","verify"]"#.into(),
            r#""kid":"2011-04-29","x5c":["MIIB"],"ext":true,"other":{"d":[1]}"#.into(),
        ];
        for member in &all {
            assert_eq!(PublicKey::from_jwk(&with(json, member)).unwrap(), key);
        }
        let spaced = format!(" \n{}\t", json.replace(',', " , "));
        assert_eq!(PublicKey::from_jwk(&spaced).unwrap(), key);
    }
}

/// RFC 7517 §A.1: the key on P-256 is for encryption.
#[test]
fn a_key_for_something_else_is_rejected() {
    let encryption = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"}"#;
    check_fault(encryption, PublicKeyFault::JwkUsage);
    assert!(PublicKey::from_jwk(&encryption.replace("enc", "sig")).is_ok());
    for (_, json) in ALL {
        for member in [
            r#""alg":"ES384""#,
            r#""alg":"ECDH-ES""#,
            r#""use":"""#,
            r#""key_ops":[]"#,
            r#""key_ops":["deriveKey","encrypt"]"#,
        ] {
            check_fault(&with(json, member), PublicKeyFault::JwkUsage);
        }
    }
    check_fault(
        &with(SECP256K1, r#""alg":"ES256""#),
        PublicKeyFault::JwkUsage,
    );
}

#[test]
fn a_secret_key_is_rejected_and_not_repeated() {
    for (json, secret) in [
        (P256, P256_SECRET),
        (ED25519, ED25519_SECRET),
        (SECP256K1, SECP256K1_SECRET),
    ] {
        let json = with(json, &format!(r#""d":"{secret}""#));
        check_fault(&json, PublicKeyFault::JwkSecret);
        let error = PublicKey::from_jwk(&json).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret));
    }
}

#[test]
fn anything_but_such_a_key_is_rejected() {
    use PublicKeyFault::*;
    let [secp256k1, p256, ed25519] = ALL.map(|(_, json)| json);
    let short = p256.replace("f83OJ3", "83OJ3");
    let array = r#"["EC","P-256","f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"]"#;
    for (json, fault) in [
        ("", Jwk),
        ("null", Jwk),
        ("{}", Jwk),
        ("{", Jwk),
        (array, Jwk),
        // RFC 7517 §4: names are unique.
        (&with(p256, r#""kty":"EC""#), Jwk),
        (&with(p256, r#""x":"AA""#), Jwk),
        (&format!("{p256}{p256}"), Jwk),
        (&format!("[{p256}]"), Jwk),
        (&p256.replace(r#""EC""#, "7"), Jwk),
        (&p256.replace(r#""crv""#, r#""curve""#), Jwk),
        (&p256.replace(r#""x""#, r#""X""#), Jwk),
        (&p256.replace(r#""y""#, r#""Y""#), Jwk),
        (
            &with(
                ed25519,
                r#""y":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#,
            ),
            Jwk,
        ),
        (&p256.replace("EC", "RSA"), UnsupportedAlgorithm),
        (&p256.replace("EC", "ec"), UnsupportedAlgorithm),
        (&p256.replace("EC", "OKP"), UnsupportedCurve),
        (&p256.replace("P-256", "P-384"), UnsupportedCurve),
        (&p256.replace("P-256", "P-256K"), UnsupportedCurve),
        (&ed25519.replace("Ed25519", "X25519"), UnsupportedCurve),
        (&p256.replace("P-256", "secp256k1"), NotOnCurve),
        (&secp256k1.replace("secp256k1", "P-256"), NotOnCurve),
        // One byte less, padding, another alphabet, bits that are not used.
        (&short, JwkCoordinate),
        (&p256.replace("RVEU\"", "RVEU=\""), JwkCoordinate),
        (&p256.replace("x_FE", "x/FE"), JwkCoordinate),
        (&p256.replace("RVEU\"", "RVEV\""), JwkCoordinate),
        (&p256.replace("RVEU\"", "RVEUAA\""), JwkCoordinate),
        (&p256.replace("RVEU\"", "\""), JwkCoordinate),
        (
            &with(p256, &format!(r#""kid":"{}""#, "a".repeat(MAX_LEN))),
            TooLong,
        ),
    ] {
        check_fault(json, fault);
    }
    // y = 0: a point of small order.
    let small = Base64UrlUnpadded::encode_string(&[0; 32]);
    let json = ed25519.replace("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", &small);
    check_fault(&json, SmallOrder);
    check_fault(&"[".repeat(MAX_LEN), Jwk);
    check_fault(
        &with(p256, &format!(r#""other":{}"#, "[".repeat(10_000))),
        Jwk,
    );
}

proptest::proptest! {
    #[test]
    fn every_key_is_written_and_read_back(secret: [u8; 32]) {
        for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
            // Not a scalar in range: 1 in 2^32 on P-256.
            let Ok(secret) = SecretKey::from_bytes(key_type, &secret) else { continue };
            let key = secret.public_key().unwrap();
            let json = key.to_jwk();
            proptest::prop_assert_eq!(&PublicKey::from_jwk(&json).unwrap(), &key);
            // An Ed25519 key may begin with the byte 4, as an uncompressed point does.
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            let members = value.as_object().unwrap().len();
            proptest::prop_assert_eq!(members, if key_type == KeyType::Ed25519 { 3 } else { 4 });
        }
    }

    #[test]
    fn arbitrary_text_does_not_panic(text: String) {
        let _ = PublicKey::from_jwk(&text);
        let _ = PublicKey::from_jwk(&format!(r#"{{"kty":"EC","crv":"P-256","x":{text:?}}}"#));
    }
}
