//! Chain adapters: a chain's objects in, that chain's bytes out. An adapter knows no key store.

#[cfg(feature = "ethereum")]
pub mod ethereum;
