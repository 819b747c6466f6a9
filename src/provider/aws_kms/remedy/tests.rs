use super::*;

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1";

/// GetPublicKey of an AES key: no alias can be blamed, the key was made for something else.
#[test]
fn a_key_that_was_never_for_signing_has_to_be_made_anew() {
    let remedy = remedy(
        KeyStoreFault::InvalidUsage,
        None,
        &Receipt::new("GetPublicKey", KEY),
    );
    assert!(
        remedy.contains("SIGN_VERIFY") && remedy.contains("ECC_SECG_P256K1"),
        "{remedy}"
    );
}

/// `aws kms enable-key` takes no alias, and neither does a policy.
#[test]
fn an_alias_is_not_given_where_aws_takes_none() {
    let receipt = Receipt::new("Sign", "alias/a").with_region(Some("eu-west-1".into()));
    assert_eq!(
        remedy(KeyStoreFault::Disabled, None, &receipt),
        "enable it: aws kms enable-key --region eu-west-1 --key-id $(aws kms describe-key \
         --region eu-west-1 --key-id alias/a --query KeyMetadata.KeyId --output text)"
    );
    let denied = remedy(KeyStoreFault::AccessDenied, None, &receipt);
    assert!(
        denied.contains("kms:Sign on the ARN of the key behind alias/a"),
        "{denied}"
    );
}
