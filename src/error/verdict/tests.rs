use std::collections::BTreeSet;

use super::*;
use crate::{KeyType, RequestKind, error::*};

use Verdict::{Alarm, Final, Local, Passing};

fn key_store(fault: KeyStoreFault) -> Error {
    Error::KeyStore {
        fault,
        code: None,
        retry_after: None,
        // The provider's words, which its own tests judge.
        remedy: String::new(),
        receipt: None,
        source: "source".into(),
    }
}

/// Every error that the crate knows, with each of its faults, and what is expected of it.
fn every_error() -> Vec<(Error, Verdict)> {
    use KeyStoreFault::*;
    let mut errors = vec![
        (
            Error::InvalidSecretKey {
                key_type: None,
                remedy: "remedy",
            },
            Final,
        ),
        (
            Error::Randomness {
                source: "source".into(),
            },
            Final,
        ),
        (Error::SignatureNotVerified { receipt: None }, Alarm),
        (Error::SignedByAnotherKey { receipt: None }, Alarm),
        (
            Error::KeyTypeMismatch {
                expected: KeyType::P256,
                actual: KeyType::Secp256k1,
            },
            Final,
        ),
        (Error::AmbiguousMessage, Final),
        (Error::InvalidDigestLength { actual: 31 }, Final),
        (
            Error::MessageLength {
                actual: 0,
                most: 4096,
            },
            Final,
        ),
        (
            Error::ChainIdRefused {
                requested: None,
                allowed: vec![1],
            },
            Final,
        ),
        (
            Error::BareHashRefused {
                allowed: vec![1],
                remedy: "remedy",
            },
            Final,
        ),
        (
            Error::InvalidPayload {
                what: "typed data",
                source: "source".into(),
            },
            Final,
        ),
        (
            Error::InvalidConfig {
                reason: "reason".into(),
            },
            Final,
        ),
        (
            Error::KeyMoved {
                pinned: "a".into(),
                returned: "b".into(),
                receipt: None,
            },
            Alarm,
        ),
        (
            Error::DeadlineExceeded {
                limit: Duration::from_secs(3),
                stage: "while the signer was at work",
            },
            Passing,
        ),
        (
            Error::QueueFull {
                capacity: 10,
                retry_after: Duration::from_millis(70),
            },
            Passing,
        ),
        (
            Error::QueuedTooLong {
                limit: Duration::from_secs(1),
            },
            Passing,
        ),
        (Error::Cancelled, Final),
    ];
    for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
        let request = RequestKind::Message;
        errors.push((Error::UnsupportedRequest { request, key_type }, Final));
    }
    for (fault, verdict) in [
        (AccessDenied, Local),
        (Credentials, Final),
        (NotFound, Local),
        (Disabled, Local),
        (InvalidState, Local),
        (InvalidUsage, Final),
        (InvalidRequest, Final),
        (Throttled, Passing),
        (Unavailable, Passing),
        (Timeout, Passing),
        (Connection, Passing),
        (WrongEndpoint, Local),
        (Other, Final),
    ] {
        errors.push((key_store(fault), verdict));
    }
    for (fault, verdict) in [
        (AnswerFault::Missing { field: "Signature" }, Passing),
        (AnswerFault::TooLong { most: 65_536 }, Local),
        (AnswerFault::Key { actual: "?".into() }, Alarm),
        (
            AnswerFault::Algorithm {
                actual: "A".into(),
                expected: "B".into(),
            },
            Alarm,
        ),
    ] {
        let receipt = None;
        errors.push((Error::UnusableAnswer { fault, receipt }, verdict));
    }
    for (fault, verdict) in [
        (AuditFault::Temporary, Passing),
        (AuditFault::Permanent, Final),
    ] {
        let (receipt, source) = (None, "source".into());
        let error = Error::AuditFailed {
            fault,
            receipt,
            source,
        };
        errors.push((error, verdict));
    }
    for (fault, verdict) in [
        (EncodingFault::ReducedX, Passing),
        (EncodingFault::VTooLarge, Final),
    ] {
        errors.push((Error::UnencodableSignature { fault }, verdict));
    }
    let text = String::new;
    let expected = "a spec";
    for (fault, verdict) in [
        (
            KeyFault::Spec {
                actual: text(),
                expected,
            },
            Final,
        ),
        (
            KeyFault::Usage {
                actual: text(),
                expected,
            },
            Final,
        ),
        (
            KeyFault::Algorithm {
                actual: text(),
                expected: text(),
            },
            Final,
        ),
        (
            KeyFault::Contradiction {
                described: KeyType::P256,
                actual: KeyType::Ed25519,
            },
            Alarm,
        ),
        (KeyFault::PublicKey(PublicKeyFault::Identity), Final),
        (KeyFault::AnotherPublicKey, Alarm),
    ] {
        let receipt = None;
        errors.push((Error::KeyRefused { fault, receipt }, verdict));
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
        let receipt = None;
        errors.push((Error::InvalidSignature { fault, receipt }, Alarm));
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
        errors.push((Error::InvalidPublicKey { fault }, Final));
    }
    errors
}

