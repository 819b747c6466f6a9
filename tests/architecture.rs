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
        let line = source.code.lines().find(|line| has_word(line, word));
        assert!(
            line.is_none(),
            "src/{} has `{word}`: {}",
            source.path,
            line.unwrap().trim()
        );
    }
}

/// Whether `word` stands in `line` with no letter or digit before it: `arn` is not in `warn`.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric())
    })
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every path from the root of the crate that a file imports or names; groups are spelt out.
fn crate_paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, root) in code.match_indices("crate::") {
        expand("crate", &code[at + root.len()..], &mut paths);
    }
    paths
}

/// Reads one path, or a group of paths in braces, and returns what follows it.
fn expand<'a>(prefix: &str, text: &'a str, into: &mut Vec<String>) -> &'a str {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        let mut rest = group.trim_start();
        while !rest.starts_with('}') {
            rest = expand(prefix, rest, into).trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
            assert!(!rest.is_empty(), "a group of imports does not end");
        }
        return &rest[1..];
    }
    let (name, rest) = text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()));
    let path = format!("{prefix}::{name}");
    if let Some(more) = rest.strip_prefix("::") {
        return expand(&path, more, into);
    }
    into.push(path);
    match rest.strip_prefix(" as ") {
        Some(alias) => alias.trim_start_matches(is_name),
        None => rest.strip_prefix('*').unwrap_or(rest),
    }
}

/// Whether a `static` is declared; the lifetime `'static` is none.
fn has_static(code: &str) -> bool {
    code.match_indices("static ").any(|(at, keyword)| {
        let before = code[..at].chars().next_back();
        let name = code[at + keyword.len()..].trim_start_matches("mut ");
        let after_name = name.trim_start_matches(is_name);
        before.is_none_or(char::is_whitespace) && after_name.starts_with(':')
    })
}

/// The checks see what they are to forbid, in the styles in which this crate is written.
#[test]
fn the_checks_see_violations() {
    let grouped = "use crate::{\n    Error, KeyType as Type,\n    provider::{aws_kms::AwsKmsSigner, local},\n};";
    assert_eq!(
        crate_paths(grouped),
        [
            "crate::Error",
            "crate::KeyType",
            "crate::provider::aws_kms::AwsKmsSigner",
            "crate::provider::local",
        ]
    );
    assert_eq!(
        crate_paths("let x = crate::chain::ethereum::V::Parity;").len(),
        1
    );
    assert!(has_static(
        "pub(super) static GLOBAL: Mutex<u32> = Mutex::new(0);"
    ));
    assert!(has_static("    static mut COUNT: u32 = 0;"));
    assert!(!has_static("fn name(&self) -> &'static str {"));
    assert!(has_word("let key_id = arn;", "arn"));
    assert!(!has_word("tracing::warn!(learn)", "arn"));
}

/// Invariant 1: core imports no provider, chain or layer; these import core, never one another.
#[test]
fn dependencies_point_to_the_core() {
    for source in sources() {
        let own = part(&source.path);
        if own == Part::Root {
            continue;
        }
        for path in crate_paths(&source.code) {
            let names: Vec<&str> = path.split("::").collect();
            let target = part(names[1]);
            if matches!(target, Part::Root | Part::Core) {
                continue;
            }
            // A provider, chain or layer knows itself alone, not even its siblings.
            let home = source.path.split(['/', '.']).nth(1);
            let is_own = target == own && (own == Part::Emulator || names.get(2).copied() == home);
            assert!(is_own, "src/{} imports {path}", source.path);
        }
        assert_absent(&source, &["super::super::"]);
    }
}

/// Invariant 2: a provider never chooses a hash, a chain adapter never sees a key id.
#[test]
fn providers_know_no_hash_and_chains_no_key_id() {
    for source in sources() {
        match part(&source.path) {
            Part::Provider => assert_absent(&source, &["keccak", "sha2::", "sha3::", "blake2"]),
            Part::Chain => assert_absent(&source, &["key_id", "arn", "Arn", "key_arn"]),
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
    // What returns one of them: the three constructors, for this crate alone.
    let constructors: Vec<&str> = (signature.code.lines())
        .filter(|line| line.contains("pub") && line.contains("-> Self"))
        .map(|line| line.trim().split('(').next().unwrap())
        .collect();
    assert_eq!(constructors, ["pub"; 3], "a public constructor");
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
///
/// Three statics are allowed: the multiples of the generators, which are constants too long to write
/// down; the count of tables in the process, which bounds their memory; and where the signers over
/// one SDK client find the budget they share.
#[test]
fn there_is_no_process_global_state() {
    let mut statics = Vec::new();
    for source in sources() {
        assert_absent(
            &source,
            &["LazyLock", "lazy_static", "thread_local", "set_var"],
        );
        for line in source.code.lines().filter(|line| has_static(line)) {
            statics.push(format!("{}: {}", source.path, line.trim()));
        }
    }
    statics.sort();
    assert_eq!(
        statics,
        [
            "provider/aws_kms/budget.rs: static PLACES: Mutex<Places> = Mutex::new(Places::new());",
            "verifier/ecdsa.rs: static MULTIPLES: OnceLock<Multiples<$curve>> = OnceLock::new();",
            "verifier/ecdsa.rs: static PLACES: Places = Places::new(MAX_TABLES);",
        ]
    );
}

#[test]
fn modules_are_files_of_their_own_name() {
    for source in sources() {
        assert!(!source.path.ends_with("mod.rs"), "src/{}", source.path);
    }
}

/// `docs/failures.md` tells an operator what each kind of error means.
#[test]
fn every_kind_of_error_is_explained_to_operators() {
    let error = sources()
        .into_iter()
        .find(|source| source.path == "error.rs")
        .unwrap();
    let start = error.code.find("pub fn kind(&self)").unwrap();
    let end = start + error.code[start..].find("pub fn code(&self)").unwrap();
    let kinds: Vec<&str> = error.code[start..end]
        .split('"')
        .skip(1)
        .step_by(2)
        .collect();
    assert!(kinds.len() > 25, "{kinds:?}");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/failures.md");
    let page = fs::read_to_string(page).unwrap();
    for kind in &kinds {
        assert!(
            page.contains(&format!("`{kind}`")),
            "docs/failures.md lacks {kind}"
        );
        let again = kinds.iter().filter(|other| *other == kind).count();
        assert_eq!(again, 1, "{kind}");
    }
}
