//! The verifier against independent test vectors and verifiers.

mod differential;
mod edges;
mod forgery;
mod wycheproof;
