//! Whether the pages that list everything list it.

use std::{fs, path::Path};

use crate::{CRATE, MANIFEST, rules::AREAS, rules::Area};

fn page(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The rows of a page's tables. A mention elsewhere is none.
fn rows(page: &str) -> String {
    let lines = page
        .lines()
        .map(|line| line.trim_start_matches("//!").trim());
    let rows: Vec<&str> = lines.filter(|line| line.starts_with('|')).collect();
    rows.join("\n")
}

/// The modules of an area that a user picks from, such as `aws_kms`.
fn modules(area: Area) -> Vec<String> {
    let (top, _) = AREAS.iter().find(|(_, of)| *of == area).unwrap();
    let modules = CRATE.scopes.iter().filter(|scope| scope.outer.is_none());
    let modules = modules.map(|scope| &scope.module);
    let modules = modules.filter(|module| module.len() == 2 && module[0] == *top);
    let modules: Vec<String> = modules.map(|module| module[1].clone()).collect();
    assert!(!modules.is_empty(), "{area:?}");
    modules
}

#[test]
fn every_feature_has_its_row() {
    let rows = rows(&page("src/lib.rs"));
    // What begins with `_` is not for users.
    for feature in MANIFEST.features().filter(|name| !name.starts_with('_')) {
        let cell = format!("| `{feature}` |");
        assert!(rows.contains(&cell), "src/lib.rs has no row for {feature}");
    }
}

#[test]
fn every_provider_and_chain_has_its_rows() {
    for (area, folder) in [(Area::Provider, "provider"), (Area::Chain, "chain")] {
        for module in modules(area) {
            let path = format!("`{folder}::{module}`");
            let file = format!("`src/{folder}/{module}.rs`");
            let wanted = [
                ("src/lib.rs", &path),
                ("README.md", &path),
                ("ARCHITECTURE.md", &file),
            ];
            for (page_path, cell) in wanted {
                let rows = rows(&page(page_path));
                assert!(rows.contains(cell), "{page_path} has no row with {cell}");
            }
        }
    }
}

/// Otherwise `cargo test` with other features does not compile.
#[test]
fn the_conformance_tests_ask_for_each_providers_feature() {
    let manifest: toml::Table = page("Cargo.toml").parse().unwrap();
    let tests = manifest["test"].as_array().unwrap().iter();
    let named = |test: &&toml::Value| test["name"].as_str() == Some("conformance");
    let test = tests.clone().find(named).unwrap();
    let required = test["required-features"].as_array().unwrap();
    for provider in modules(Area::Provider) {
        let path = ["provider".to_owned(), provider];
        let gates = CRATE.gated.iter().filter(|(_, module)| **module == path);
        let gates: Vec<&str> = gates.map(|(feature, _)| feature.as_str()).collect();
        assert!(!gates.is_empty(), "{path:?} has no feature");
        for feature in gates {
            let is_there = required.iter().any(|of| of.as_str() == Some(feature));
            assert!(
                is_there,
                "the test `conformance` does not require {feature}"
            );
        }
    }
}

#[test]
fn every_layer_has_its_rows() {
    for module in modules(Area::Layer) {
        let link = format!("| [`{module}`] |");
        let path = format!("| `layer::{module}` |");
        for (page_path, cell) in [("src/layer.rs", link), ("README.md", path)] {
            let rows = rows(&page(page_path));
            assert!(rows.contains(&cell), "{page_path} has no row with {cell}");
        }
    }
}
