//! The verifier against vectors and verifiers that are not ours.

mod differential;
mod edges;
mod forgery;
mod wycheproof;
