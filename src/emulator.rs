//! Key stores on loopback, for tests and examples. They fail on command.
//!
//! | module | key store |
//! |---|---|
//! | [`aws_kms`] | AWS KMS |
//!
//! An emulator serves the key store's own API over HTTP, in this process, so that a program is
//! tested with the client it uses in production.
//!
//! <div class="warning">
//!
//! The keys are in the memory of your process, and every program that can connect to the port can
//! use them. Give an emulator no key that holds value.
//!
//! </div>
//!
//! Each emulator has a thread of its own: the caller needs no tokio runtime, may block its own, and
//! may keep one emulator in a `static` for all tests of a process. A client that honours
//! `HTTP_PROXY` would ask the proxy for 127.0.0.1: set `NO_PROXY=127.0.0.1` where that variable is
//! set.
//!
//! # Injected failures
//!
//! An emulator's `inject` takes a [`FailureRule`]: what goes wrong ([`Failure`]), and for which
//! requests. It returns an [`InjectedFailure`], which removes the rule when it is dropped, and then
//! checks how often it fired if the rule [expects](FailureRule::expect) a number.
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
//! These failures happen on the way to a key store, whichever it is. Each emulator's module lists
//! those of its own.
//!
//! | failure | what a client sees | handled |
//! |---|---|---|
//! | [`page`](Failure::page), [`response`](Failure::response) | a load balancer's page in HTML; any answer | no |
//! | [`reset`](Failure::reset), [`close`](Failure::close) | the end of the connection, with RST or FIN | no |
//! | [`reset_after_processing`](Failure::reset_after_processing) | the same, and the key has signed | yes |
//! | [`close_after_answer`](Failure::close_after_answer) | the answer, and then a stale connection | yes |
//! | [`truncated_body`](Failure::truncated_body) | half of the body, then the end of the connection | yes |
//! | [`stall`](Failure::stall) | nothing, without end | no |
//! | [`stall_in_body`](Failure::stall_in_body), [`slow_body`](Failure::slow_body) | half of the body and no more; byte by byte | yes |
//! | [`latency`](Failure::latency) | the answer, later | yes |
//!
//! Failures are decided when a request has arrived with its body, before anything else is done.
//!
//! - What happens on the way (the table above) happens to every request, even to one without
//!   authorization. A key store's own failures happen to requests that it would handle: it rejects
//!   the others as usual.
//! - Rules are asked in the order in which they were injected. The first that hits decides, and the
//!   others neither see the request nor count it. Latencies add up and so do changes to keys, and
//!   the next rules are asked all the same.
//! - A request that is hit counts as a call, as any other.
//! - A failure that changes a successful answer leaves an error as it is, and counts as fired.
//! - With a seed everything that is drawn is drawn again, for the same requests in the same order.
//!   A rule draws from a stream of its own and shifts no signature.
//! - Requests wait and stall side by side. A stalled one ends when its client closes the
//!   connection, and when the emulator stops.

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
