//! Test suites for your own provider or layer.
//!
//! A [`Signer`](crate::Signer) has a contract that its types cannot express: it rejects a request
//! that its key cannot sign before any call, it does not sign labels, it stays usable after a
//! future is dropped. [`SignerSuite`] checks that contract on a provider, and [`LayerSuite`] on a
//! layer. The providers and layers of this crate pass the same suites.
//!
//! For test code: enable the feature `conformance` under `[dev-dependencies]`. A suite needs a
//! tokio runtime with its timers enabled. A provider that uses a network cannot run under tokio's
//! paused clock; a layer can.
//!
//! # A provider
//!
//! ```
//! use kms_signer::{KeyType, conformance::SignerSuite, provider::local::LocalSigner};
//!
//! # /*
//! #[tokio::test]
//! # */
//! # #[tokio::main(flavor = "current_thread")]
//! async fn my_provider_keeps_the_contract() {
//!     for key_type in [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519] {
//!         // Yours, connected to a test instance of your key store.
//!         let signer = LocalSigner::random(key_type).unwrap();
//!         SignerSuite::new("my provider", signer).run().await.assert_passed();
//!     }
//! }
//! # my_provider_keeps_the_contract();
//! ```
//!
//! [`count_calls`](SignerSuite::count_calls), [`failing`](SignerSuite::failing) and
//! [`secret`](SignerSuite::secret) enable further checks. `examples/custom_provider` in the
//! repository is a complete provider that uses all three.
//!
//! | case | what it checks |
//! |---|---|
//! | `signatures_verify` | each kind of request, from 1 byte to 4 KiB or the [longest message](SignerSuite::longest_message): another library verifies the signature over the bytes of the request, under the signer's public key |
//! | `signatures_are_canonical` | in 64 signatures no `s` is high, and the recovery id is right |
//! | `public_key_is_stable` | the public key is the same before and after signing, and every signature names it |
//! | `requests_do_not_mix` | 32 requests at the same time, from 32 tasks, each get the signature of their own bytes |
//! | `labels_are_not_signed` | the signer signs the same bytes with a label as without |
//! | `unsupported_requests_are_rejected` | a request that the key cannot sign ends as `UnsupportedRequest` without a call, and the signer still works |
//! | `ambiguous_messages_are_rejected` | an Ed25519 message of 32 bytes ends as `AmbiguousMessage` without a call |
//! | `empty_input_is_signed_or_rejected` | the signer signs an empty preimage; it signs an empty message too, or rejects it as `MessageLength` without a call |
//! | `long_input_is_signed_or_rejected` | the signer signs a preimage of 64 KiB; it signs a message of 64 KiB too, or rejects it as `MessageLength` without a call |
//! | `receipts_are_filled` | a receipt names the operation, the key, and at least one attempt |
//! | `failures_are_reported` | an error of the key store carries a receipt, is no alarm, and says "retry" in its remedy exactly when it is retryable |
//! | `checks_answer` | `check` reports a key that signs as ready, answers for one that fails, and shows no secret |
//! | `nothing_secret_is_shown` | neither `Debug` nor an error shows a secret or the bytes to sign |
//! | `dropped_futures_leave_it_usable` | the signer signs the next request after 64 futures were dropped at various stages |
//!
//! # A layer
//!
//! ```
//! use std::time::Duration;
//! use kms_signer::conformance::LayerSuite;
//! # #[cfg(feature = "layers")]
//! use kms_signer::layer::timeout::Timeout;
//!
//! # #[cfg(feature = "layers")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let layer = |signer| Timeout::new(signer, Duration::from_secs(60)).unwrap();
//! LayerSuite::new("my layer", layer).run().await.assert_passed();
//! # }
//! # #[cfg(not(feature = "layers"))]
//! # fn main() {}
//! ```
//!
//! It puts the layer around a [`ScriptedSigner`] of each key type, and runs these cases and then
//! those of the table above:
//!
//! | case | what it checks |
//! |---|---|
//! | `public_key_is_delegated` | the public key is that of the signer inside |
//! | `requests_arrive_unchanged` | the signer inside gets the same kind, preimage, bytes to sign, and label |
//! | `signatures_return_unchanged` | the caller gets the signature and the receipt of the signer inside |
//! | `errors_return_unchanged` | the caller gets the name, the code, the rule, the verdict, the wait and the receipt of an error inside |
//! | `refusals_are_passed_on` | `note_refusal` reaches the signer inside, with the request and the error |
//! | `checks_are_passed_on` | `check` asks the signer inside, and reports its health |
//! | `dropping_reaches_the_signer` | dropping the outer future drops the one inside |
//!
//! # A signer that fails on command
//!
//! Use [`ScriptedSigner`] in your own tests too: it signs, fails, waits or hangs as a script says,
//! and keeps the requests it got.

mod independent;
mod layer_suite;
mod report;
mod requests;
mod scripted;
mod secrets;
mod signer_suite;

pub use self::{
    layer_suite::LayerSuite,
    report::{Outcome, Report, Verdict},
    scripted::{Refusal, ScriptedSigner, Step},
    signer_suite::SignerSuite,
};

#[cfg(test)]
mod tests;
