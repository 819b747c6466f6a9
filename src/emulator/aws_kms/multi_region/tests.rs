use super::*;
use crate::{
    KeyType,
    emulator::{
        aws_kms::{
            error::{Code, KmsError},
            key::Key,
            key_store::{KeyStore, NewKey},
            operation::Operation,
            operations,
        },
        random::Random,
    },
};

fn store(region: &str, account_id: &str) -> KeyStore {
    let scope = Scope::new(region, account_id).unwrap();
    KeyStore::new(scope, Random::from_seed(7))
}

fn primary(store: &mut KeyStore) -> String {
    let mut new = NewKey::of(KeyType::Secp256k1);
    new.multi_region = true;
    store.create(new).unwrap().arn.clone()
}

fn replicate<'a>(from: &KeyStore, key_id: &str, to: &'a mut KeyStore) -> Result<&'a Key, KmsError> {
    let primary = from.primary(key_id, &to.scope)?;
    to.insert_replica(primary)
}

fn described(store: &mut KeyStore, arn: &str) -> serde_json::Value {
    let body = format!(r#"{{"KeyId":"{arn}"}}"#);
    let answer = operations::call(store, Operation::DescribeKey, body.as_bytes()).unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    metadata["KeyMetadata"]["MultiRegionConfiguration"].clone()
}

#[test]
fn a_replica_has_the_id_and_the_key_of_its_primary() {
    let mut here = store("us-east-1", "000000000000");
    let mut there = store("eu-west-1", "000000000000");
    let arn = primary(&mut here);
    let replica = replicate(&here, &arn, &mut there).unwrap();
    let original = here.resolve(&arn).unwrap();
    assert_eq!(replica.id, original.id);
    assert_eq!(replica.public_key(), original.public_key());
    assert_eq!(replica.arn, arn.replace("us-east-1", "eu-west-1"));
}

#[test]
fn every_member_of_the_family_shows_all() {
    let mut stores: Vec<KeyStore> = ["us-east-1", "eu-west-1", "ap-south-1"]
        .map(|region| store(region, "000000000000"))
        .into();
    let arn = primary(&mut stores[0]);
    let arns: Vec<String> = ["us-east-1", "eu-west-1", "ap-south-1"]
        .map(|region| arn.replace("us-east-1", region))
        .into();
    for at in [1, 2] {
        let (primaries, replicas) = stores.split_at_mut(at);
        let replica = replicate(&primaries[0], &arn, &mut replicas[0]).unwrap();
        assert_eq!(replica.arn, arns[at]);
    }
    for at in [0, 1, 2] {
        let configuration = described(&mut stores[at], &arns[at]);
        let expected = serde_json::json!({
            "MultiRegionKeyType": if at == 0 { "PRIMARY" } else { "REPLICA" },
            "PrimaryKey": {"Arn": arns[0], "Region": "us-east-1"},
            "ReplicaKeys": [
                {"Arn": arns[1], "Region": "eu-west-1"},
                {"Arn": arns[2], "Region": "ap-south-1"},
            ],
        });
        assert_eq!(configuration, expected, "{at}");
    }
    stores[1].delete(&arns[1]).unwrap();
    let configuration = described(&mut stores[0], &arns[0]);
    assert_eq!(configuration["ReplicaKeys"][0]["Arn"], arns[2]);
    assert_eq!(configuration["ReplicaKeys"].as_array().unwrap().len(), 1);
}

#[test]
fn keys_that_cannot_be_replicated_are_rejected() {
    let mut here = store("us-east-1", "000000000000");
    let mut there = store("eu-west-1", "000000000000");
    let code = |result: Result<&Key, KmsError>| result.err().map(|error| error.code);
    let single = here.create(NewKey::of(KeyType::P256)).unwrap().arn.clone();
    let arn = primary(&mut here);
    here.create_alias("alias/a", &arn).unwrap();

    let mut refused = |from: &KeyStore, key_id: &str| code(replicate(from, key_id, &mut there));
    assert_eq!(refused(&here, &single), Some(Code::UnsupportedOperation));
    assert_eq!(refused(&here, "alias/a"), Some(Code::InvalidArn));
    assert_eq!(refused(&here, "mrk-0"), Some(Code::NotFound));
    for (region, account_id) in [
        ("us-east-1", "000000000000"),
        ("eu-west-1", "111122223333"),
        ("cn-north-1", "000000000000"),
    ] {
        let mut other = store(region, account_id);
        let refused = code(replicate(&here, &arn, &mut other));
        assert_eq!(refused, Some(Code::Validation), "{region} {account_id}");
    }

    let replica = replicate(&here, &arn, &mut there).unwrap().arn.clone();
    assert_eq!(
        code(replicate(&here, &arn, &mut there)),
        Some(Code::AlreadyExists)
    );
    let mut third = store("ap-south-1", "000000000000");
    assert_eq!(
        code(replicate(&there, &replica, &mut third)),
        Some(Code::UnsupportedOperation)
    );
    here.schedule_deletion(&arn, 7).unwrap();
    assert_eq!(
        code(replicate(&here, &arn, &mut third)),
        Some(Code::KmsInvalidState)
    );
}
