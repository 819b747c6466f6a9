use aws_sdk_kms::{
    Client,
    config::{BehaviorVersion, Region},
};

use super::clock::Clock;
use super::{call::Settings, *};
use crate::{error::SignatureFault, secret_key::SecretKey};

const ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd";
const OTHER_ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/ffff0000";
const DIGEST: [u8; 32] = [0x11; 32];
const INPUT: KeyInput<'static> = KeyInput::EcdsaPrehash(&DIGEST);

fn key(seed: u8) -> SecretKey {
    SecretKey::from_bytes(KeyType::Secp256k1, &[seed; 32]).unwrap()
}

fn signer(key_id: &str, arn: Option<&str>) -> AwsKmsSigner {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .build();
    let public_key = key(1).public_key().unwrap();
    let caller = Caller::new(
        Client::from_conf(config),
        Settings::default(),
        Clock::default(),
    );
    AwsKmsSigner::new(caller, key_id.into(), arn.map(str::to_owned), public_key)
}

fn der(key: &SecretKey, digest: &[u8; 32]) -> Vec<u8> {
    let raw = key.sign(&KeyInput::EcdsaPrehash(digest), &[]).unwrap();
    let signature = k256::ecdsa::Signature::from_slice(&raw).unwrap();
    signature.to_der().as_bytes().to_vec()
}

fn answer() -> SignOutput {
    SignOutput::builder()
        .key_id(ARN)
        .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
        .signature(Blob::new(der(&key(1), &DIGEST)))
        .build()
}

fn release(signer: &AwsKmsSigner, output: &SignOutput) -> Result<Signature> {
    signer.release(output, &INPUT, &SigningAlgorithmSpec::EcdsaSha256)
}

#[test]
fn a_good_answer_is_released() {
    let signer = signer("alias/a", Some(ARN));
    assert_eq!(
        release(&signer, &answer()).unwrap().key_type(),
        KeyType::Secp256k1
    );
}

#[test]
fn an_alias_that_moved_names_both_keys() {
    let signer = signer("alias/a", Some(ARN));
    let mut moved = answer();
    moved.key_id = Some(OTHER_ARN.into());
    match release(&signer, &moved) {
        Err(Error::KeyMoved {
            pinned, returned, ..
        }) => {
            assert_eq!((&*pinned, &*returned), (ARN, OTHER_ARN));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_unusable_answer_has_its_own_error() {
    let signer = signer("alias/a", Some(ARN));
    type Change = fn(&mut SignOutput);
    let changed = |change: Change| {
        let mut output = answer();
        change(&mut output);
        release(&signer, &output).unwrap_err()
    };
    let missing: [(&str, Change); 4] = [
        ("KeyId", |output| output.key_id = None),
        ("SigningAlgorithm", |output| output.signing_algorithm = None),
        ("Signature", |output| output.signature = None),
        ("Signature", |output| output.signature = Some(Blob::new(""))),
    ];
    for (name, remove) in missing {
        let error = changed(remove);
        assert!(
            matches!(&error, Error::UnusableAnswer { fault: AnswerFault::Missing { field }, .. }
                if *field == name),
            "{name}: {error}"
        );
    }
    let error = changed(|output| {
        output.signing_algorithm = Some(SigningAlgorithmSpec::EcdsaSha384);
    });
    assert!(
        matches!(
            &error,
            Error::UnusableAnswer { fault: AnswerFault::Algorithm { actual, expected }, .. }
                if actual == "ECDSA_SHA_384" && expected == "ECDSA_SHA_256"
        ),
        "{error}"
    );
    for error in [
        changed(|output| output.signature = Some(Blob::new(der(&key(2), &DIGEST)))),
        changed(|output| output.signature = Some(Blob::new(der(&key(1), &[0x12; 32])))),
    ] {
        assert!(
            matches!(error, Error::SignatureNotVerified { .. }),
            "{error}"
        );
    }
    let error = changed(|output| output.signature = Some(Blob::new([0; 70])));
    assert!(
        matches!(
            error,
            Error::InvalidSignature {
                fault: SignatureFault::Malformed,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn an_alias_learns_its_arn_from_the_first_verified_signature_only() {
    let signer = signer("alias/a", None);
    let mut by_another_key = answer();
    by_another_key.key_id = Some(OTHER_ARN.into());
    by_another_key.signature = Some(Blob::new(der(&key(2), &DIGEST)));
    assert!(matches!(
        release(&signer, &by_another_key),
        Err(Error::SignatureNotVerified { .. })
    ));
    assert_eq!(signer.key(), "alias/a");

    release(&signer, &answer()).unwrap();
    assert_eq!(signer.key(), ARN);
    assert!(matches!(
        release(&signer, &by_another_key),
        Err(Error::KeyMoved { .. })
    ));
}

#[test]
fn a_pinned_key_id_is_compared_with_the_arn() {
    release(&signer("1234abcd", None), &answer()).unwrap();
    assert!(matches!(
        release(&signer("ffff0000", None), &answer()),
        Err(Error::KeyMoved { .. })
    ));
}

#[test]
fn arns_are_compared_whole_and_bare_ids_by_their_end() {
    let replica = ARN.replace("us-east-1", "eu-west-1");
    let alias_arn = "arn:aws:kms:us-east-1:111122223333:alias/a";
    for (asked, returned, agree) in [
        (ARN, ARN, true),
        (ARN, OTHER_ARN, false),
        (ARN, &replica, false),
        (ARN, "1234abcd", true),
        ("1234abcd", ARN, true),
        ("1234abcd", OTHER_ARN, false),
        ("1234abcd", "1234abcd", true),
        ("1234abcd", "1234abce", false),
        ("alias/a", OTHER_ARN, true),
        (alias_arn, ARN, true),
        (alias_arn, &replica, false),
        (
            alias_arn,
            "arn:aws:kms:us-east-1:999999999999:key/1234abcd",
            false,
        ),
        (alias_arn, "1234abcd", true),
    ] {
        assert_eq!(
            check_key(asked, returned).is_ok(),
            agree,
            "{asked} {returned}"
        );
    }
}

#[test]
fn the_message_type_is_always_set() {
    let (message, message_type) = message_of(&INPUT).unwrap();
    assert_eq!(
        (message.as_ref(), message_type),
        (&DIGEST[..], MessageType::Digest)
    );
    let (message, message_type) = message_of(&KeyInput::Ed25519Message(b"m")).unwrap();
    assert_eq!(
        (message.as_ref(), message_type),
        (&b"m"[..], MessageType::Raw)
    );
}

#[test]
fn an_ed25519_message_has_at_most_4096_bytes() {
    let longest = vec![1; 4096];
    assert!(message_of(&KeyInput::Ed25519Message(&longest)).is_ok());
    let too_long = vec![1; 4097];
    assert!(matches!(
        message_of(&KeyInput::Ed25519Message(&too_long)),
        Err(Error::MessageLength {
            actual: 4097,
            most: 4096
        })
    ));
}
