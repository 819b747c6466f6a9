use super::*;

use Verdict::{Alarm, Final, Later, Local, Retryable, Throttled};

fn receipt() -> Receipt {
    Receipt::new("Sign", "arn:aws:kms:eu-west-1:111122223333:key/1")
        .with_region(Some("eu-west-1".into()))
        .with_request_id(Some("req-1".into()))
        .with_attempts(3)
}

/// A remedy of the provider, which the provider's tests check.
const OF_PROVIDER: &str = "do this";

/// Every error that the crate knows, with each of its faults, and what is expected of it.
pub(super) fn every_error() -> Vec<(Error, Verdict)> {
    let refused = || Error::refused("policy", "to", "it pays a stranger", "pay another");
    let wait = Duration::from_millis(70);
    let mut errors = vec![
        (Error::invalid_secret_key(None, "pass a key"), Final),
        (Error::randomness("source"), Final),
        (Error::signature_not_verified(), Alarm),
        (Error::signed_by_another_key(), Alarm),
        (
            Error::key_type_mismatch(KeyType::P256, KeyType::Secp256k1),
            Final,
        ),
        (Error::AmbiguousMessage, Final),
        (Error::invalid_digest_length(31), Final),
        (Error::message_length(0, 4096), Final),
        (refused(), Final),
        (refused().with_retry_after(wait), Later),
        (Error::invalid_payload("typed data", "source"), Final),
        (Error::invalid_config("reason", "set another"), Final),
        (Error::key_moved("a", "b"), Alarm),
        (
            Error::timed_out(Duration::from_secs(3), "while waiting for the signer"),
            Retryable,
        ),
        (Error::queue_full(10, wait), Throttled),
        (Error::queued_too_long(Duration::from_secs(1)), Retryable),
        (Error::Cancelled, Final),
    ];
    for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
        let error = Error::unsupported_request(RequestKind::Message, key_type);
        errors.push((error, Final));
    }
    for verdict in [Retryable, Throttled, Later, Local, Final, Alarm] {
        let error = Error::provider(verdict, OF_PROVIDER, "source");
        errors.push((error, verdict));
    }
    for (fault, verdict) in [
        (KeyStoreFault::AccessDenied, Local),
        (KeyStoreFault::Credentials, Final),
        (KeyStoreFault::NotFound, Local),
        (KeyStoreFault::Disabled, Local),
        (KeyStoreFault::InvalidState, Local),
        (KeyStoreFault::InvalidUsage, Final),
        (KeyStoreFault::InvalidRequest, Final),
        (KeyStoreFault::Throttled, Throttled),
        (KeyStoreFault::Unavailable, Retryable),
        (KeyStoreFault::Timeout, Retryable),
        (KeyStoreFault::Connection, Retryable),
        (KeyStoreFault::WrongEndpoint, Local),
        (KeyStoreFault::Other, Final),
    ] {
        errors.push((Error::key_store(fault, OF_PROVIDER, "source"), verdict));
    }
    for (fault, verdict) in [
        (AnswerFault::missing("Signature"), Retryable),
        (AnswerFault::too_long(65_536), Local),
        (AnswerFault::key("?"), Alarm),
        (AnswerFault::algorithm("A", "B"), Alarm),
    ] {
        errors.push((Error::unusable_answer(fault), verdict));
    }
    for (fault, verdict) in [
        (AuditFault::Temporary, Retryable),
        (AuditFault::Permanent, Final),
    ] {
        errors.push((Error::audit_failed(fault, "source"), verdict));
    }
    for (fault, verdict) in [
        (EncodingFault::ReducedX, Retryable),
        (EncodingFault::VTooLarge, Final),
    ] {
        errors.push((Error::unencodable_signature(fault), verdict));
    }
    for (fault, verdict) in [
        (KeyFault::spec("A", "B"), Final),
        (KeyFault::usage("A", "B"), Final),
        (KeyFault::algorithm("A", "B"), Final),
        (
            KeyFault::contradiction(KeyType::P256, KeyType::Ed25519),
            Alarm,
        ),
        (KeyFault::PublicKey(PublicKeyFault::Identity), Final),
        (KeyFault::AnotherPublicKey, Alarm),
    ] {
        errors.push((Error::key_refused(fault), verdict));
    }
    for fault in [
        SignatureFault::Malformed,
        SignatureFault::TrailingData,
        SignatureFault::Negative,
        SignatureFault::Padded,
        SignatureFault::Zero,
        SignatureFault::OutOfRange,
        SignatureFault::Length,
        SignatureFault::WrongEncoding,
    ] {
        errors.push((Error::invalid_signature(fault), Alarm));
    }
    for fault in [
        PublicKeyFault::Malformed,
        PublicKeyFault::Base64,
        PublicKeyFault::Pem,
        PublicKeyFault::Jwk,
        PublicKeyFault::JwkCoordinate,
        PublicKeyFault::JwkSecret,
        PublicKeyFault::JwkUsage,
        PublicKeyFault::TooLong,
        PublicKeyFault::TrailingData,
        PublicKeyFault::UnsupportedAlgorithm,
        PublicKeyFault::UnsupportedCurve,
        PublicKeyFault::Length,
        PublicKeyFault::PointFormat,
        PublicKeyFault::NotUncompressed,
        PublicKeyFault::NotOnCurve,
        PublicKeyFault::Identity,
        PublicKeyFault::SmallOrder,
        PublicKeyFault::NotCanonical,
    ] {
        errors.push((Error::invalid_public_key(fault), Final));
    }
    errors
}

