//! The invariants of ARCHITECTURE.md that are about the source itself.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A source file of the crate, without its tests and comments.
struct Source {
    /// Relative to `src`.
    path: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    assert!(
        paths.len() > 20,
        "only {} files found: is this the right folder?",
        paths.len()
    );
    paths
        .into_iter()
        .map(|path| Source {
            code: without_comments(&fs::read_to_string(&path).unwrap()),
            path: path
                .strip_prefix(&root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned(),
        })
        .filter(|source| !source.path.ends_with("tests.rs"))
        .collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, into),
            false => into.push(path),
        }
    }
}

fn without_comments(text: &str) -> String {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

#[derive(Debug, PartialEq)]
enum Part {
    Root,
    Core,
    Provider,
    Chain,
    Layer,
    Emulator,
}

fn part(path: &str) -> Part {
    match path.split(['/', '.']).next().unwrap() {
        "lib" => Part::Root,
        "provider" => Part::Provider,
        "chain" => Part::Chain,
        "layer" => Part::Layer,
        "emulator" => Part::Emulator,
        _ => Part::Core,
    }
}

#[track_caller]
fn assert_absent(source: &Source, words: &[&str]) {
    for word in words {
        let line = source.code.lines().find(|line| line.contains(word));
        assert!(
            line.is_none(),
            "src/{} has `{word}`: {}",
            source.path,
            line.unwrap().trim()
        );
    }
}

/// Invariant 1: core imports no provider, chain or layer; these import core, never one another.
#[test]
fn dependencies_point_to_the_core() {
    for source in sources() {
        let foreign: &[&str] = match part(&source.path) {
            Part::Root => continue,
            Part::Core => &["provider::", "chain::", "layer::", "emulator::"],
            Part::Provider => &["crate::chain", "crate::layer", "crate::emulator"],
            Part::Chain => &["crate::provider", "crate::layer", "crate::emulator"],
            Part::Layer => &["crate::provider", "crate::chain", "crate::emulator"],
            Part::Emulator => &["crate::provider", "crate::chain", "crate::layer"],
        };
        assert_absent(&source, foreign);
        // Within providers, chains and layers no one knows a sibling.
        if matches!(
            part(&source.path),
            Part::Provider | Part::Chain | Part::Layer
        ) {
            assert_absent(
                &source,
                &["super::super::", "crate::provider::", "crate::chain::"],
            );
        }
    }
}

/// Invariant 2: a provider never chooses a hash, a chain adapter never sees a key id.
#[test]
fn providers_know_no_hash_and_chains_no_key_id() {
    for source in sources() {
        match part(&source.path) {
            Part::Provider => assert_absent(&source, &["keccak", "sha2::", "sha3::", "blake2"]),
            Part::Chain => assert_absent(&source, &["key_id", "arn", "Arn"]),
            _ => {}
        }
    }
}

/// Invariant 3: only the verifier makes signatures.
#[test]
fn only_the_verifier_makes_signatures() {
    for source in sources()
        .iter()
        .filter(|source| source.path != "verifier.rs")
    {
        for name in ["Secp256k1Signature", "P256Signature", "Ed25519Signature"] {
            let call = format!("{name}::new");
            assert!(
                !source.code.contains(&call),
                "src/{} calls {call}",
                source.path
            );
        }
    }
    let signature = sources()
        .into_iter()
        .find(|source| source.path == "signature.rs")
        .unwrap();
    let public = signature.code.matches("pub fn new(").count();
    assert_eq!(public, 0, "a payload of Signature has a public constructor");
    assert_eq!(signature.code.matches("pub(crate) fn new(").count(), 3);
}

/// Invariant 5: no unsafe code, and the lints that forbid panics are on.
#[test]
fn unsafe_code_and_panics_are_forbidden() {
    let root = sources()
        .into_iter()
        .find(|source| source.path == "lib.rs")
        .unwrap();
    for lint in [
        "#![forbid(unsafe_code)]",
        "clippy::unwrap_used",
        "clippy::expect_used",
        "clippy::panic",
        "clippy::indexing_slicing",
    ] {
        assert!(root.code.contains(lint), "lib.rs lacks {lint}");
    }
    for source in sources() {
        assert_absent(
            &source,
            &[
                "allow(clippy::unwrap",
                "allow(clippy::expect",
                "allow(clippy::pan",
            ],
        );
    }
}

/// Invariant 6: the types of dependencies stay where they belong.
#[test]
fn sdk_and_alloy_stay_in_their_modules() {
    for source in sources() {
        if !source.path.starts_with("provider/aws_kms") {
            assert_absent(
                &source,
                &["aws_sdk_kms", "aws_config", "aws_credential_types"],
            );
        }
        if !source.path.starts_with("chain/ethereum") {
            assert_absent(&source, &["alloy_"]);
        }
    }
}

/// Invariant 9: what is cached belongs to one signer.
#[test]
fn there_is_no_process_global_state() {
    for source in sources() {
        assert_absent(
            &source,
            &[
                "static mut",
                "LazyLock",
                "lazy_static",
                "thread_local",
                "set_var",
            ],
        );
        let global = source
            .code
            .lines()
            .find(|line| line.trim_start().starts_with("static "));
        assert!(global.is_none(), "src/{}: {}", source.path, global.unwrap());
    }
}

#[test]
fn modules_are_files_of_their_own_name() {
    for source in sources() {
        assert!(!source.path.ends_with("mod.rs"), "src/{}", source.path);
    }
}