/// The list above is complete: it has every kind, and as many messages as there are faults.
#[test]
fn every_kind_and_fault_is_listed() {
    let source = include_str!("../../error.rs");
    let kinds = source.split("pub fn kind(&self)").nth(1).unwrap();
    let kinds = kinds.split("pub fn code(&self)").next().unwrap();
    let kinds: BTreeSet<&str> = kinds.split('"').skip(1).step_by(2).collect();
    let listed = every_error();
    let listed_kinds: BTreeSet<&str> = listed.iter().map(|(error, _)| error.kind()).collect();
    assert_eq!(listed_kinds, kinds);

    let faults = include_str!("../fault.rs").matches("    #[error(").count();
    let with_fault = listed.iter().filter(|(error, _)| {
        let shown = format!("{error:?}");
        shown.contains("{ fault:")
    });
    assert_eq!(with_fault.count(), faults);
}

#[test]
fn each_error_has_its_verdict() {
    for (error, verdict) in every_error() {
        assert_eq!(error.verdict(), verdict, "{error:?}");
        let answers = (
            error.is_retryable(),
            error.may_succeed_elsewhere(),
            error.is_alarm(),
        );
        let expected = match verdict {
            Passing => (true, true, false),
            Local => (false, true, false),
            Final => (false, false, false),
            Alarm => (false, false, true),
        };
        assert_eq!(answers, expected, "{error:?}");
        assert!(!error.is_throttled() || error.is_retryable(), "{error:?}");
        assert!(
            error.retry_after().is_none() || error.is_retryable(),
            "{error:?}"
        );
    }
}

const OTHER_WORDS_FOR_RETRY: [&str; 8] = [
    "try again",
    "try it again",
    "try once more",
    "sign it again",
    "sign once more",
    "send again",
    "send it again",
    "repeat",
];

/// What the operator reads and what the program does must not differ.
#[test]
fn the_words_agree_with_the_verdict() {
    for (error, _) in every_error() {
        if matches!(error, Error::KeyStore { .. }) {
            continue;
        }
        let words = error.to_string().to_lowercase();
        let forbids = words.contains("do not retry");
        assert!(!(forbids && error.is_retryable()), "{words}");
        let asks = words.replace("do not retry", "");
        let asks = ["retry", "sign again"].map(|phrase| asks.contains(phrase));
        assert_eq!(asks.contains(&true), error.is_retryable(), "{words}");
        // Other words for it are not what the documentation says to look for.
        for phrase in OTHER_WORDS_FOR_RETRY {
            assert!(!words.contains(phrase), "{words}");
        }
    }
}

/// The kinds in the first column of a table of `docs/failures.md`.
fn kinds_under(heading: &str) -> BTreeSet<&'static str> {
    let page = include_str!("../../../docs/failures.md");
    let (_, section) = page.split_once(heading).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.collect()
}

/// The operator's tables sort errors as the program does.
#[test]
fn the_page_for_operators_agrees_with_the_verdict() {
    for (heading, expected) in [
        ("\n## It will pass: `is_retryable()` is true", Passing),
        ("\n## Alarm: ", Alarm),
    ] {
        let of_verdict = every_error().into_iter();
        let of_verdict = of_verdict.filter(|(_, verdict)| *verdict == expected);
        let kinds: BTreeSet<&str> = of_verdict.map(|(error, _)| error.kind()).collect();
        assert_eq!(kinds_under(heading), kinds, "{heading}");
    }
    assert_eq!(
        kinds_under("\n## The audit log"),
        BTreeSet::from(["audit_failed"])
    );
}
