use std::time::Duration;

use aws_sdk_kms::{
    config::http::HttpResponse,
    error::{ConnectorError, ErrorMetadata},
    operation::sign::SignError,
};

use aws_smithy_types::body::SdkBody;

use super::*;

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1";

fn receipt() -> Receipt {
    let receipt = Receipt::new("Sign", KEY);
    receipt
        .with_region(Some("eu-west-1".into()))
        .with_attempts(2)
}

fn answered(status: u16, code: Option<&str>, headers: &[(&'static str, &'static str)]) -> Error {
    let mut metadata = ErrorMetadata::builder();
    if let Some(code) = code {
        metadata = metadata.code(code);
    }
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
    for (name, value) in headers {
        response.headers_mut().insert(*name, *value);
    }
    let error = SignError::generic(metadata.build());
    classify(SdkError::service_error(error, response), receipt(), true)
}

fn fault(error: &Error) -> KeyStoreFault {
    match error {
        Error::KeyStore { fault, .. } => *fault,
        other => panic!("expected a key store failure, got {other:?}"),
    }
}

/// The errors of KMS's Sign and GetPublicKey, and AWS's common errors.
#[test]
fn each_code_of_kms_has_its_fault() {
    use KeyStoreFault::*;
    for (code, expected) in [
        ("AccessDeniedException", AccessDenied),
        ("DependencyTimeoutException", Unavailable),
        ("DisabledException", Disabled),
        ("DryRunOperationException", Other),
        ("ExpiredTokenException", Credentials),
        ("InvalidArnException", InvalidRequest),
        ("InvalidGrantTokenException", InvalidRequest),
        ("InvalidKeyUsageException", InvalidUsage),
        ("InvalidSignatureException", Credentials),
        ("KeyUnavailableException", Unavailable),
        ("KMSInternalException", Unavailable),
        ("KMSInvalidStateException", InvalidState),
        ("LimitExceededException", Throttled),
        ("MissingAuthenticationTokenException", Credentials),
        ("NotFoundException", NotFound),
        ("ServiceUnavailable", Unavailable),
        ("ThrottlingException", Throttled),
        ("UnrecognizedClientException", Credentials),
        ("UnsupportedOperationException", InvalidUsage),
        ("ValidationException", InvalidRequest),
        ("NeverHeardOfException", Other),
        ("PriorRequestNotComplete", Throttled),
        ("RequestTimeout", Timeout),
        ("RequestTimeTooSkewed", Credentials),
    ] {
        let error = answered(400, Some(code), &[]);
        assert_eq!(fault(&error), expected, "{code}");
        assert_eq!(error.code(), Some(code));
    }
}

/// "Key states of AWS KMS keys", notes 2 and 3: KMS returns one of two errors for a key pending
/// deletion.
#[test]
fn the_remedy_for_a_key_pending_deletion_is_not_to_enable_it() {
    let message = "arn:aws:kms:eu-west-1:111122223333:key/1 is pending deletion";
    for (code, message, expected) in [
        ("DisabledException", message, KeyStoreFault::InvalidState),
        (
            "KMSInvalidStateException",
            message,
            KeyStoreFault::InvalidState,
        ),
        (
            "DisabledException",
            "…:key/1 is disabled.",
            KeyStoreFault::Disabled,
        ),
    ] {
        let metadata = ErrorMetadata::builder().code(code).message(message).build();
        let response = HttpResponse::new(400.try_into().unwrap(), SdkBody::empty());
        let error = SdkError::service_error(SignError::generic(metadata), response);
        let error = classify(error, receipt(), true);
        assert_eq!(fault(&error), expected, "{code}: {message}");
        let tells_to_enable = error.to_string().contains("enable-key");
        assert_eq!(
            tells_to_enable,
            expected == KeyStoreFault::Disabled,
            "{error}"
        );
    }
}

#[test]
fn without_a_known_code_the_status_decides() {
    use KeyStoreFault::*;
    for (status, expected) in [
        (200, Unavailable),
        (400, Other),
        (403, Other),
        (408, Timeout),
        (429, Throttled),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
    ] {
        assert_eq!(fault(&answered(status, None, &[])), expected, "{status}");
        let unknown = answered(status, Some("NeverHeardOfException"), &[]);
        assert_eq!(fault(&unknown), expected, "{status} with an unknown code");
    }
}

#[test]
fn each_transport_failure_has_its_fault() {
    let boxed = |text: &'static str| -> Box<dyn StdError + Send + Sync> { text.into() };
    let broken = HttpResponse::new(200.try_into().unwrap(), SdkBody::empty());
    let cases: [(SdkError<SignError>, KeyStoreFault); 5] = [
        (
            SdkError::timeout_error(boxed("slow")),
            KeyStoreFault::Timeout,
        ),
        (
            SdkError::dispatch_failure(ConnectorError::timeout(boxed("slow connect"))),
            KeyStoreFault::Timeout,
        ),
        (
            SdkError::dispatch_failure(ConnectorError::io(boxed("reset"))),
            KeyStoreFault::Connection,
        ),
        (
            SdkError::response_error(boxed("cut off"), broken),
            KeyStoreFault::Unavailable,
        ),
        (
            SdkError::construction_failure(boxed("no region")),
            KeyStoreFault::Other,
        ),
    ];
    for (error, expected) in cases {
        let shown = format!("{error:?}");
        assert_eq!(
            fault(&classify(error, receipt(), true)),
            expected,
            "{shown}"
        );
    }
}

