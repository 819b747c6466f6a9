use super::*;

fn receipt() -> Receipt {
    Receipt::new("Sign", "arn:aws:kms:eu-west-1:111122223333:key/1")
        .with_region(Some("eu-west-1".into()))
        .with_request_id(Some("req-1".into()))
        .with_attempts(3)
}

fn key_store(fault: KeyStoreFault) -> Error {
    Error::KeyStore {
        fault,
        code: Some("SomeException".into()),
        retry_after: Some(Duration::from_secs(2)),
        remedy: "do this".into(),
        receipt: None,
        source: "canary-source".into(),
    }
}

fn missing() -> Error {
    Error::UnusableAnswer {
        fault: AnswerFault::Missing { field: "Signature" },
        receipt: None,
    }
}

#[test]
fn limits_of_the_caller_are_retryable_and_a_full_queue_throttles() {
    let late = Error::DeadlineExceeded {
        limit: Duration::from_secs(3),
        stage: "while the signer was at work",
    };
    let full = Error::QueueFull {
        capacity: 10,
        retry_after: Duration::from_millis(70),
    };
    assert!(late.is_retryable() && !late.is_throttled());
    assert_eq!(late.retry_after(), None);
    assert!(full.is_retryable() && full.is_throttled());
    assert_eq!(full.retry_after(), Some(Duration::from_millis(70)));
    assert_eq!(
        late.to_string(),
        "no answer within 3s, while the signer was at work; retry later, or allow more time"
    );
    let queued = Error::QueuedTooLong {
        limit: Duration::from_secs(1),
    };
    assert!(queued.is_retryable() && !queued.is_throttled());
    assert!(!Error::Cancelled.is_retryable());
    let unrecorded = Error::AuditFailed {
        fault: AuditFault::Permanent,
        receipt: None,
        source: "disk full".into(),
    };
    assert!(!unrecorded.is_retryable());
    assert_eq!(unrecorded.source().unwrap().to_string(), "disk full");
}

#[test]
fn display_ends_with_the_remedy_names_the_call_and_leaves_the_source_out() {
    let error = key_store(KeyStoreFault::AccessDenied).with_receipt(receipt());
    assert_eq!(
        error.to_string(),
        "access to the key was denied [SomeException] (Sign with key \
         arn:aws:kms:eu-west-1:111122223333:key/1 in eu-west-1, request req-1, 3 attempts); do this"
    );
    assert_eq!(error.source().unwrap().to_string(), "canary-source");
    assert_eq!(error.code(), Some("SomeException"));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
}

#[test]
fn whatever_came_from_a_call_can_carry_its_receipt() {
    let from_calls = [
        key_store(KeyStoreFault::Other),
        missing(),
        Error::SignatureNotVerified { receipt: None },
        Error::SignedByAnotherKey { receipt: None },
        Error::InvalidSignature {
            fault: SignatureFault::Zero,
            receipt: None,
        },
        Error::KeyRefused {
            fault: KeyFault::PublicKey(PublicKeyFault::Identity),
            receipt: None,
        },
        Error::KeyMoved {
            pinned: "a".into(),
            returned: "b".into(),
            receipt: None,
        },
        Error::AuditFailed {
            fault: AuditFault::Temporary,
            receipt: None,
            source: "disk full".into(),
        },
    ];
    for error in from_calls {
        assert!(error.receipt().is_none());
        let error = error.with_receipt(receipt());
        assert_eq!(error.receipt(), Some(&receipt()), "{error}");
        assert_eq!(error.request_id(), Some("req-1"));
        assert!(error.to_string().contains("req-1"), "{error}");
    }
    let before_any_call = Error::InvalidDigestLength { actual: 31 }.with_receipt(receipt());
    assert_eq!(before_any_call.receipt(), None);
}

#[test]
fn a_refused_chain_is_named_with_those_allowed() {
    for (allowed, expected) in [
        (vec![], "limited to no chain at all;"),
        (vec![1], "limited to chain 1;"),
        (vec![1, 137], "limited to chains 1, 137;"),
    ] {
        let error = Error::ChainIdRefused {
            requested: None,
            allowed,
        };
        let shown = error.to_string();
        assert!(
            shown.contains("every chain at once") && shown.contains(expected),
            "{shown}"
        );
    }
}

/// A `Result` of this crate is passed around by value on the signing path.
#[test]
fn an_error_is_small() {
    assert!(size_of::<Error>() <= 128, "{} bytes", size_of::<Error>());
}
