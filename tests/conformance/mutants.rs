//! Wrong signers, each with the cases that must find it.

mod layer;
mod provider;

use std::collections::BTreeSet;

use kms_signer::conformance::Report;

/// The names of the cases that failed.
fn failed(report: &Report) -> BTreeSet<&'static str> {
    report.failures().map(|outcome| outcome.case()).collect()
}

/// A case that no wrong signer fails may check nothing.
#[test]
fn every_case_finds_a_mutant() {
    let page = include_str!("../../src/conformance.rs");
    let rows = page.lines().filter_map(|line| line.strip_prefix("//! | `"));
    let cases: BTreeSet<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    assert!(cases.len() > 15, "{cases:?}");
    let of_layers = layer::MUTANTS.iter().flat_map(|(_, cases)| *cases);
    let of_providers = provider::MUTANTS.iter().flat_map(|(_, cases)| *cases);
    let found: BTreeSet<&str> = of_layers.chain(of_providers).copied().collect();
    assert_eq!(found, cases, "left: by a mutant, right: by the docs");
}
