use proptest::prelude::*;

use super::*;

const ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd";
const OTHER_ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/ffff0000";
const ALIAS_ARN: &str = "arn:aws:kms:us-east-1:111122223333:alias/a";

#[test]
fn keys_and_aliases_have_names_and_arns() {
    for (text, region, is_alias, is_key_arn) in [
        ("1234abcd-12ab-34cd-56ef-1234567890ab", None, false, false),
        ("mrk-1234abcd12ab34cd56ef1234567890ab", None, false, false),
        (ARN, Some("us-east-1"), false, true),
        ("alias/hot-wallet", None, true, false),
        ("alias/aws/s3", None, true, false),
        (ALIAS_ARN, Some("us-east-1"), true, false),
        (
            "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
            Some("us-gov-west-1"),
            false,
            true,
        ),
    ] {
        let key_id = KeyId::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(key_id.region(), region, "{text}");
        assert_eq!(key_id.is_alias(), is_alias, "{text}");
        assert_eq!(key_id.is_key_arn(), is_key_arn, "{text}");
    }
}

#[test]
fn everything_else_names_no_key() {
    let long = "a".repeat(129);
    for text in [
        "",
        " ",
        "a key",
        "key/1",
        "alias/",
        "alias/a b",
        "alias/a:b",
        "ümlaut",
        "arn:",
        "arn:aws:kms",
        "arn:aws:s3:::bucket",
        "arn:aws:kms:us-east-1:111122223333:key/",
        "arn:aws:kms:us-east-1:111122223333:key/1/2",
        "arn:aws:kms:us-east-1:111122223333:key/1:2",
        "arn:aws:kms:us-east-1:111122223333:1",
        "arn:aws:kms:us-east-1:1:key/1",
        "arn:aws:kms:us-east-1::key/1",
        "arn:aws:kms::111122223333:key/1",
        "arn::kms:us-east-1:111122223333:key/1",
        "arn:aws:s3:us-east-1:111122223333:key/1",
        "arn:aws:kms:US-EAST-1:111122223333:key/1",
        "arn:aws:kms:us-east-1:111122223333:key/1\n",
        "x:aws:kms:us-east-1:111122223333:key/1",
        "1…",
        &long,
    ] {
        assert_eq!(KeyId::parse(text), None, "{text:?}");
    }
}

#[test]
fn arns_are_compared_whole_and_bare_ids_by_their_end() {
    let replica = ARN.replace("us-east-1", "eu-west-1");
    let elsewhere = "arn:aws:kms:us-east-1:999999999999:key/1234abcd";
    let partition = ARN.replace("arn:aws:", "arn:aws-cn:");
    for (asked, answered, pin) in [
        (ARN, ARN, Some(ARN)),
        (ARN, OTHER_ARN, None),
        (ARN, &replica, None),
        (ARN, elsewhere, None),
        (ARN, &partition, None),
        // A known ARN stays pinned.
        (ARN, "1234abcd", Some(ARN)),
        (ARN, "ffff0000", None),
        ("1234abcd", ARN, Some(ARN)),
        ("1234abcd", OTHER_ARN, None),
        ("1234abcd", "1234abcd", Some("1234abcd")),
        ("1234abcd", "1234abce", None),
        ("alias/a", OTHER_ARN, Some(OTHER_ARN)),
        ("alias/a", "1234abcd", Some("1234abcd")),
        (ALIAS_ARN, ARN, Some(ARN)),
        (ALIAS_ARN, &replica, None),
        (ALIAS_ARN, elsewhere, None),
        (ALIAS_ARN, "1234abcd", Some("1234abcd")),
    ] {
        match (check_key(asked, None, Some(answered)), pin) {
            (Ok(actual), Some(pin)) => assert_eq!(actual, pin, "{asked} {answered}"),
            (
                Err(Error::KeyMoved {
                    pinned, returned, ..
                }),
                None,
            ) => {
                assert_eq!((&*pinned, &*returned), (asked, answered));
            }
            (result, _) => panic!("{asked} {answered}: {result:?}"),
        }
    }
}

#[test]
fn an_answer_that_names_no_key_is_not_usable() {
    for answered in ["", "alias/a", ALIAS_ARN, "arn:aws:kms", "a key"] {
        for asked in ["alias/a", ALIAS_ARN, ARN, "1234abcd"] {
            match check_key(asked, None, Some(answered)) {
                Err(error @ Error::UnusableAnswer { .. }) => assert!(!error.is_retryable()),
                other => panic!("{asked} {answered}: {other:?}"),
            }
        }
    }
    assert!(check_key(ARN, None, None).unwrap_err().is_retryable());
}

proptest! {
    /// A pin names a key, and a pinned key stays pinned.
    #[test]
    fn what_is_pinned_names_a_key(
        asked in prop::sample::select(vec!["alias/a", ALIAS_ARN, ARN, "1234abcd"]),
        answered in "(arn:aws:kms:[a-z]{0,3}:[0-9]{11,12}:(key|alias)/)?[0-9a-f]{0,4}|\\PC*",
    ) {
        if let Ok(pin) = check_key(asked, None, Some(&answered)) {
            let parsed = KeyId::parse(&pin).unwrap();
            prop_assert!(!parsed.is_alias());
            prop_assert_eq!(check_key(&pin, None, Some(&answered)).unwrap(), pin.clone());
            prop_assert!(KeyId::parse(asked).unwrap().is_key_arn() <= parsed.is_key_arn());
        }
    }
}

/// Replicas of a multi-Region key share one id, and aliases may have the same name in every region.
#[test]
fn a_name_without_a_scope_is_one_of_the_clients_region() {
    let elsewhere = "arn:aws-cn:kms:cn-north-1:999999999999:key/1234abcd";
    for asked in ["1234abcd", "alias/a"] {
        assert!(check_key(asked, Some("us-east-1"), Some(ARN)).is_ok());
        assert!(matches!(
            check_key(asked, Some("eu-west-1"), Some(elsewhere)),
            Err(Error::KeyMoved { .. })
        ));
        assert!(check_key(asked, Some("eu-west-1"), Some("1234abcd")).is_ok());
    }
}
