use aws_sdk_kms::{
    operation::get_public_key::GetPublicKeyOutput, primitives::Blob, types::SigningAlgorithmSpec,
};

use super::*;
use crate::{
    error::{AnswerFault, PublicKeyFault},
    secret_key::SecretKey,
};

const ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd";

fn spki(key_type: KeyType) -> Vec<u8> {
    let key = SecretKey::from_bytes(key_type, &[4; 32]).unwrap();
    key.public_key().unwrap().to_spki_der()
}

fn answer(spec: KeySpec, key_type: KeyType) -> GetPublicKeyOutput {
    GetPublicKeyOutput::builder()
        .key_id(ARN)
        .key_spec(spec)
        .key_usage(KeyUsageType::SignVerify)
        .signing_algorithms(algorithm_of(key_type))
        .public_key(Blob::new(spki(key_type)))
        .build()
}

fn admitted(key_id: &str, output: &GetPublicKeyOutput) -> Result<(String, PublicKey)> {
    admit(key_id, None, &output.clone().into())
}

#[track_caller]
fn fault(output: &GetPublicKeyOutput) -> KeyFault {
    match admitted(ARN, output) {
        Err(Error::KeyRefused { fault, .. }) => fault,
        other => panic!("expected a refused key, got {other:?}"),
    }
}

#[test]
fn the_three_specs_are_admitted() {
    for (spec, key_type) in [
        (KeySpec::EccSecgP256K1, KeyType::Secp256k1),
        (KeySpec::EccNistP256, KeyType::P256),
        (KeySpec::EccNistEdwards25519, KeyType::Ed25519),
    ] {
        let (arn, public_key) = admitted(ARN, &answer(spec, key_type)).unwrap();
        assert_eq!(arn, ARN);
        assert_eq!(public_key.to_spki_der(), spki(key_type));
    }
}

#[test]
fn each_disagreement_has_its_own_fault() {
    let good = answer(KeySpec::EccSecgP256K1, KeyType::Secp256k1);

    let mut key_agreement = good.clone();
    key_agreement.key_usage = Some(KeyUsageType::KeyAgreement);
    assert!(
        matches!(fault(&key_agreement), KeyFault::Usage { actual, .. } if actual == "KEY_AGREEMENT")
    );

    for spec in [
        KeySpec::EccNistP384,
        KeySpec::Rsa2048,
        KeySpec::from("ECC_FROM_THE_FUTURE"),
    ] {
        let mut other_spec = good.clone();
        other_spec.key_spec = Some(spec.clone());
        assert!(
            matches!(fault(&other_spec), KeyFault::Spec { actual, .. } if actual == spec.as_str())
        );
    }

    let mut other_algorithm = good.clone();
    other_algorithm.signing_algorithms = Some(vec![SigningAlgorithmSpec::Ed25519PhSha512]);
    assert!(matches!(
        fault(&other_algorithm),
        KeyFault::Algorithm { actual, expected }
            if actual == "ED25519_PH_SHA_512" && expected == "ECDSA_SHA_256"
    ));
    other_algorithm.signing_algorithms = None;
    assert!(matches!(
        fault(&other_algorithm),
        KeyFault::Algorithm { .. }
    ));

    let mut other_key = good.clone();
    other_key.public_key = Some(Blob::new(spki(KeyType::P256)));
    assert_eq!(
        fault(&other_key),
        KeyFault::Contradiction {
            described: KeyType::Secp256k1,
            actual: KeyType::P256
        }
    );

    let mut truncated = good;
    truncated.public_key = Some(Blob::new(&spki(KeyType::Secp256k1)[..80]));
    assert_eq!(
        fault(&truncated),
        KeyFault::PublicKey(PublicKeyFault::Malformed)
    );
}

#[test]
fn each_missing_field_is_named() {
    let good = answer(KeySpec::EccNistP256, KeyType::P256);
    type Change = fn(&mut GetPublicKeyOutput);
    let without: [(&str, Change); 5] = [
        ("KeyId", |output| output.key_id = None),
        ("KeySpec", |output| output.key_spec = None),
        ("KeyUsage", |output| output.key_usage = None),
        ("PublicKey", |output| output.public_key = None),
        ("PublicKey", |output| {
            output.public_key = Some(Blob::new(""))
        }),
    ];
    for (name, remove) in without {
        let mut output = good.clone();
        remove(&mut output);
        match admitted(ARN, &output) {
            Err(error @ Error::UnusableAnswer { .. }) => {
                assert!(error.is_retryable());
                assert!(
                    matches!(&error, Error::UnusableAnswer { fault: AnswerFault::Missing { field }, .. }
                        if *field == name),
                    "{name}: {error}"
                );
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn an_answer_about_another_key_is_rejected() {
    let answer = answer(KeySpec::EccNistP256, KeyType::P256);
    let other = "arn:aws:kms:us-east-1:111122223333:key/ffff0000";
    for asked in [
        other,
        "ffff0000",
        "arn:aws:kms:us-east-1:999999999999:alias/a",
    ] {
        match admitted(asked, &answer) {
            Err(Error::KeyMoved {
                pinned, returned, ..
            }) => {
                assert_eq!((&*pinned, &*returned), (asked, ARN));
            }
            other => panic!("{asked}: {other:?}"),
        }
    }
    for asked in [
        "1234abcd",
        "alias/a",
        "arn:aws:kms:us-east-1:111122223333:alias/a",
    ] {
        admitted(asked, &answer).unwrap();
    }
}

/// What `GetPublicKey` would return for an encryption key if it had a public key to export.
#[test]
fn a_key_for_encryption_is_named_as_such_without_a_public_key() {
    let mut encrypts = answer(KeySpec::EccNistP256, KeyType::P256);
    encrypts.key_usage = Some(KeyUsageType::EncryptDecrypt);
    encrypts.key_spec = Some(KeySpec::SymmetricDefault);
    encrypts.signing_algorithms = None;
    encrypts.public_key = None;
    for spec in [encrypts.key_spec.clone(), None] {
        encrypts.key_spec = spec;
        assert!(
            matches!(fault(&encrypts), KeyFault::Usage { actual, .. } if actual == "ENCRYPT_DECRYPT")
        );
    }
    let mut hashes = encrypts;
    hashes.key_usage = Some(KeyUsageType::SignVerify);
    hashes.key_spec = Some(KeySpec::Hmac256);
    assert!(matches!(fault(&hashes), KeyFault::Spec { actual, .. } if actual == "HMAC_256"));
}

/// moto names the spec only in the older field.
#[test]
#[allow(deprecated)]
fn the_older_name_of_the_spec_is_accepted() {
    let mut older = answer(KeySpec::EccNistP256, KeyType::P256);
    older.key_spec = None;
    older.customer_master_key_spec = Some("ECC_NIST_P256".into());
    admitted(ARN, &older).unwrap();
    older.customer_master_key_spec = Some("ECC_NIST_P384".into());
    assert!(matches!(fault(&older), KeyFault::Spec { .. }));
}

#[test]
fn an_arn_that_was_given_is_pinned_whatever_the_answer_is_called() {
    let mut bare = answer(KeySpec::EccNistP256, KeyType::P256);
    bare.key_id = Some("1234abcd".into());
    for (asked, pin) in [
        (ARN, ARN),
        ("1234abcd", "1234abcd"),
        ("alias/a", "1234abcd"),
    ] {
        assert_eq!(admitted(asked, &bare).unwrap().0, pin);
    }
}
