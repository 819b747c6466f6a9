//! Imports against the direction of the dependencies, and their equivalents.

use super::{IMPORT, assert_seen, findings};

/// The core naming a provider.
#[test]
fn an_import_is_seen_under_every_name() {
    for code in [
        "use crate::provider;",
        "use crate::provider::aws_kms::AwsKmsSigner;",
        "use crate::provider::aws_kms::AwsKmsSigner as Signer2;",
        "use crate::provider::{self as p};",
        "use crate::provider::*;",
        "use crate::{Signature, provider::{aws_kms::{AwsKmsSigner}, local}};",
        "use super::provider::local;",
        "use super::{provider::local as core_thing};",
        "use self::super::provider::local;",
        "use {super::provider as p};",
        "use crate as root; use root::provider::local;",
        "use super::*; use provider::local::LocalSigner;",
        "use super::*; fn f() -> provider::local::LocalSigner { todo() }",
        "use super::*; fn provider() {} fn f() { provider::local::f(); }",
        "use super::*; const provider: u8 = 0; fn f() { provider::local::f(); }",
        "use super::*; macro_rules! provider { () => {} } fn f() { provider::local::f(); }",
        "mod x { pub fn provider() {} } use x::provider; use super::*; fn f() { provider::local::f(); }",
        "use std::mem::swap as provider; use super::*; fn f() { provider::local::f(); }",
        "use super::*; fn f() { fn provider() {} provider::local::f(); }",
        "use super::*; fn provider() {} use provider as p; fn f() { p::local::f(); }",
        "fn f() { super::provider::local::f(); }",
        "fn f() { use super::provider::local as l; l::f(); }",
        "fn f() { let _ = <super::provider::local::LocalSigner>::f(); }",
        "fn f() { let _ = <u8 as super::provider::local::Trait>::f(); }",
        "fn f(_: Box<dyn Fn(&crate::provider::local::LocalSigner)>) {}",
        "fn f<T: super::provider::local::Trait>() {}",
        "fn f() where u8: super::provider::local::Trait {}",
        "impl From<super::provider::local::LocalSigner> for u8 {}",
        "type T = super::provider::local::LocalSigner;",
        "struct S { field: Vec<[super::provider::local::LocalSigner; 2]> }",
        "const C: u8 = super::provider::local::C;",
        "fn f(x: u8) { match x { super::provider::local::C => {} _ => {} } }",
        "fn f() { vec![super::provider::local::f()]; }",
        "fn f() { println!(\"{}\", crate::provider::local::f()); }",
        "fn f() { vec![Vec::<crate::provider::local::LocalSigner>::new()]; }",
        "fn f() { super::provider::local::make!(); }",
        "macro_rules! m { () => { $crate::provider::local::f() } }",
        "macro_rules! m { () => { use crate::{provider::{local as l}}; } }",
        "macro_rules! m { ($x:expr) => { super::provider::local::f($x) } }",
        "mod inner { use super::super::provider::local; }",
        "mod inner { pub mod more { fn f() { super::super::super::provider::local::f() } } }",
        "mod inner { pub use super::super::provider as p; } use inner::p::local;",
        "#[cfg(not(test))] use crate::provider::local;",
        "#[cfg(any(test, feature = \"local\"))] use crate::provider::local;",
        "#[cfg(feature = \"aws-kms\")] use crate::provider::aws_kms;",
        "#[derive(crate::provider::local::Derive)] struct S;",
        "#[serde(with = \"crate::provider::local\")] struct S;",
        "use crate::r#provider::local;",
        "extern crate self as me; use me::provider::local;",
        "extern crate self as kms_signer; use kms_signer::provider::local;",
        "fn f() { make_local!(); }",
        "fn f() { crate::make_local!(); }",
        "fn f() { println!(\"{}\", make_local!()); }",
    ] {
        assert_seen(IMPORT, &[("signer.rs", &format!("+ {code}"))]);
    }
}

