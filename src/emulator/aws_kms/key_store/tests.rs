use super::*;

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

fn store() -> KeyStore {
    let scope = Scope::new("us-east-1", "000000000000").unwrap();
    KeyStore::new(scope, Random::from_seed(7))
}

fn new_key(store: &mut KeyStore) -> String {
    let key = store.create(NewKey::of(KeyType::Secp256k1)).unwrap();
    key.id.clone()
}

/// Steps that change a key's state.
#[derive(Clone, Copy, Debug)]
enum Step {
    Enable,
    Disable,
    Schedule,
    Cancel,
}

fn take(store: &mut KeyStore, id: &str, step: Step) -> Result<(), KmsError> {
    match step {
        Step::Enable => store.set_enabled(id, true),
        Step::Disable => store.set_enabled(id, false),
        Step::Schedule => store.schedule_deletion(id, 7).map(|_| ()),
        Step::Cancel => store.cancel_deletion(id).map(|_| ()),
    }
}

/// The operations of the emulator in the table "Key states of AWS KMS keys", for the states that a
/// signing key can have.
#[test]
fn states_follow_the_table_of_the_developer_guide() {
    use Code::{Disabled, KmsInvalidState};
    use Step::{Cancel, Disable, Enable, Schedule};
    let enabled = &[][..];
    let disabled = &[Disable][..];
    let pending = &[Schedule][..];
    let cancelled = &[Schedule, Cancel][..];
    let cases = [
        (enabled, Enable, None, "Enabled"),
        (enabled, Disable, None, "Disabled"),
        (enabled, Schedule, None, "PendingDeletion"),
        (enabled, Cancel, Some(KmsInvalidState), "Enabled"),
        (disabled, Enable, None, "Enabled"),
        (disabled, Disable, None, "Disabled"),
        (disabled, Schedule, None, "PendingDeletion"),
        (disabled, Cancel, Some(KmsInvalidState), "Disabled"),
        (pending, Enable, Some(KmsInvalidState), "PendingDeletion"),
        (pending, Disable, Some(KmsInvalidState), "PendingDeletion"),
        (pending, Schedule, Some(KmsInvalidState), "PendingDeletion"),
        (pending, Cancel, None, "Disabled"),
        (cancelled, Enable, None, "Enabled"),
    ];
    for (before, step, error, after) in cases {
        let mut store = store();
        let id = new_key(&mut store);
        for step in before {
            take(&mut store, &id, *step).unwrap();
        }
        let result = take(&mut store, &id, step);
        assert_eq!(
            result.err().map(|error| error.code),
            error,
            "{before:?}, {step:?}"
        );

        let key = store.find(Operation::DescribeKey, &id).unwrap();
        let (name, use_error) = match key.state {
            KeyState::Enabled => ("Enabled", None),
            KeyState::Disabled => ("Disabled", Some(Disabled)),
            KeyState::PendingDeletion { .. } => ("PendingDeletion", Some(KmsInvalidState)),
        };
        assert_eq!(name, after, "{before:?}, {step:?}");
        let use_result = key.require_enabled();
        assert_eq!(use_result.err().map(|error| error.code), use_error);
    }
}

#[test]
fn unknown_keys_are_not_found() {
    let mut store = store();
    let error = store.set_enabled(UNKNOWN, true).unwrap_err();
    assert_eq!(error.code, Code::NotFound);
    assert_eq!(
        error.message,
        format!("Key 'arn:aws:kms:us-east-1:000000000000:key/{UNKNOWN}' does not exist"),
    );
}

#[test]
fn imported_keys_have_the_secret_given() {
    let mut store = store();
    for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
        let secret = [7; 32];
        let key = store.import(key_type, &secret).unwrap();
        let expected = SecretKey::from_bytes(key_type, &secret).unwrap();
        assert_eq!(*key.public_key(), expected.public_key().unwrap());
        assert_eq!(key.origin, Origin::External);
    }
    assert!(store.import(KeyType::Secp256k1, &[0; 32]).is_err());
    assert!(store.import(KeyType::P256, &[0xff; 32]).is_err());
}

#[test]
fn a_seed_makes_keys_reproducible() {
    let keys = |seed| {
        let scope = Scope::new("us-east-1", "000000000000").unwrap();
        let mut store = KeyStore::new(scope, Random::from_seed(seed));
        [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519].map(|key_type| {
            let key = store.create(NewKey::of(key_type)).unwrap();
            (key.arn.clone(), key.public_key().to_bytes())
        })
    };
    assert_eq!(keys(1), keys(1));
    assert_ne!(keys(1), keys(2));
}

#[test]
fn multi_region_keys_have_ids_of_their_own_form() {
    let mut store = store();
    let mut new = NewKey::of(KeyType::P256);
    new.multi_region = true;
    let id = store.create(new).unwrap().id.clone();
    assert!(id.starts_with("mrk-") && id.len() == 36, "{id}");
    assert!(store.find(Operation::Sign, &id).is_ok());
}

#[test]
fn pages_cover_every_key_once() {
    let mut store = store();
    let mut expected: Vec<String> = (0..7).map(|_| new_key(&mut store)).collect();
    expected.sort();
    for limit in 1..=8 {
        let mut found = Vec::new();
        let mut marker = None;
        loop {
            let page = store.list(limit, marker.as_deref()).unwrap();
            assert!(page.items.len() <= limit);
            found.extend(page.items.iter().map(|key| key.id.clone()));
            marker = page.next_marker;
            if marker.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "limit {limit}");
    }
}

#[test]
fn markers_of_nothing_are_rejected() {
    let mut store = store();
    for name in ["alias/a", "alias/b"] {
        let id = new_key(&mut store);
        store.create_alias(name, &id).unwrap();
    }
    let alias_marker = store.list_aliases(None, 1, None).unwrap().next_marker;
    for marker in ["", "!", "bm90aGluZw==", &alias_marker.unwrap()] {
        let error = store.list(1, Some(marker)).err().unwrap();
        assert_eq!(error.code, Code::InvalidMarker, "{marker}");
    }
}
