use super::*;
use crate::{
    KeyType,
    emulator::{
        aws_kms::{
            identifier::Scope,
            key_store::{KeyStore, NewKey},
        },
        random::Random,
    },
};

fn store_with_keys() -> (KeyStore, String, String) {
    let scope = Scope::new("us-east-1", "000000000000").unwrap();
    let mut store = KeyStore::new(scope, Random::from_seed(7));
    let mut create = |key_type| store.create(NewKey::of(key_type)).unwrap().arn.clone();
    let first = create(KeyType::Secp256k1);
    let second = create(KeyType::Ed25519);
    (store, first, second)
}

fn arn_behind(store: &KeyStore, alias: &str) -> Result<String, Code> {
    match store.find(Operation::Sign, alias) {
        Ok(key) => Ok(key.arn.clone()),
        Err(error) => Err(error.code),
    }
}

#[test]
fn an_alias_points_at_one_key_and_can_be_moved_to_another_spec() {
    let (mut store, first, second) = store_with_keys();
    store.create_alias("alias/a", &first).unwrap();
    assert_eq!(arn_behind(&store, "alias/a"), Ok(first.clone()));
    store.update_alias("alias/a", &second).unwrap();
    assert_eq!(arn_behind(&store, "alias/a"), Ok(second));
    store.delete_alias("alias/a").unwrap();
    assert_eq!(arn_behind(&store, "alias/a"), Err(Code::NotFound));
}

#[test]
fn names_are_checked_as_kms_does() {
    let (mut store, key, _) = store_with_keys();
    for (name, expected) in [
        ("alias/a", None),
        ("alias/a", Some(Code::AlreadyExists)),
        ("alias/a/b_c-d", None),
        ("", Some(Code::Validation)),
        ("a", Some(Code::Validation)),
        ("Alias/a", Some(Code::Validation)),
        ("alias/a:b", Some(Code::Validation)),
        ("alias/", Some(Code::InvalidAliasName)),
        ("alias/aws/ebs", Some(Code::NotAuthorized)),
        ("alias/awsome", None),
    ] {
        let result = store.create_alias(name, &key);
        assert_eq!(result.err().map(|error| error.code), expected, "{name}");
    }
    // The API reference lists InvalidAliasNameException for CreateAlias alone.
    for (name, expected) in [
        ("a", Code::Validation),
        ("alias/a:b", Code::Validation),
        ("alias/", Code::NotFound),
        ("alias/aws/ebs", Code::NotAuthorized),
    ] {
        let updated = store.update_alias(name, &key);
        assert_eq!(updated.unwrap_err().code, expected, "{name}");
        let deleted = store.delete_alias(name);
        assert_eq!(deleted.unwrap_err().code, expected, "{name}");
    }
}

#[test]
fn targets_are_keys_not_pending_deletion() {
    let (mut store, first, second) = store_with_keys();
    store.create_alias("alias/a", &first).unwrap();
    store.set_enabled(&second, false).unwrap();
    store.create_alias("alias/disabled", &second).unwrap();
    store.schedule_deletion(&second, 7).unwrap();
    for (target, expected) in [
        (second.as_str(), Code::KmsInvalidState),
        ("alias/a", Code::Validation),
        ("00000000-0000-4000-8000-000000000000", Code::NotFound),
    ] {
        let created = store.create_alias("alias/b", target);
        assert_eq!(created.unwrap_err().code, expected, "{target}");
        let updated = store.update_alias("alias/a", target);
        assert_eq!(updated.unwrap_err().code, expected, "{target}");
    }
    // The state of the key an alias leaves does not matter.
    store.update_alias("alias/disabled", &first).unwrap();
}

#[test]
fn unknown_aliases_are_not_found() {
    let (mut store, key, _) = store_with_keys();
    let message = "Alias arn:aws:kms:us-east-1:000000000000:alias/a is not found.";
    let expected = Err(KmsError::new(Code::NotFound, message));
    assert_eq!(store.update_alias("alias/a", &key), expected);
    assert_eq!(store.delete_alias("alias/a"), expected);
}

#[test]
fn lists_can_be_of_one_key() {
    let (mut store, first, second) = store_with_keys();
    for (name, key) in [
        ("alias/b", &first),
        ("alias/a", &first),
        ("alias/c", &second),
    ] {
        store.create_alias(name, key).unwrap();
    }
    let names = |key_id, limit, marker| {
        let page = store.list_aliases(key_id, limit, marker).unwrap();
        let names: Vec<&str> = page.items.iter().map(|alias| alias.name.as_str()).collect();
        (names, page.next_marker)
    };
    assert_eq!(
        names(None, 9, None),
        (vec!["alias/a", "alias/b", "alias/c"], None)
    );
    assert_eq!(names(Some(&*second), 9, None), (vec!["alias/c"], None));
    let (page, marker) = names(Some(&*first), 1, None);
    assert_eq!(page, ["alias/a"]);
    // If the next alias belongs to another key, there is no next page.
    assert_eq!(
        names(Some(&*first), 1, marker.as_deref()),
        (vec!["alias/b"], None)
    );
}
