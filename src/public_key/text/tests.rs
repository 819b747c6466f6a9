use super::*;
use crate::{Error, KeyType, secret_key::SecretKey};

/// The keys of `public_key/tests.rs`, as OpenSSL 3 writes them (`openssl ec -pubout`), and the one
/// of RFC 8410 §10.1.
const SECP256K1: &str = "\
-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAETjuBr5wiNMrQnWec5gNe0TkjR85kzkBf
Xc02Iool3m5H/TXEIV0e31Pm+D3jRGFc5xm9sP2Hj27XbwbdJ3lW3g==
-----END PUBLIC KEY-----
";
const P256: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7
Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==
-----END PUBLIC KEY-----
";
const ED25519: &str = "\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";
/// RFC 7468 §13: a key on P-384.
const P384: &str = "\
-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEn1LlwLN/KBYQRVH6HfIMTzfEqJOVztLe
kLchp2hi78cCaMY81FBlYs8J9l7krc+M4aBeCGYFjba+hiXttJWPL7ydlE+5UG4U
Nkn3Eos8EiZByi9DVsyfy9eejh+8AXgp
-----END PUBLIC KEY-----
";

const VECTORS: [(KeyType, &str, &str); 3] = [
    (
        KeyType::Secp256k1,
        SECP256K1,
        "3056301006072a8648ce3d020106052b8104000a034200044e3b81af9c2234cad09d679ce6035ed1392347ce64\
         ce405f5dcd36228a25de6e47fd35c4215d1edf53e6f83de344615ce719bdb0fd878f6ed76f06dd277956de",
    ),
    (
        KeyType::P256,
        P256,
        "3059301306072a8648ce3d020106082a8648ce3d0301070342000460fed4ba255a9d31c961eb74c6356d68c049\
         b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    ),
    (
        KeyType::Ed25519,
        ED25519,
        "302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1",
    ),
];

#[track_caller]
fn check_fault(result: Result<PublicKey>, expected: PublicKeyFault) {
    match result {
        Err(Error::InvalidPublicKey { fault }) => assert_eq!(fault, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pem_and_base64_are_those_of_openssl_and_the_rfc() {
    for (key_type, pem, der) in VECTORS {
        let key = PublicKey::from_spki_pem(pem).unwrap();
        assert_eq!(key.key_type(), key_type);
        assert_eq!(hex::encode(key.to_spki_der()), der);
        assert_eq!(key.to_spki_pem(), pem);
        let base64: String = pem.lines().filter(|line| !line.contains('-')).collect();
        assert_eq!(key.to_spki_base64(), base64);
        assert_eq!(PublicKey::from_spki_base64(&base64).unwrap(), key);
        assert!(pem.len() <= MAX_LEN / 4);
    }
    check_fault(
        PublicKey::from_spki_pem(P384),
        PublicKeyFault::UnsupportedCurve,
    );
}

#[test]
fn space_around_and_windows_line_ends_are_read() {
    for (_, pem, _) in VECTORS {
        let key = PublicKey::from_spki_pem(pem).unwrap();
        for same in [
            pem.replace('\n', "\r\n"),
            pem.trim_end().to_owned(),
            format!("\n  {pem}\n\n"),
        ] {
            assert_eq!(PublicKey::from_spki_pem(&same).unwrap(), key, "{same:?}");
        }
        let base64 = format!(" {}\r\n", key.to_spki_base64());
        assert_eq!(PublicKey::from_spki_base64(&base64).unwrap(), key);
    }
}

#[test]
fn another_pem_is_rejected() {
    for empty in [format!("{BEGIN}\n{END}\n"), format!("{BEGIN}{END}")] {
        check_fault(PublicKey::from_spki_pem(&empty), PublicKeyFault::Malformed);
    }
    for pem in [
        "".to_owned(),
        BEGIN.to_owned(),
        // Another label, two blocks, text before or after, headers (RFC 1421).
        P256.replace("PUBLIC", "EC PRIVATE"),
        P256.replace("BEGIN PUBLIC", "BEGIN EC PUBLIC"),
        format!("{P256}{P256}"),
        format!("{P256}{ED25519}"),
        format!("a key\n{P256}"),
        format!("{P256}the end"),
        P256.replacen("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1),
        // Lines of another length, a space or an empty line inside, a lost padding.
        P256.replacen("JI7\n", "JI7", 1),
        P256.replacen("JI7\nY", "JI7Y\n", 1),
        P256.replacen("JI7\n", "JI7 \n", 1),
        P256.replacen("JI7\n", "JI7\n\n", 1),
        P256.replace("==", "="),
        P256.replace("==", ""),
        P256.replace('\n', "\r"),
        // The bits that padding leaves must be zero: Q== and R== are the same bytes.
        P256.replace("Q==", "R=="),
        P256.replace('+', "-"),
    ] {
        check_fault(PublicKey::from_spki_pem(&pem), PublicKeyFault::Pem);
    }
}

#[test]
fn another_base64_is_rejected() {
    let base64 = PublicKey::from_spki_pem(P256).unwrap().to_spki_base64();
    let (head, tail) = base64.split_at(64);
    for text in [
        format!("{head}\n{tail}"),
        base64.replace("==", ""),
        base64.replace('/', "_"),
        format!("{base64}{base64}"),
        "*".to_owned(),
    ] {
        check_fault(PublicKey::from_spki_base64(&text), PublicKeyFault::Base64);
    }
    check_fault(PublicKey::from_spki_base64(""), PublicKeyFault::Malformed);
}

#[test]
fn text_too_long_for_a_key_is_not_read() {
    let long = format!("{P256}{}", "\n".repeat(MAX_LEN));
    check_fault(PublicKey::from_spki_pem(&long), PublicKeyFault::TooLong);
    check_fault(PublicKey::from_spki_base64(&long), PublicKeyFault::TooLong);
    let fits = format!("{P256}{}", "\n".repeat(MAX_LEN - P256.len()));
    assert!(PublicKey::from_spki_pem(&fits).is_ok());
}

proptest::proptest! {
    #[test]
    fn every_key_is_written_and_read_back(secret: [u8; 32]) {
        for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
            // Not a scalar in range: 1 in 2^32 on P-256.
            let Ok(secret) = SecretKey::from_bytes(key_type, &secret) else { continue };
            let key = secret.public_key().unwrap();
            let pem = key.to_spki_pem();
            proptest::prop_assert_eq!(&PublicKey::from_spki_pem(&pem).unwrap(), &key);
            let base64 = key.to_spki_base64();
            proptest::prop_assert_eq!(&PublicKey::from_spki_base64(&base64).unwrap(), &key);
        }
    }

    /// A changed character is an error, another key, or a line end or space that means nothing.
    #[test]
    fn a_changed_character_never_gives_the_same_key(
        which in 0usize..3, at: proptest::sample::Index, to: char
    ) {
        let pem = VECTORS[which].1.trim_end();
        let key = PublicKey::from_spki_pem(pem).unwrap();
        let mut characters: Vec<char> = pem.chars().collect();
        let at = at.index(characters.len());
        proptest::prop_assume!(characters[at] != to);
        characters[at] = to;
        let changed: String = characters.into_iter().collect();
        if let Ok(other) = PublicKey::from_spki_pem(&changed) {
            proptest::prop_assert_ne!(other, key);
        }
    }

    #[test]
    fn arbitrary_text_does_not_panic(text: String) {
        let _ = PublicKey::from_spki_pem(&format!("{BEGIN}{text}{END}"));
        let _ = PublicKey::from_spki_base64(&text);
    }
}
