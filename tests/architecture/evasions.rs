//! Ways around the rules, each of which a rule must find, and honest code, in which none must find
//! anything.

mod errors;
mod honest;
mod imports;

use std::collections::BTreeMap;

use self::honest::HONEST;
use crate::{
    manifest::Manifest,
    rules::{AREAS, Rules},
    source::Crate,
};

const IMPORT: &str = "dependencies point to the core";
const HASH: &str = "providers choose no hash";
const KEY_ID: &str = "chains see no key id";
const FORGED: &str = "only the verifier makes signatures";
const LINT: &str = "lints stay on";
const STRAY: &str = "dependencies stay at home";
const GLOBAL: &str = "no global state";
const READABLE: &str = "readable";

/// The honest crate with other text in some files, and `+` before text that is added.
fn findings(changes: &[(&str, &str)]) -> Vec<(&'static str, String)> {
    let mut files: BTreeMap<String, String> = (HONEST.iter())
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect();
    for (file, text) in changes {
        let whole = files.entry((*file).to_owned()).or_default();
        match text.strip_prefix('+') {
            Some(more) => whole.push_str(more),
            None => *whole = (*text).to_owned(),
        }
    }
    let krate = Crate::parse(&files, "lib.rs");
    let manifest = Manifest::read();
    let rules = Rules::new(&krate, &manifest);
    let each = rules.judge().into_iter();
    each.flat_map(|(name, findings)| findings.into_iter().map(move |one| (name, one.to_string())))
        .collect()
}

#[track_caller]
fn assert_seen(rule: &str, changes: &[(&str, &str)]) {
    let findings = findings(changes);
    assert!(
        findings.iter().any(|(name, _)| *name == rule),
        "{rule} misses {changes:?} and finds only {findings:?}"
    );
}

#[test]
fn honest_code_is_not_reported() {
    assert_eq!(findings(&[]), []);
    let modules = [
        "chain",
        "emulator",
        "layer",
        "provider",
        "request",
        "signature",
        "signer",
        "verifier",
    ];
    for module in modules {
        assert!(AREAS.iter().any(|(name, _)| *name == module), "{module}");
    }
    for (file, text) in [
        (
            "signer.rs",
            "+ use std::{fmt, sync::Arc}; struct P; impl P { fn provider(&self) {} } fn f(p: &P) { p.provider() }",
        ),
        (
            "signer.rs",
            "+ #[cfg(test)] use crate::provider::local::LocalSigner;",
        ),
        (
            "signer.rs",
            "+ #[cfg(all(test, feature = \"local\"))] fn f() { crate::provider::local::f() }",
        ),
        (
            "signer.rs",
            "+ impl P { #[cfg(test)] fn f() { crate::chain::ethereum::f() } } struct P;",
        ),
        (
            "signer.rs",
            "+ fn f() -> &'static str { r#\"static provider::local\"# } // crate::provider",
        ),
        (
            "signer.rs",
            "+ /// See [`crate::provider::aws_kms`].\n fn f() {}",
        ),
        (
            "signer.rs",
            "+ fn warn(learning: u8) { tracing::warn!(learning, \"'static {}\", learning) }",
        ),
        (
            "layer/hedge.rs",
            "+ fn f() { let s: Signature = g(); use crate::Signature; }",
        ),
        (
            "emulator.rs",
            "+ fn f() -> crate::SignRequest<'static> { crate::SignRequest::keccak256(b\"\") }",
        ),
        (
            "provider/local.rs",
            "+ const SPEC: &str = \"sha2\"; fn f(sha256: u8) {}",
        ),
        (
            "provider/local.rs",
            "+ fn f() -> u8 { let _ = getrandom::fill; tracing::debug!(\"x\"); u8::from(std::primitive::bool::default()) }",
        ),
        (
            "provider/local.rs",
            "+ #[derive(Debug, thiserror::Error)] struct E; impl From<crate::SignRequest<'_>> for E {}",
        ),
        (
            "signer.rs",
            "+ use crate::request; fn request() {} fn f() { request::f() }",
        ),
        (
            "signer.rs",
            "+ macro_rules! m { ($a:meta) => { #[$a] #[allow(dead_code)] mod inner {} } } m!(must_use);",
        ),
        ("signer.rs", "+ impl crate::SignRequest<'_> { fn f() {} }"),
        (
            "provider/local.rs",
            "+ fn f(der: &[u8]) -> &[u8] { impl LocalSigner { fn g() {} } der }",
        ),
    ] {
        assert_eq!(findings(&[(file, text)]), [], "{text}");
    }
}

