use super::*;

use crate::emulator::aws_kms::protocol::parse;

fn outcome(json: &str) -> Result<KeyType, Code> {
    match parse(json.as_bytes()).and_then(read) {
        Ok(new) => Ok(new.key_type),
        Err(error) => Err(error.code),
    }
}

#[test]
fn specs_and_usages_are_checked_as_kms_does() {
    let cases = [
        (
            r#""KeySpec":"ECC_SECG_P256K1","KeyUsage":"SIGN_VERIFY""#,
            Ok(KeyType::Secp256k1),
        ),
        (
            r#""KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY""#,
            Ok(KeyType::P256),
        ),
        (
            r#""KeySpec":"ECC_NIST_EDWARDS25519","KeyUsage":"SIGN_VERIFY""#,
            Ok(KeyType::Ed25519),
        ),
        (
            r#""CustomerMasterKeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY""#,
            Ok(KeyType::P256),
        ),
        (
            r#""KeySpec":"ECC_NIST_P256","CustomerMasterKeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY""#,
            Err(Code::Validation),
        ),
        (r#""KeySpec":"ECC_SECG_P256K1""#, Err(Code::Validation)),
        (
            r#""KeySpec":"ecc_secg_p256k1","KeyUsage":"SIGN_VERIFY""#,
            Err(Code::Validation),
        ),
        (
            r#""KeySpec":"ECC_SECG_P256K1","KeyUsage":"SIGN""#,
            Err(Code::Validation),
        ),
        (
            r#""KeySpec":"ECC_SECG_P256K1","KeyUsage":"ENCRYPT_DECRYPT""#,
            Err(Code::Validation),
        ),
        (
            r#""KeySpec":"ECC_NIST_P256","KeyUsage":"KEY_AGREEMENT""#,
            Err(Code::UnsupportedOperation),
        ),
        (
            r#""KeySpec":"RSA_2048","KeyUsage":"SIGN_VERIFY""#,
            Err(Code::UnsupportedOperation),
        ),
        ("", Err(Code::UnsupportedOperation)),
        (
            r#""KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","Origin":"EXTERNAL""#,
            Err(Code::UnsupportedOperation),
        ),
        (
            r#""KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","Origin":"MOON""#,
            Err(Code::Validation),
        ),
        (
            r#""KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","Tags":[{"TagKey":"a","TagValue":""}]"#,
            Ok(KeyType::P256),
        ),
        (
            r#""KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","Tags":[{"TagKey":"a","TagValue":"1"},{"TagKey":"a","TagValue":"2"}]"#,
            Err(Code::Tag),
        ),
        (
            r#""KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","Tags":[{"TagKey":"a"}]"#,
            Err(Code::Validation),
        ),
        (
            r#""KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","Tags":[["a","b"]]"#,
            Err(Code::Serialization),
        ),
        (
            r#""CustomerMasterKeySpec":"ECC_NIST_EDWARDS25519","KeyUsage":"SIGN_VERIFY""#,
            Err(Code::Validation),
        ),
        (
            r#""CustomerMasterKeySpec":"ML_DSA_44","KeyUsage":"SIGN_VERIFY""#,
            Err(Code::Validation),
        ),
        (
            r#""KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","CustomKeyStoreId":"cks-1""#,
            Err(Code::UnsupportedOperation),
        ),
        (
            r#""KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","XksKeyId":"1""#,
            Err(Code::UnsupportedOperation),
        ),
        (
            r#""KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","Policy":"{\"Statement\":[]}""#,
            Ok(KeyType::P256),
        ),
        (
            r#""KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","Policy":"[]""#,
            Err(Code::MalformedPolicyDocument),
        ),
        (
            r#""KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","Policy":"{""#,
            Err(Code::MalformedPolicyDocument),
        ),
        (
            r#""KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","Policy":"""#,
            Err(Code::Validation),
        ),
        (r#""KeySpec":256"#, Err(Code::Serialization)),
    ];
    for (members, expected) in cases {
        assert_eq!(outcome(&format!("{{{members}}}")), expected, "{members}");
    }
}

#[test]
fn policies_have_a_greatest_length() {
    for (length, expected) in [
        (131_072, Ok(KeyType::P256)),
        (131_073, Err(Code::Validation)),
    ] {
        let policy = format!("{{}}{}", " ".repeat(length - 2));
        let members = r#""KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY""#;
        let result = outcome(&format!(r#"{{{members},"Policy":"{policy}"}}"#));
        assert_eq!(result, expected, "{length}");
    }
}

#[test]
fn every_broken_constraint_is_reported() {
    let request = parse(br#"{"KeySpec":"A","KeyUsage":"B"}"#).unwrap();
    let message = read(request).err().unwrap().message;
    assert!(
        message.starts_with("2 validation errors detected: "),
        "{message}"
    );
    assert!(
        message.contains("Value 'A' at 'keySpec' failed"),
        "{message}"
    );
    assert!(
        message.contains("Value 'B' at 'keyUsage' failed"),
        "{message}"
    );
}
