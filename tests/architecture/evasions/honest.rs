//! Code that keeps every rule.

/// A crate of the same shape as this one, in which every rule holds.
pub const HONEST: &[(&str, &str)] = &[
    (
        "lib.rs",
        "#![forbid(unsafe_code)]
         #![cfg_attr(not(test), deny(
             clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing
         ))]
         mod request; pub mod signature; mod signer; mod verifier;
         #[cfg(feature = \"emulator\")] pub mod emulator;
         #[cfg(feature = \"layers\")] pub mod layer;
         pub mod chain; pub mod provider;
         pub use request::SignRequest; pub use signature::Signature; pub use signer::Signer;
         pub use verifier::Verifier;",
    ),
    (
        "request.rs",
        "use sha3::Digest as _;
         pub struct SignRequest<'a>(&'a [u8]);
         impl<'a> SignRequest<'a> {
             pub fn keccak256(preimage: &'a [u8]) -> Self {
                 let _ = sha3::Keccak256::digest(preimage);
                 Self(preimage)
             }
             pub fn preimage(&self) -> &'a [u8] { self.0 }
         }",
    ),
    (
        "signature.rs",
        "pub enum Signature { Secp256k1(Secp256k1Signature) }
         #[derive(Clone, Copy, Debug, PartialEq, Eq)]
         pub struct Secp256k1Signature { bytes: [u8; 64] }
         impl Secp256k1Signature {
             pub(crate) fn new(bytes: [u8; 64]) -> Self { Self { bytes } }
             pub fn bytes(&self) -> &[u8; 64] { &self.bytes }
         }",
    ),
    (
        "signer.rs",
        "use crate::{SignRequest, Signature};
         pub trait Signer { fn sign(&self, request: &SignRequest<'_>) -> Signature; }",
    ),
    (
        "verifier.rs",
        "mod ecdsa;
         use crate::signature::{Secp256k1Signature, Signature};
         pub struct Verifier;
         impl Verifier {
             pub fn accept(&self, raw: [u8; 64]) -> Signature {
                 Signature::Secp256k1(Secp256k1Signature::new(raw))
             }
         }",
    ),
    (
        "verifier/ecdsa.rs",
        "pub(super) const LOW: bool = true; static PLACES: u8 = 0;",
    ),
    (
        "provider.rs",
        "#[cfg(feature = \"aws-kms\")] pub mod aws_kms; #[cfg(feature = \"local\")] pub mod local;",
    ),
    (
        "provider/aws_kms.rs",
        "mod call;
         pub use aws_sdk_kms;
         use aws_sdk_kms::types::SigningAlgorithmSpec;
         use self::call::Caller;
         use crate::{SignRequest, Signature, Signer, Verifier};
         pub struct AwsKmsSigner { caller: Caller, verifier: Verifier, key_id: String }
         impl Signer for AwsKmsSigner {
             fn sign(&self, request: &SignRequest<'_>) -> Signature {
                 let _ = SigningAlgorithmSpec::EcdsaSha256;
                 self.verifier.accept(self.caller.call(request.preimage()))
             }
         }
         #[cfg(test)] mod tests;",
    ),
    (
        "provider/aws_kms/call.rs",
        "use super::super::aws_kms as home;
         pub(super) struct Caller;
         impl Caller { pub(super) fn call(&self, _: &[u8]) -> [u8; 64] { [0; 64] } }
         type Home = home::AwsKmsSigner;",
    ),
    (
        "provider/aws_kms/tests.rs",
        "use crate::{provider::local::LocalSigner, chain::ethereum, signature::Secp256k1Signature};
         static CALLS: u8 = 0;
         #[test] fn all() { Secp256k1Signature::new([0; 64]); }",
    ),
    ("provider/local.rs", "pub struct LocalSigner; use zeroize::Zeroizing;
         #[macro_export] macro_rules! make_local { () => { $crate::provider::local::LocalSigner } }
         fn make() -> LocalSigner { make_local!() }"),
    ("chain.rs", "#[cfg(feature = \"ethereum\")] pub mod ethereum;"),
    (
        "chain/ethereum.rs",
        "#[cfg(feature = \"alloy\")] pub use alloy_signer;
         pub use alloy_primitives;
         use alloy_primitives::keccak256;
         use crate::{Signer, Signature, signature::Secp256k1Signature, SignRequest};
         pub fn read(signature: &Signature) -> &Secp256k1Signature {
             let Signature::Secp256k1(signature) = signature;
             tracing::debug!(provider = 1, layer = ?signature, \"read\");
             signature
         }",
    ),
    (
        "layer.rs",
        "pub mod hedge; pub mod timeout;",
    ),
    (
        "layer/hedge.rs",
        "use tokio::time::sleep; use crate::Signer;
         pub struct Hedge<S>(S);
         macro_rules! forward { ($($pointer:ty),+) => {$( impl<S: $crate::Signer> Hedge<$pointer> {} )+} }
         forward!(&S, Box<S>);",
    ),
    ("layer/timeout.rs", "pub struct Timeout<S>(S); fn late(provider: u8) -> u8 { provider }"),
    (
        "emulator.rs",
        "pub mod aws_kms; mod http; pub use self::http::Failure;",
    ),
    (
        "emulator/aws_kms.rs",
        "mod keys; use super::http::Endpoint; use hyper::Request; pub struct KmsEmulator(Endpoint);",
    ),
    ("emulator/aws_kms/keys.rs", "use crate::emulator::aws_kms::KmsEmulator;"),
    ("emulator/http.rs", "pub(super) struct Endpoint; pub struct Failure; pub fn key_id() -> &'static str { \"arn\" }"),
];