/// The SDK quotes the whole request, body included, when it cannot send it.
#[test]
fn an_error_of_an_unsent_request_keeps_only_the_innermost_cause() {
    #[derive(Debug, thiserror::Error)]
    #[error("failed to apply endpoint to Request {{ body: canary-payload }}")]
    struct Quoting(#[source] Box<dyn StdError + Send + Sync>);

    let quoting = Quoting("endpoint must contain a scheme".into());
    let error: SdkError<SignError> =
        SdkError::dispatch_failure(ConnectorError::other(Box::new(quoting), None));
    let error = classify(error, receipt().with_attempts(0), false);
    assert_eq!(fault(&error), KeyStoreFault::Other);
    assert!(!error.is_retryable());
    assert_eq!(
        error.source().unwrap().to_string(),
        "endpoint must contain a scheme"
    );
    assert!(
        !format!("{error} {error:?}").contains("canary"),
        "{error:?}"
    );
    assert!(error.to_string().contains("nothing was sent"), "{error}");
}

#[test]
fn remedies_name_action_key_and_region() {
    for (code, parts) in [
        (
            "AccessDeniedException",
            vec!["kms:Sign", KEY, "IAM policy", "key policy"],
        ),
        ("NotFoundException", vec![KEY, "eu-west-1", "alias/NAME"]),
        ("DisabledException", vec!["aws kms enable-key", KEY]),
        (
            "InvalidKeyUsageException",
            vec![KEY, "pinned public key", "alias was moved"],
        ),
        (
            "KMSInvalidStateException",
            vec!["describe-key", KEY, "cancel-key-deletion", "enabled"],
        ),
        ("ExpiredTokenException", vec!["renew the credentials"]),
        ("InvalidSignatureException", vec!["clock", "eu-west-1"]),
        ("ThrottlingException", vec!["retry", "quota"]),
    ] {
        let shown = answered(400, Some(code), &[]).to_string();
        let (_, remedy) = shown
            .rsplit_once("); ")
            .unwrap_or_else(|| panic!("no remedy: {shown}"));
        for part in parts {
            assert!(
                remedy.contains(part),
                "{code}: `{part}` is not in `{remedy}`"
            );
        }
    }
}

#[test]
fn an_answer_without_code_shows_its_status() {
    for (status, remedy) in [
        (301, "check the endpoint"),
        (403, "the answer is not from KMS"),
        (407, "the proxy"),
        (503, "retry"),
    ] {
        let error = answered(status, None, &[]);
        assert_eq!(error.code(), Some(&*format!("HTTP {status}")));
        let shown = error.to_string();
        assert!(
            shown.contains(&format!("[HTTP {status}]")) && shown.contains(remedy),
            "{shown}"
        );
    }
}

/// Display shows code and request id already; the source adds KMS's message, once.
#[test]
fn the_source_is_the_message_of_kms() {
    let metadata = ErrorMetadata::builder()
        .code("AccessDeniedException")
        .message("no policy allows it")
        .build();
    let response = HttpResponse::new(400.try_into().unwrap(), SdkBody::empty());
    let error = SdkError::service_error(SignError::generic(metadata), response);
    let error = classify(error, receipt(), true);
    let source = error.source().unwrap();
    assert_eq!(source.to_string(), "no policy allows it");
    assert!(source.source().is_none());
}

#[test]
fn retry_after_is_read_from_the_answer() {
    let throttled = |value| answered(400, Some("ThrottlingException"), &[("retry-after", value)]);
    assert_eq!(throttled("7").retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(throttled("soon").retry_after(), None);
    assert_eq!(throttled("-1").retry_after(), None);
    // At most an hour, not the 584 billion years of `u64::MAX` seconds.
    for long in [
        "18446744073709551615",
        "18446744073709551616",
        &"9".repeat(400),
    ] {
        let longest = throttled(Box::leak(long.to_owned().into_boxed_str())).retry_after();
        assert_eq!(longest, Some(Duration::from_secs(3600)), "{long}");
    }
    assert_eq!(throttled("").retry_after(), None);
    assert_eq!(throttled("+5").retry_after(), None);
}

/// An operator reads the remedy and a program the verdict, so the two must agree.
#[test]
fn the_words_of_a_remedy_agree_with_the_verdict() {
    use crate::error::KeyStoreFault::*;
    let faults = [
        AccessDenied,
        Credentials,
        NotFound,
        Disabled,
        InvalidState,
        InvalidUsage,
        InvalidRequest,
        Throttled,
        Unavailable,
        Timeout,
        Connection,
        WrongEndpoint,
        Other,
    ];
    let codes = [None, Some("HTTP 403"), Some("HTTP 407"), Some("Unknown")];
    for (fault, code) in faults
        .iter()
        .flat_map(|fault| codes.map(|code| (fault, code)))
    {
        for operation in ["Sign", "GetPublicKey"] {
            let words = remedy(*fault, code, &Receipt::new(operation, KEY));
            let error = Error::key_store(*fault, words.clone(), "source");
            let asks = words.replace("do not retry", "").contains("retry");
            assert_eq!(asks, error.is_retryable(), "{fault:?} {code:?}: {words}");
        }
    }
    for (words, is_retryable) in [
        (NO_CREDENTIALS_IN_TIME, true),
        (CLIENT_SETTING, false),
        (WRONG_CLOCK, false),
    ] {
        assert_eq!(words.contains("retry"), is_retryable, "{words}");
    }
}
