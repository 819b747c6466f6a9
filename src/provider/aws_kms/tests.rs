use aws_sdk_kms::{
    Client,
    config::{BehaviorVersion, Region},
    operation::sign::SignOutput,
    primitives::Blob,
    types::SigningAlgorithmSpec,
};

use super::client_state::ClientState;
use super::*;
use crate::{KeyType, call::Settings, error::SignatureFault, secret_key::SecretKey};

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
    let client = Client::from_conf(config);
    let state = ClientState::of(&client, None);
    let caller = Caller::new(client, Settings::default(), state);
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

fn release(signer: &AwsKmsSigner, output: &SignOutput) -> Result<Signed> {
    let asked = ToSign::new(&INPUT).unwrap();
    let receipt = Receipt::new("Sign", "alias/a");
    signer.release(&output.clone().into(), &INPUT, &asked, receipt)
}

#[test]
fn a_valid_answer_is_returned() {
    let signer = signer("alias/a", Some(ARN));
    let signed = release(&signer, &answer()).unwrap();
    assert_eq!(signed.signature.public_key(), signer.public_key());
    assert_eq!(signed.receipt.key(), ARN);
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

/// A name that a proxy invents is not pinned, not even with a valid signature.
#[test]
fn only_a_key_id_or_a_key_arn_is_pinned() {
    for key_id in [
        "alias/b",
        "arn:aws:kms",
        "a key",
        "1234abcd\n",
        &"k".repeat(3_000),
    ] {
        let signer = signer("alias/a", None);
        let mut odd = answer();
        odd.key_id = Some(key_id.into());
        let error = release(&signer, &odd).unwrap_err();
        assert!(
            matches!(
                error,
                Error::UnusableAnswer {
                    fault: AnswerFault::Key { .. },
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(signer.key(), "alias/a");
        release(&signer, &answer()).unwrap();
        assert_eq!(signer.key(), ARN);
    }
}

#[test]
fn an_arn_stays_pinned_when_an_emulator_answers_with_the_bare_id() {
    let signer = signer(ARN, None);
    let mut bare = answer();
    bare.key_id = Some("1234abcd".into());
    release(&signer, &bare).unwrap();
    assert_eq!(signer.key(), ARN);
    let mut elsewhere = answer();
    elsewhere.key_id = Some(ARN.replace("111122223333", "999999999999"));
    assert!(matches!(
        release(&signer, &elsewhere),
        Err(Error::KeyMoved { .. })
    ));
}