#[test]
fn a_hash_in_a_provider_is_seen() {
    for code in [
        "use sha3::Keccak256;",
        "fn f(m: &[u8]) { ring::digest::digest(&ring::digest::SHA256, m); }",
        "use ring::digest;",
        "use ring; fn f() { ring::digest::f(); }",
        "use ring as std2; fn f() { std2::digest::f(); }",
        "fn f() { ::ring::digest::f(); }",
        "extern crate ring;",
        "fn f() { k256::elliptic_curve::f(); }",
        "use aws_sdk_kms::primitives::Blob;",
        "use sha3 as hash; fn f() { hash::Keccak256::digest(b\"\"); }",
        "fn f() { ::sha3::Keccak256::digest(b\"\"); }",
        "fn f() { k256::sha3::digest(b\"\"); }",
        "extern crate sha3 as h;",
        "use crate::SignRequest; fn f() { SignRequest::keccak256(b\"\"); }",
        "use crate::request::SignRequest as R; fn f() { let make = R::keccak256; }",
        "fn f() { <crate::SignRequest>::keccak256(b\"\"); }",
        "fn f() { assert!(sha3::Keccak256::digest(b\"\") == x); }",
    ] {
        assert_seen(HASH, &[("provider/local.rs", &format!("+ {code}"))]);
    }
}

#[test]
fn a_key_id_in_a_chain_is_seen() {
    for code in [
        "fn f(key_id: &str) {}",
        "fn f(pinned_key_arn: &str) {}",
        "struct KeyId;",
        "struct Arn(String);",
        "fn f(signer: u8) { signer.key_id(); }",
        "fn f(signer: u8) { println!(\"{}\", signer.arn); }",
        "struct S { key_arn: u8 }",
    ] {
        assert_seen(KEY_ID, &[("chain/ethereum.rs", &format!("+ {code}"))]);
    }
}

