use super::*;

const ARN: &str = "arn:aws:kms:us-east-1:000000000000:key/1";

fn sent(code: &str, message: Option<&str>, key_arn: Option<&str>) -> (u16, String) {
    let error = ServiceError {
        code: code.to_owned(),
        message: message.map(str::to_owned),
    };
    let message = error.message(&Subject {
        scope: &Scope::new("us-east-1", "000000000000").unwrap(),
        operation: Some(Operation::Sign),
        key_arn,
    });
    (error.status().as_u16(), message)
}

#[test]
fn the_errors_of_sign_have_status_and_message_of_kms() {
    for (code, status, part) in [
        ("DependencyTimeoutException", 503, "timed out"),
        ("DisabledException", 400, "key/1 is disabled."),
        ("InvalidGrantTokenException", 400, "grant token"),
        ("InvalidKeyUsageException", 400, "not valid for Sign"),
        ("KeyUnavailableException", 500, "key/1 is unavailable."),
        ("KMSInternalException", 500, "internal"),
        (
            "KMSInvalidStateException",
            400,
            "key/1 is pending deletion.",
        ),
        ("NotFoundException", 400, "key/1' does not exist"),
        ("InvalidArnException", 400, "Invalid arn arn:aws:kms"),
        (
            "UnsupportedOperationException",
            400,
            "does not support Sign",
        ),
        ("DryRunOperationException", 400, "DryRun option is set"),
        ("LimitExceededException", 400, "quota"),
        (
            "AccessDeniedException",
            400,
            "to perform: kms:Sign on resource: arn:aws:kms",
        ),
        ("ThrottlingException", 400, "Reduce the frequency"),
        ("ValidationException", 400, "constraints"),
        (
            "ExpiredTokenException",
            400,
            "token included in the request is expired",
        ),
        (
            "UnrecognizedClientException",
            400,
            "token included in the request is invalid",
        ),
        (
            "InvalidSignatureException",
            400,
            "does not match the signature you provided",
        ),
        ("ServiceUnavailable", 503, "temporary"),
    ] {
        let (actual, message) = sent(code, None, Some(ARN));
        assert_eq!(actual, status, "{code}");
        assert!(message.contains(part), "{code}: {message}");
        assert_eq!(
            sent(code, Some("mine"), Some(ARN)),
            (status, "mine".to_owned())
        );
    }
}

#[test]
fn unknown_codes_and_keys_get_defaults() {
    assert_eq!(
        sent("KeyOnHolidayException", None, Some(ARN)),
        (400, String::new())
    );
    let (_, message) = sent("NotFoundException", None, None);
    assert_eq!(message, "Key '*' does not exist");
}
