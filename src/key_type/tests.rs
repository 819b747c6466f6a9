use super::*;

#[test]
fn a_name_is_written_and_read() {
    for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
        assert_eq!(key_type.to_string().parse::<KeyType>().unwrap(), key_type);
    }
    for other in [
        "",
        "P256",
        "p-256",
        "secp256r1",
        "Secp256k1",
        "Ed25519 ",
        "ed25519",
    ] {
        let error = other.parse::<KeyType>().unwrap_err();
        assert!(matches!(error, Error::InvalidConfig { .. }), "{error}");
    }
}
