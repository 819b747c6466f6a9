//! The invariants of ARCHITECTURE.md that concern the source itself.
//!
//! These tests parse the source and follow every path to what it names, so they see an import under
//! any name. `evasions.rs` tries to get around the rules.

mod evasions;
mod manifest;
mod names;
mod pages;
mod resolve;
mod rules;
mod source;
mod tokens;
mod visit;

use std::{collections::BTreeSet, fs, path::Path, sync::LazyLock};

use manifest::Manifest;
use rules::{AREAS, Area, Rules};
use source::Crate;

static CRATE: LazyLock<Crate> = LazyLock::new(Crate::read);
static MANIFEST: LazyLock<Manifest> = LazyLock::new(Manifest::read);

#[test]
fn the_source_keeps_every_rule() {
    let rules = Rules::new(&CRATE, &MANIFEST);
    let mut broken = Vec::new();
    for (name, findings) in rules.judge() {
        broken.extend(findings.iter().map(|finding| format!("{name}: {finding}")));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// A rule that matches nothing would always pass.
#[test]
fn the_rules_have_something_to_look_at() {
    let rules = Rules::new(&CRATE, &MANIFEST);
    for area in [
        Area::Provider,
        Area::Chain,
        Area::Layer,
        Area::Emulator,
        Area::Core,
    ] {
        let modules = CRATE
            .scopes
            .iter()
            .filter(|scope| rules.area_of(&scope.module) == Some(area));
        assert!(modules.count() > 3, "{area:?}");
    }
    assert!(CRATE.mentions.len() > 5_000, "{}", CRATE.mentions.len());
    assert!(
        CRATE.identifiers.len() > 10_000,
        "{}",
        CRATE.identifiers.len()
    );
    let expected = BTreeSet::from(["blake2", "sha2", "sha3"].map(str::to_owned));
    assert_eq!(rules.hash_crates(), expected);
    let constructors: BTreeSet<&str> = rules.request_constructors().collect();
    for name in ["blake2b256", "keccak256", "message", "sha256"] {
        assert!(constructors.contains(name), "{constructors:?}");
    }
}

/// Classify a new module as core, provider, chain, layer or emulator, so that the rules can check
/// it.
#[test]
fn every_module_is_classified_and_every_class_has_its_module() {
    let tops = CRATE.scopes.iter().filter(|scope| scope.module.len() == 1);
    let tops: BTreeSet<&str> = tops.map(|scope| &*scope.module[0]).collect();
    let classified: BTreeSet<&str> = AREAS.iter().map(|(name, _)| *name).collect();
    assert_eq!(tops, classified, "left: src/, right: AREAS in rules.rs");
}

/// Otherwise no module, or every module, could name its dependencies.
#[test]
fn every_feature_has_one_home_and_every_optional_dependency_a_feature() {
    let rules = Rules::new(&CRATE, &MANIFEST);
    assert!(MANIFEST.features().count() > 5);
    for feature in MANIFEST.features() {
        let homes = rules.homes(feature);
        let outside = homes
            .iter()
            .filter(|home| rules.area_of(home) != Some(Area::Core));
        assert!(!homes.is_empty(), "{feature} has no module");
        assert!(outside.count() <= 1, "{feature} is spread over {homes:?}");
    }
    assert!(MANIFEST.optional().count() > 10);
    for dependency in MANIFEST.optional() {
        assert!(
            !MANIFEST.bringing(dependency).is_empty(),
            "no feature brings {dependency}"
        );
    }
}

/// Invariant 3: three types, each with one constructor, and all three called by the verifier.
#[test]
fn signatures_have_three_constructors_and_the_verifier_calls_each() {
    let of_payload =
        |names: &[String]| names.last().is_some_and(|name| name.ends_with("Signature"));
    let constructors: Vec<_> = (CRATE.methods.iter())
        .filter(|method| CRATE.scopes[method.name.scope].file == "signature.rs")
        .filter(|method| method.of.as_ref().is_some_and(|of| of_payload(&of.names)))
        .filter(|method| !method.takes_self)
        .map(|method| (&*method.name.name, method.visibility))
        .collect();
    assert_eq!(constructors, [("new", source::Reach::Crate); 3]);
    let called: BTreeSet<String> = (CRATE.mentions.iter())
        .filter(|mention| CRATE.scopes[mention.scope].file == "verifier.rs")
        .filter(|mention| mention.path.names.last().is_some_and(|name| name == "new"))
        .map(|mention| mention.path.names.join("::"))
        .filter(|path| path.contains("Signature"))
        .collect();
    assert_eq!(called.len(), 3, "{called:?}");
}

/// Invariant 9, with its exceptions: the multiples of the generators are constants too long to
/// write down, the number of tables in the process limits their memory, and the signers on one SDK
/// client have to find what they share.
#[test]
fn there_are_three_statics() {
    let statics = CRATE.statics.iter();
    let statics: Vec<(&str, &str)> = statics
        .map(|name| (&*CRATE.scopes[name.scope].file, &*name.name))
        .collect();
    let file = "verifier/ecdsa.rs";
    let clients = ("provider/aws_kms/client_state.rs", "PLACES");
    assert_eq!(statics, [clients, (file, "PLACES"), (file, "MULTIPLES")]);
}

/// The compiler skips a test in a file that no module declares, and so it would seem to pass.
#[test]
fn every_test_file_belongs_to_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let entries = fs::read_dir(tests).unwrap();
    let folders = entries.map(|entry| entry.unwrap().path());
    let folders: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    assert!(folders.len() > 5, "{folders:?}");
    for folder in folders {
        let folder = folder.file_name().unwrap().to_str().unwrap();
        let files = Crate::files(&format!("tests/{folder}"));
        let unseen = Crate::parse(&files, "main.rs").unreadable.into_iter();
        let unseen = unseen.filter(|finding| finding.what == source::NOT_DECLARED);
        let unseen: Vec<String> = unseen.map(|finding| finding.file).collect();
        assert!(unseen.is_empty(), "tests/{folder}: {unseen:?}");
    }
}

#[test]
fn modules_are_files_of_their_own_name() {
    for scope in &CRATE.scopes {
        assert!(!scope.file.ends_with("mod.rs"), "src/{}", scope.file);
    }
}

/// `crate::` is easier to read than two or more `super::`.
#[test]
fn no_path_climbs_twice() {
    for mention in &CRATE.mentions {
        let climbs = mention.path.names.iter().filter(|name| *name == "super");
        assert!(climbs.count() < 2, "{mention:?}");
    }
}

/// `docs/failures.md` explains each error to operators.
#[test]
fn every_error_is_explained_to_operators() {
    let name = CRATE.methods.iter().find(|method| {
        let of = method.of.as_ref().and_then(|of| of.names.last());
        method.name.name == "name" && of.is_some_and(|of| of == "Error")
    });
    let names = &name.unwrap().strings;
    assert!(names.len() > 25, "{names:?}");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/failures.md");
    let page = fs::read_to_string(page).unwrap();
    for name in names {
        assert!(
            page.contains(&format!("`{name}`")),
            "docs/failures.md lacks {name}"
        );
        let again = names.iter().filter(|other| *other == name).count();
        assert_eq!(again, 1, "{name}");
    }
}
