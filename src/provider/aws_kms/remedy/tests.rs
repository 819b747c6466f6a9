use super::*;

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1";

/// GetPublicKey of an AES key: the cause is not an alias, the key was made for another purpose.
#[test]
fn the_remedy_for_an_encryption_key_is_a_new_key() {
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

/// `aws kms enable-key` accepts no alias, and neither does a policy.
#[test]
fn a_remedy_names_no_alias_where_aws_accepts_none() {
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
