//! Key stores on loopback, for tests and examples, that fail on command.
//!
//! | module | key store |
//! |---|---|
//! | [`aws_kms`] | AWS KMS |
//!
//! An emulator serves the key store's own API over HTTP, in this process, so that you test a
//! program with the client it uses in production.
//!
//! <div class="warning">
//!
//! The keys are in the memory of your process, and every program that can connect to the port can
//! use them. Never give an emulator a key that holds value.
//!
//! </div>
//!
//! Each emulator runs on a thread of its own: the caller needs no tokio runtime, may block its own,
//! and may keep one emulator in a `static` for all tests of a process. A client that follows
//! `HTTP_PROXY` would ask the proxy for 127.0.0.1: where that variable is set, set
//! `NO_PROXY=127.0.0.1` too.
//!
//! # Injected failures
//!
//! An *injected failure* is a failure that a test asks for. The emulator's `inject` takes a
//! [`FailureRule`], which says what goes wrong ([`Failure`]) and for which requests. `inject`
//! returns an [`InjectedFailure`]. Dropping that removes the rule; if the rule
//! [expects](FailureRule::expect) a number of failures and another number happened, the drop panics
//! and so fails the test.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use kms_signer::{
//!     KeyType,
//!     emulator::{FailureRule, aws_kms::{KmsEmulator, KmsFailure, Operation}},
//! };
//!
//! let emulator = KmsEmulator::builder().seed(7).start().await?;
//! let key_arn = emulator.create_key(KeyType::Secp256k1)?;
//! emulator.inject(FailureRule::new(KmsFailure::reset()).rate(0.01)).keep();
//! let _busy = emulator.inject(
//!     FailureRule::new(KmsFailure::throttling())
//!         .on(Operation::Sign)
//!         .for_key(&key_arn)
//!         .after(2)
//!         .times(3)
//!         .expect(3),
//! );
//! // … let your service sign: `_busy` fails the test unless KMS throttled it three times …
//! # Ok(())
//! # }
//! ```
//!
//! The failures of this table happen between the client and a key store, whichever store that is.
//! Each emulator's module lists the failures of its own key store.
//!
//! - *what a client sees* is what arrives at the client, or does not.
//! - *handled* says whether the key store processes the request. If it does, a valid `Sign` makes
//!   the key sign, even if the client never sees that signature.
//!
//! | failure | what a client sees | handled |
//! |---|---|---|
//! | [`page`](Failure::page), [`response`](Failure::response) | a load balancer's HTML page; any answer you give | no |
//! | [`reset`](Failure::reset), [`close`](Failure::close) | the connection ends without an answer, with RST or FIN | no |
//! | [`reset_after_processing`](Failure::reset_after_processing) | the connection ends without an answer, with RST | yes |
//! | [`close_after_answer`](Failure::close_after_answer) | the answer, and then a closed connection in its pool | yes |
//! | [`truncated_body`](Failure::truncated_body) | half of the body, then the connection ends | yes |
//! | [`stall`](Failure::stall) | nothing, while the connection stays open | no |
//! | [`stall_in_body`](Failure::stall_in_body), [`slow_body`](Failure::slow_body) | half of the body and then nothing; the body byte by byte | yes |
//! | [`latency`](Failure::latency) | the answer, later | yes |
//!
//! The emulator decides on failures once it has read a request with its body, and before it handles
//! the request.
//!
//! - The failures of this table can hit every request, even one without authorization. A key
//!   store's own failures hit only requests that it would handle; it rejects the others as usual.
//! - The emulator asks the rules in the order in which they were injected. The first one that hits
//!   decides, and later rules neither see nor count the request. Latencies and changes to keys are
//!   the exception: they add up, and the next rules are asked too.
//! - A request that is hit counts as a call, like any other.
//! - A failure that changes a successful answer leaves an error as it is, and still counts as
//!   fired.
//! - With a seed, the same requests in the same order draw the same random values. Each rule has a
//!   random stream of its own, so injecting a rule does not change which signatures the keys make.
//! - Requests that wait or stall do not delay each other. A stalled request ends when its client
//!   closes the connection or the emulator stops.

pub mod aws_kms;

mod answer;
mod body;
mod failure;
mod http;
mod random;
mod server;
mod service;

pub use failure::{Failure, FailureRule, InjectedFailure, Latency};
pub use service::Emulated;

#[cfg(test)]
mod tests;