/// Another file names the provider, and the core names that file's name.
#[test]
fn a_re_export_does_not_hide_where_a_name_comes_from() {
    for (through, code) in [
        (
            ("lib.rs", "+ pub use provider::local::LocalSigner;"),
            "use crate::LocalSigner;",
        ),
        (
            ("lib.rs", "+ pub use provider::local as core;"),
            "use crate::core::LocalSigner;",
        ),
        (
            ("lib.rs", "+ pub use provider::*;"),
            "use crate::local::LocalSigner;",
        ),
        (
            ("lib.rs", "+ use provider as p;"),
            "fn f() { super::p::local::f() }",
        ),
        (
            ("lib.rs", "+ type T = provider::local::LocalSigner;"),
            "fn f() { crate::T::f() }",
        ),
        (
            (
                "lib.rs",
                "+ mod a { pub use crate::provider::local; } use a::local as b;",
            ),
            "use crate::b::f;",
        ),
    ] {
        assert_seen(IMPORT, &[through, ("signer.rs", &format!("+ {code}"))]);
    }
    // Re-exporting it in `lib.rs` is already a finding.
    let by_itself = findings(&[("lib.rs", "+ pub use provider::local::LocalSigner;")]);
    assert!(
        by_itself.iter().any(|(name, _)| *name == IMPORT),
        "{by_itself:?}"
    );
}

#[test]
fn providers_chains_and_layers_do_not_know_one_another() {
    for (file, code) in [
        ("chain/ethereum.rs", "use crate::provider::local;"),
        (
            "chain/ethereum.rs",
            "use crate::emulator::aws_kms::KmsEmulator;",
        ),
        ("chain/ethereum.rs", "use super::super::layer::hedge;"),
        ("layer/hedge.rs", "use super::timeout::Timeout;"),
        ("layer/hedge.rs", "use super::*; fn f() { timeout::f() }"),
        ("layer/hedge.rs", "fn f() { crate::layer::timeout::f() }"),
        ("layer/hedge.rs", "use crate::chain::ethereum;"),
        ("provider/local.rs", "use super::aws_kms::AwsKmsSigner;"),
        ("provider/local.rs", "use super::aws_kms::aws_sdk_kms;"),
        (
            "provider/aws_kms/call.rs",
            "use super::super::local::LocalSigner;",
        ),
        (
            "provider/aws_kms/call.rs",
            "use crate::chain::ethereum::alloy_primitives;",
        ),
        ("emulator/http.rs", "use crate::provider::aws_kms;"),
        ("emulator/http.rs", "use super::aws_kms::KmsEmulator;"),
        ("emulator/http.rs", "fn f() { super::aws_kms::f() }"),
        ("emulator.rs", "pub use aws_kms::KmsEmulator;"),
        ("emulator/aws_kms.rs", "use super::local;"),
        (
            "verifier/ecdsa.rs",
            "use super::super::layer::hedge::Hedge;",
        ),
    ] {
        assert_seen(IMPORT, &[(file, &format!("+ {code}"))]);
    }
}

/// The core could call these methods by name, without an import.
#[test]
fn methods_that_are_added_to_the_core_are_seen() {
    for (file, code) in [
        (
            "provider/local.rs",
            "impl crate::SignRequest<'_> { pub fn in_local(&self) {} }",
        ),
        (
            "provider/local.rs",
            "use crate::SignRequest as R; impl R<'_> { fn f() {} }",
        ),
        (
            "provider/local.rs",
            "impl dyn crate::Signer + Send { pub fn in_local(&self) {} }",
        ),
        (
            "layer/hedge.rs",
            "impl crate::signature::Signature { pub fn hedged(&self) {} }",
        ),
        (
            "chain/ethereum.rs",
            "fn f() { impl Signature { fn v(&self) {} } }",
        ),
    ] {
        assert_seen(IMPORT, &[(file, &format!("+ {code}"))]);
    }
}
