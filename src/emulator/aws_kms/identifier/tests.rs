use super::*;

const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const MULTI_REGION_ID: &str = "mrk-1234abcd12ab34cd56ef1234567890ab";

fn scope() -> Scope {
    Scope::new("eu-west-1", "111122223333").unwrap()
}

fn arn(rest: &str) -> String {
    format!("arn:aws:kms:{rest}")
}

#[test]
fn keys_are_named_by_id_or_arn() {
    for (text, expected) in [
        (ID.to_owned(), ID),
        (MULTI_REGION_ID.to_owned(), MULTI_REGION_ID),
        (arn(&format!("eu-west-1:111122223333:key/{ID}")), ID),
        (
            arn(&format!("eu-west-1:111122223333:key/{MULTI_REGION_ID}")),
            MULTI_REGION_ID,
        ),
    ] {
        for operation in [
            Operation::Sign,
            Operation::EnableKey,
            Operation::CreateAlias,
        ] {
            let found = scope().identify(operation, &text);
            assert_eq!(found, Ok(Identifier::Key(expected)), "{text}");
        }
    }
}

#[test]
fn aliases_are_named_by_name_or_arn_where_the_operation_takes_them() {
    let alias_arn = arn("eu-west-1:111122223333:alias/a/b");
    for text in ["alias/a/b", &alias_arn] {
        // KMS's answers as others report them. The first: moto's tests of CreateAlias, with status
        // and code. The second: `aws kms get-key-policy --key-id alias/…` as users report it, and
        // CreateGrant with an alias ARN as hashicorp/terraform#20813 quotes it.
        let to_keys = (Code::Validation, "Aliases must refer to keys. Not aliases");
        let not_supported = (
            Code::InvalidArn,
            "Key Aliases are not supported for this operation.",
        );
        for (operation, refusal) in [
            (Operation::DescribeKey, None),
            (Operation::GetPublicKey, None),
            (Operation::Sign, None),
            (Operation::Verify, None),
            (Operation::CreateAlias, Some(to_keys)),
            (Operation::UpdateAlias, Some(to_keys)),
            (Operation::CancelKeyDeletion, Some(not_supported)),
            (Operation::DisableKey, Some(not_supported)),
            (Operation::EnableKey, Some(not_supported)),
            (Operation::ListAliases, Some(not_supported)),
            (Operation::ScheduleKeyDeletion, Some(not_supported)),
        ] {
            let expected = match refusal {
                None => Ok(Identifier::Alias("alias/a/b")),
                Some((code, message)) => Err(KmsError::new(code, message)),
            };
            let found = scope().identify(operation, text);
            assert_eq!(found, expected, "{operation} {text}");
        }
    }
}

#[test]
fn ids_that_name_no_key_are_rejected() {
    let cases = [
        (String::new(), Code::NotFound),
        ("fake-key-id".to_owned(), Code::NotFound),
        ("mrk-fake".to_owned(), Code::NotFound),
        (ID.to_uppercase(), Code::NotFound),
        (ID.replace('-', ""), Code::NotFound),
        (format!("key/{ID}"), Code::NotFound),
        (arn("eu-west-1:111122223333:key/fake"), Code::NotFound),
        (arn("eu-west-1:111122223333:key/"), Code::NotFound),
        (
            arn(&format!("eu-west-1:111122223333:{ID}")),
            Code::InvalidArn,
        ),
        (
            arn(&format!("us-east-1:111122223333:key/{ID}")),
            Code::NotFound,
        ),
        (
            arn(&format!("eu-west-1:444455556666:key/{ID}")),
            Code::AccessDenied,
        ),
        (arn("eu-west-1:444455556666:alias/a"), Code::AccessDenied),
        ("arn:aws:s3:::bucket".to_owned(), Code::InvalidArn),
        ("arn:aws".to_owned(), Code::InvalidArn),
        (
            format!("arn:aws-cn:kms:eu-west-1:111122223333:key/{ID}"),
            Code::InvalidArn,
        ),
    ];
    for (text, code) in cases {
        // The API reference of Sign has no InvalidArnException.
        let code_of_sign = match code {
            Code::InvalidArn => Code::NotFound,
            code => code,
        };
        for (operation, expected) in [
            (Operation::DescribeKey, code),
            (Operation::Sign, code_of_sign),
        ] {
            let error = scope().identify(operation, &text).unwrap_err();
            assert_eq!(
                error.code, expected,
                "{operation} {text}: {}",
                error.message
            );
        }
    }
}

#[test]
fn the_partition_follows_the_region() {
    for (region, partition) in [
        ("us-east-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("ca-central-1", "aws"),
    ] {
        let scope = Scope::new(region, "111122223333").unwrap();
        let arn = scope.key_arn(ID);
        assert!(
            arn.starts_with(&format!("arn:{partition}:kms:{region}:")),
            "{arn}"
        );
        let found = scope.identify(Operation::Sign, &arn);
        assert_eq!(found, Ok(Identifier::Key(ID)));
    }
}

#[test]
fn a_region_or_account_that_fits_into_no_arn_is_rejected() {
    for (region, account_id) in [
        ("", "111122223333"),
        ("eu west 1", "111122223333"),
        ("EU-WEST-1", "111122223333"),
        ("eu-west-1", ""),
        ("eu-west-1", "1111"),
        ("eu-west-1", "11112222333a"),
    ] {
        assert!(
            Scope::new(region, account_id).is_none(),
            "{region} {account_id}"
        );
    }
}
