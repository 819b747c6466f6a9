//! Runs the public suites on every provider, layer and pointer of this crate, and on wrong ones,
//! which they must find.

mod layers;
mod mutants;
mod scripted;
mod subjects;

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use kms_signer::{KeyType, emulator::aws_kms::KmsEmulator};

const KEY_TYPES: [KeyType; 3] = [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519];

/// The names of the source files of a folder: one for each provider or layer.
fn modules(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(folder);
    let files = fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let files = files.filter(|path| path.is_file());
    let modules: Vec<String> = files
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(modules.len() > 1, "{modules:?}");
    modules
}

/// Invariant 10: this fails if a provider or layer is forgotten here. A provider may support only
/// one type of key.
#[tokio::test]
async fn every_provider_and_every_layer_is_in_a_list() {
    let emulator = Arc::new(KmsEmulator::start().await.unwrap());
    let mut subjects = BTreeSet::new();
    for key_type in KEY_TYPES {
        let of_type = subjects::of_key_type(&emulator, key_type).await;
        subjects.extend(of_type.iter().map(|subject| subject.name));
    }
    for provider in modules("provider") {
        let is_there = subjects.contains(&*provider);
        assert!(is_there, "subjects.rs has no `{provider}`");
    }
    let layers: BTreeSet<&str> = layers::all().iter().map(|(name, _)| *name).collect();
    for layer in modules("layer") {
        let is_there = layers.contains(&*layer);
        assert!(is_there, "layers.rs has no `{layer}`");
    }
}

#[tokio::test]
async fn secp256k1_signers_keep_the_contract() {
    check(KeyType::Secp256k1).await;
}

#[tokio::test]
async fn p256_signers_keep_the_contract() {
    check(KeyType::P256).await;
}

#[tokio::test]
async fn ed25519_signers_keep_the_contract() {
    check(KeyType::Ed25519).await;
}

async fn check(key_type: KeyType) {
    let emulator = Arc::new(KmsEmulator::start().await.unwrap());
    for subject in subjects::of_key_type(&emulator, key_type).await {
        subject.check().await;
    }
}
