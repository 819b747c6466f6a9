//! Sign blockchain transactions in-process with keys that never leave their key store.
//!
//! A [`Signer`] holds one key. It signs a [`SignRequest`] and returns a [`Signature`] in canonical
//! form that it has already verified under its public key. Chain adapters turn a chain's own
//! objects into requests, so most applications write only:
//!
//! ```no_run
//! # #[cfg(all(feature = "aws-kms", feature = "ethereum"))]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use kms_signer::{chain::ethereum::EthereumSigner, provider::aws_kms::AwsKmsSigner};
//!
//! let key = AwsKmsSigner::builder("alias/hot-wallet").connect().await?;
//! let wallet = EthereumSigner::new(key)?.with_chain_id(1);
//! println!("fund this address: {}", wallet.address());
//! # Ok(())
//! # }
//! ```
//!
//! # Core
//!
//! | item | purpose |
//! |---|---|
//! | [`Signer`] | the one trait: a public key, and `sign`; with [`async_trait`](macro@async_trait) to implement it |
//! | [`SignRequest`] | what to sign: a preimage and its hash, or a whole message, as [`RequestKind`] says |
//! | [`PublicKey`] | a validated public key of one of three curves |
//! | [`Verifier`] | checks a key store's signature and turns it into a [`Signature`] |
//! | [`Signed`], [`Receipt`] | a signature, and the record of the call that made it |
//! | [`Error`] | typed, says whether to retry and what to do |
//! | [`health`] | the result of [`Signer::check`]: whether a key could sign |
//! | `Retries` | how often a call to a remote key store is retried |
//! | [`bulk`] | many requests, or many keys, at the same time |
//! | [`telemetry`] | the names of spans, fields and metrics |
//! | [`hazmat`] | signing a bare digest |
//!
//! # Modules and features
//!
//! | module | feature | default | purpose |
//! |---|---|---|---|
//! | `provider::aws_kms` | `aws-kms` | yes | keys in AWS KMS |
//! | `provider::local` | `local` | no | keys in memory, for tests and development |
//! | `chain::ethereum` | `ethereum` | yes | addresses, messages, every transaction type |
//! | | `alloy` | yes | the same signer as an alloy `Signer`, `TxSigner` and wallet |
//! | `layer` | `layers` | no | rate limit, failover, hedge, timeout, audit |
//! | | `blocking` | no | `Blocking`: for providers whose library blocks |
//! | | `jwk` | no | [`PublicKey`] from and to JSON Web Keys |
//! | | `metrics` | no | metrics, through the facade of the crate `metrics` |
//! | `emulator` | `emulator` | no | AWS KMS over HTTP on loopback, for tests; fails on command |
//! | `conformance` | `conformance` | no | tests for your own provider or layer, and a signer that fails on command |
//!
//! `docs/failures.md` in the repository tells an operator what each error means and what to do.

#![forbid(unsafe_code)]
#![warn(missing_docs, rustdoc::broken_intra_doc_links, unreachable_pub)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::unreachable,
        clippy::todo,
        clippy::dbg_macro,
        clippy::print_stdout
    )
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "blocking")]
mod blocking;
pub mod bulk;
#[cfg(feature = "_remote")]
mod call;
pub mod chain;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "emulator")]
pub mod emulator;
pub mod error;
pub mod hazmat;
pub mod health;
mod key_type;
#[cfg(feature = "layers")]
pub mod layer;
pub mod provider;
mod public_key;
mod receipt;
mod request;
#[cfg(feature = "local")]
mod secret_key;
mod signature;
mod signer;
pub mod telemetry;
mod text;
mod verifier;

pub use async_trait::async_trait;
#[cfg(feature = "blocking")]
pub use blocking::Blocking;
#[cfg(feature = "_remote")]
pub use call::Retries;
pub use error::{Error, Result};
pub use key_type::KeyType;
pub use public_key::PublicKey;
pub use receipt::{Receipt, Signed};
pub use request::{KeyInput, RequestKind, SignRequest};
pub use signature::{Ed25519Signature, P256Signature, RawSignature, Secp256k1Signature, Signature};
pub use signer::Signer;
pub use verifier::Verifier;

/// Compiles the examples of the README and of the page for operators.
#[cfg(all(
    doctest,
    feature = "aws-kms",
    feature = "alloy",
    feature = "emulator",
    feature = "layers"
))]
mod pages {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/failures.md")]
    mod failures {}
}