#[test]
fn a_signature_made_elsewhere_is_seen() {
    let with_use = "use crate::signature::Secp256k1Signature;";
    for (file, code) in [
        ("signer.rs", "fn f() { crate::signature::Secp256k1Signature::new([0; 64]); }"),
        ("signer.rs", "use crate::signature::Secp256k1Signature as S; fn f() { S::new([0; 64]); }"),
        ("signer.rs", "use super::signature as s; fn f() { s::Secp256k1Signature::new([0; 64]); }"),
        ("signer.rs", "use super::signature::*; fn f() { Secp256k1Signature::new([0; 64]); }"),
        ("signer.rs", "use super::signature::*; fn f() { Some([0; 64]).map(Secp256k1Signature::new); }"),
        ("signer.rs", "type S = crate::signature::Secp256k1Signature; fn f() { S::new([0; 64]); }"),
        ("signer.rs", "fn f() { <crate::signature::Secp256k1Signature>::new([0; 64]); }"),
        ("signer.rs", "fn f() { vec![crate::signature::Secp256k1Signature::new([0; 64])]; }"),
        ("signer.rs", "trait Made { type T; } impl Made for u8 { type T = crate::signature::Secp256k1Signature; }"),
        ("signer.rs", "trait Make { fn make() -> Self; }
            impl Make for crate::signature::Secp256k1Signature { fn make() -> Self { Self::new([0; 64]) } }"),
        ("signer.rs", "macro_rules! m { ($t:ident) => { $t::new([0; 64]) } }
            use crate::signature::Secp256k1Signature; fn f() { m!(Secp256k1Signature); }"),
        ("signer.rs", "mod verifier { fn f() { crate::signature::Secp256k1Signature::new([0; 64]); } }"),
        ("verifier/ecdsa.rs", "fn f() { crate::signature::Secp256k1Signature::new([0; 64]); }"),
        ("verifier/ecdsa.rs", "use super::Secp256k1Signature as S; fn f() { S::new([0; 64]); }"),
        ("provider/local.rs", "use crate::signature; fn f() { signature::Secp256k1Signature::new([0; 64]); }"),
        ("signature.rs", "pub(crate) fn forge() -> Secp256k1Signature { Secp256k1Signature { bytes: [0; 64] } }"),
        ("signature.rs", "pub(crate) fn forge() -> Secp256k1Signature { Secp256k1Signature::new([0; 64]) }"),
        ("signature.rs", "impl Secp256k1Signature { pub fn forge() -> Self { Self { bytes: [0; 64] } } }"),
        ("signature.rs", "impl Secp256k1Signature { pub(crate) fn forge() -> Self {
            fn new() -> Secp256k1Signature { Secp256k1Signature { bytes: [0; 64] } } new() } }"),
        ("signature.rs", "fn new() -> Secp256k1Signature { Secp256k1Signature { bytes: [0; 64] } }"),
        ("signature.rs", "struct Other; impl Other {
            fn new() -> Secp256k1Signature { Secp256k1Signature { bytes: [0; 64] } } }"),
        ("signature.rs", "impl Default for Secp256k1Signature { fn default() -> Self { Self::new([0; 64]) } }"),
        ("signature.rs", "impl Secp256k1Signature { pub fn set(&mut self, b: [u8; 64]) { self.bytes = b } }"),
        ("signature.rs", "impl Secp256k1Signature { pub fn with(mut self, b: [u8; 64]) -> Self { self.bytes = b; self } }"),
        ("signature.rs", "impl Signature { pub fn set(&mut self) {} }"),
        ("signature.rs", "#[derive(Default)] pub struct P256Signature { bytes: [u8; 64] }"),
        ("signature.rs", "#[derive(serde::Deserialize)] pub struct P256Signature { bytes: [u8; 64] }"),
        ("signature.rs", "pub struct P256Signature { pub(crate) bytes: [u8; 64] }"),
        ("signature.rs", "pub struct P256Signature(pub [u8; 64]);"),
        ("signature.rs", "pub struct P256Signature; impl P256Signature { pub fn new() -> Self { Self } }"),
        ("signature.rs", "mod forge { pub fn f() -> super::Secp256k1Signature { super::Secp256k1Signature { bytes: [0; 64] } } }"),
    ] {
        assert_seen(FORGED, &[(file, &format!("+ {code}"))]);
    }
    let re_exported = [
        (
            "request.rs",
            "+ pub use crate::signature::Secp256k1Signature as Harmless;",
        ),
        (
            "signer.rs",
            "+ fn f() { crate::request::Harmless::new([0; 64]); }",
        ),
    ];
    assert_seen(FORGED, &re_exported);
    // Any module may read one.
    let reads = format!("+ {with_use} fn f(s: &Secp256k1Signature) -> &[u8; 64] {{ s.bytes() }}");
    assert_eq!(findings(&[("layer/timeout.rs", &reads)]), []);
}

#[test]
fn a_lint_that_is_turned_off_is_seen() {
    let lib = HONEST[0].1;
    for text in [
        lib.replace("forbid(unsafe_code)", "allow(dead_code)"),
        lib.replace("clippy::panic,", ""),
        lib.replace("not(test)", "test"),
        lib.replace("deny(", "warn("),
    ] {
        assert_seen(LINT, &[("lib.rs", &text)]);
    }
    for code in [
        "#[allow(clippy::unwrap_used)] fn f() {}",
        "#[expect(clippy::panic, reason = \"fine\")] fn f() {}",
        "fn f() { #[allow(clippy::expect_used)] let x = 1; }",
        "#[cfg_attr(feature = \"local\", allow(clippy::indexing_slicing))] fn f() {}",
        "#[warn(clippy::panic)] mod m {}",
        "#[allow(clippy::restriction)] mod m {}",
        "macro_rules! m { () => { #[allow(clippy::unwrap_used)] fn f() {} } }",
        "macro_rules! m { () => { #[cfg_attr(all(), expect(clippy::panic))] fn f() {} } }",
        "macro_rules! m { ($a:meta) => { #[$a] fn f() {} } } m!(allow(clippy::unwrap_used));",
        "m! { #![allow(clippy::restriction)] }",
    ] {
        assert_seen(LINT, &[("signer.rs", &format!("+ {code}"))]);
    }
}

#[test]
fn a_dependency_outside_of_its_feature_is_seen() {
    for (file, code) in [
        ("signer.rs", "use aws_sdk_kms::Client;"),
        ("signer.rs", "use aws_sdk_kms as sdk;"),
        ("signer.rs", "fn f() { ::aws_sdk_kms::f(); }"),
        ("signer.rs", "extern crate aws_sdk_kms as sdk;"),
        (
            "signer.rs",
            "#[cfg(feature = \"aws-kms\")] impl From<aws_sdk_kms::Error> for u8 {}",
        ),
        (
            "signer.rs",
            "#[cfg(feature = \"aws-kms\")] mod sdk { pub use aws_config::SdkConfig; }",
        ),
        (
            "signer.rs",
            "fn f() { assert!(alloy_primitives::keccak256(b\"\") == x); }",
        ),
        ("signer.rs", "use tokio::time::sleep;"),
        ("signer.rs", "#[derive(serde::Serialize)] struct S;"),
        ("layer/hedge.rs", "use aws_config::SdkConfig;"),
        ("provider/local.rs", "use aws_sdk_kms::Client;"),
        ("provider/aws_kms/call.rs", "use alloy_primitives::B256;"),
        ("provider/aws_kms/call.rs", "use serde_json::Value;"),
        (
            "chain/ethereum.rs",
            "#[cfg(feature = \"aws-kms\")] mod sdk { use aws_sdk_kms::Client; }",
        ),
        ("chain/ethereum.rs", "use http::Request;"),
    ] {
        assert_seen(STRAY, &[(file, &format!("+ {code}"))]);
    }
    // Not even where the feature adds a module to the core.
    let gated = [
        ("lib.rs", "+ #[cfg(feature = \"aws-kms\")] mod telemetry;"),
        ("telemetry.rs", "use aws_sdk_kms::Client;"),
    ];
    assert_seen(STRAY, &gated);
}

#[test]
fn state_of_the_process_is_seen() {
    for code in [
        "static COUNT: u8 = 0;",
        "pub(crate) static mut COUNT: u8 = 0;",
        "fn f() { static COUNT: u8 = 0; }",
        "mod inner { static COUNT: u8 = 0; }",
        "macro_rules! m { () => { static COUNT: u8 = 0; } }",
        "macro_rules! m { ($n:ident) => { pub static $n: u8 = 0; } }",
        "some::wrapper! { static ref COUNT: u8 = 0; }",
        "use std::sync::LazyLock; const C: LazyLock<u8> = LazyLock::new(f);",
        "thread_local! { }",
        "fn f() { unsafe { std::env::set_var(\"A\", \"B\") } }",
        "fn f() { Box::leak(Box::new(1)); }",
        "fn f() { tracing::subscriber::set_global_default(x); }",
        "extern \"C\" { static environ: u8; }",
    ] {
        assert_seen(GLOBAL, &[("signer.rs", &format!("+ {code}"))]);
    }
}

#[test]
fn code_that_cannot_be_followed_is_reported() {
    for code in [
        "include!(\"../elsewhere.rs\");",
        "#[path = \"../elsewhere.rs\"] mod elsewhere;",
        "mod nowhere;",
        "#[cfg_attr(all(), path = \"../../outside/evil.rs\")] mod decoy;",
        "#[cfg_attr(all(), cfg_attr(all(), path = \"../../outside/evil.rs\"))] mod decoy;",
        "mod inner { #![path = \"../../outside\"] pub mod decoy; }",
        "macro_rules! m { () => { #[path = \"../../outside/evil.rs\"] mod decoy { } } }",
        "macro_rules! m { () => { #[cfg_attr(all(), path = \"evil.rs\")] mod decoy { } } }",
        "macro_rules! m { () => { mod decoy; } }",
        "macro_rules! m { ($a:ident) => { #[allow(clippy::$a)] fn f() {} } }",
        "fn f() { mod inner { } }",
        "macro_rules! m { ($a:ident) => { crate::$a::f() } }",
        "macro_rules! m { ($a:ident) => { use $crate::{$a}; } }",
        "macro_rules! m { ($a:ident) => { super::$a } }",
    ] {
        assert_seen(READABLE, &[("signer.rs", &format!("+ {code}"))]);
    }
    let decoy = [
        (
            "signer.rs",
            "+ #[cfg_attr(all(), path = \"evil.rs\")] mod decoy;",
        ),
        ("signer/decoy.rs", "fn harmless() {}"),
    ];
    assert_seen(READABLE, &decoy);
    assert_seen(READABLE, &[("orphan.rs", "fn f() {}")]);
}
