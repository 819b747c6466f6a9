use aws_sdk_kms::operation::sign::SignError;

use super::*;

const DIGEST: [u8; 32] = [0x11; 32];

#[test]
fn the_message_type_is_always_set() {
    let asked = ToSign::new(&KeyInput::EcdsaPrehash(&DIGEST)).unwrap();
    assert_eq!(
        (asked.message.as_ref(), asked.message_type.as_str()),
        (&DIGEST[..], "DIGEST")
    );
    assert_eq!(asked.algorithm(), "ECDSA_SHA_256");
    let asked = ToSign::new(&KeyInput::Ed25519Message(b"m")).unwrap();
    assert_eq!(
        (asked.message.as_ref(), asked.message_type.as_str()),
        (&b"m"[..], "RAW")
    );
    assert_eq!(asked.algorithm(), "ED25519_SHA_512");
}

#[test]
fn an_ed25519_message_has_at_most_4096_bytes() {
    let longest = vec![1; 4096];
    assert!(ToSign::new(&KeyInput::Ed25519Message(&longest)).is_ok());
    let too_long = vec![1; 4097];
    assert!(matches!(
        ToSign::new(&KeyInput::Ed25519Message(&too_long)),
        Err(Error::MessageLength {
            actual: 4097,
            most: 4096
        })
    ));
}

#[track_caller]
fn refusal(code: Option<&str>, message: Option<&str>) -> SdkError<Refusal> {
    let mut metadata = ErrorMetadata::builder();
    if let Some(code) = code {
        metadata = metadata.code(code);
    }
    if let Some(message) = message {
        metadata = metadata.message(message);
    }
    let mut answer = HttpResponse::new(503.try_into().unwrap(), "canary\nbody".into());
    let headers = answer.headers_mut();
    headers.insert("x-amzn-requestid", format!("r{}", "x".repeat(5_000)));
    headers.insert("retry-after", "7");
    headers.insert("server", "canary");
    let error = SignError::generic(metadata.build());
    cleaned(SdkError::service_error(error, answer))
}

#[test]
fn an_error_keeps_only_the_needed_parts_of_its_answer() {
    let error = refusal(Some("A\nCode"), Some("a\u{202e}message\n"));
    assert_eq!(error.code(), Some("A?Code"));
    assert_eq!(error.message(), Some("a?message"));
    assert_eq!(error.request_id().unwrap().len(), text::MAX_NAME - 1 + 3);
    let answer = error.raw_response().unwrap();
    assert_eq!(answer.status().as_u16(), 503);
    assert_eq!(answer.headers().get("retry-after"), Some("7"));
    let shown = format!("{error:?}");
    assert!(!shown.contains("canary"), "{shown}");
}

/// Only this crate makes codes of `HTTP` and a status.
#[test]
fn a_server_cannot_invent_a_status() {
    assert_eq!(refusal(Some("HTTP 200"), None).code(), None);
    assert_eq!(refusal(Some("HTTP tenant-1"), None).code(), None);
    assert_eq!(refusal(Some(""), None).code(), None);
    assert_eq!(refusal(Some("HTTPCode"), None).code(), Some("HTTPCode"));
}

#[test]
fn an_echoed_request_is_dropped_before_anything_else() {
    let message = "does not match.\n\nThe Canonical String was x-amz-security-token:canary";
    let error = refusal(Some("SignatureDoesNotMatch"), Some(message));
    assert_eq!(error.message(), Some("does not match."));
    assert!(!format!("{error:?}").contains("canary"));
}