/// The list above is complete: it has every name, and as many faults as there are messages.
#[test]
fn every_kind_and_fault_is_listed() {
    use std::collections::BTreeSet;

    let source = include_str!("../error.rs");
    let names = source.split("pub fn name(&self)").nth(1).unwrap();
    let names = names.split("pub fn code(&self)").next().unwrap();
    let names: BTreeSet<&str> = names.split('"').skip(1).step_by(2).collect();
    let listed = every_error();
    let listed_names: BTreeSet<&str> = listed.iter().map(|(error, _)| error.name()).collect();
    assert_eq!(listed_names, names);

    let faults = include_str!("fault.rs").matches("    #[error(").count();
    let listed: BTreeSet<String> = (listed.iter())
        .map(|(error, _)| format!("{error:?}"))
        .filter_map(|shown| {
            let (_, fault) = shown.split_once("{ fault: ")?;
            // One fault is listed with each verdict.
            let is_open = fault.starts_with("Provider(");
            let name = if is_open { "Provider" } else { fault };
            Some(format!("{} {name}", shown.split_once(' ')?.0))
        })
        .collect();
    assert_eq!(listed.len(), faults);
}

#[test]
fn the_message_names_the_call_and_leaves_the_source_out() {
    let error = Error::key_store(KeyStoreFault::AccessDenied, "do this", "canary-source")
        .with_code("SomeException")
        .with_receipt(receipt());
    assert_eq!(
        error.to_string(),
        "access to the key was denied [SomeException] (Sign with key \
         arn:aws:kms:eu-west-1:111122223333:key/1 in eu-west-1, request req-1, 3 attempts); do this"
    );
    assert_eq!(error.source().unwrap().to_string(), "canary-source");
    assert_eq!(error.code(), Some("SomeException"));
}

#[test]
fn an_error_from_a_call_can_carry_its_receipt() {
    let from_calls = [
        Error::key_store(KeyStoreFault::Other, "do this", "source"),
        Error::unusable_answer(AnswerFault::missing("Signature")),
        Error::signature_not_verified(),
        Error::signed_by_another_key(),
        Error::invalid_signature(SignatureFault::Zero),
        Error::key_refused(KeyFault::PublicKey(PublicKeyFault::Identity)),
        Error::key_moved("a", "b"),
        Error::audit_failed(AuditFault::Temporary, "disk full"),
    ];
    for error in from_calls {
        assert!(error.receipt().is_none());
        let error = error.with_receipt(receipt());
        assert_eq!(error.receipt(), Some(&receipt()), "{error}");
        assert_eq!(error.request_id(), Some("req-1"));
        assert!(error.to_string().contains("req-1"), "{error}");
    }
    let before_any_call = Error::invalid_digest_length(31).with_receipt(receipt());
    assert_eq!(before_any_call.receipt(), None);
}

/// A remote signer or a stored record can make every error again: no text has to be a constant.
#[test]
fn every_text_may_come_from_elsewhere() {
    let text = |text: &str| text.to_owned();
    let errors = [
        Error::invalid_secret_key(None, text("remedy")),
        Error::refused(text("by"), text("rule"), text("reason"), text("remedy")),
        Error::invalid_payload(text("what"), text("source")),
        Error::invalid_config(text("reason"), text("remedy")),
        Error::timed_out(Duration::ZERO, text("stage")),
        Error::key_refused(KeyFault::spec(text("actual"), text("expected"))),
        Error::unusable_answer(AnswerFault::missing(text("field"))),
        Error::key_store(KeyStoreFault::Other, text("remedy"), text("source"))
            .with_receipt(Receipt::new(text("operation"), text("key"))),
    ];
    assert!(errors.iter().all(|error| !error.to_string().is_empty()));
}

/// A `Result` of this crate is passed around by value on the signing path.
#[test]
fn an_error_is_small() {
    assert!(size_of::<Error>() <= 128, "{} bytes", size_of::<Error>());
}
