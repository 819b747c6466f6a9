//! Independent programs check this crate: a node, four Ethereum libraries, and AWS's own clients.
//!
//! `cargo test --test interop` needs the pinned tools of `scripts/interop-setup`; without them it
//! fails and says so. README.md beside this file describes them.

mod anvil;
mod aws_clients;
mod encoders;
mod tools;
mod transactions;
mod typed_data;
