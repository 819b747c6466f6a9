//! The emulator's random bytes: from the operating system, or reproducible from a seed.

use std::io;

use sha2::{Digest as _, Sha256};

// Separates a block from the secret of another stream, whose purpose may have 8 bytes too.
const BLOCK: u8 = 0;
const STREAM: u8 = 1;

/// A stream of random bytes: SHA-256 of a secret, a tag and a counter.
///
/// This is not a library's generator, because libraries may change what a seed gives, and here a
/// seed must always give the same keys. The keys it makes are for tests.
pub(super) struct Random {
    secret: [u8; 32],
    counter: u64,
}

impl Random {
    pub(super) fn from_seed(seed: u64) -> Self {
        Self::new(Sha256::digest(seed.to_be_bytes()).into())
    }

    pub(super) fn from_operating_system() -> io::Result<Self> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        Ok(Self::new(secret))
    }

    fn new(secret: [u8; 32]) -> Self {
        Self { secret, counter: 0 }
    }

    /// A separate stream, so that draws for one purpose do not change those for another.
    pub(super) fn stream(&self, purpose: &str) -> Self {
        Self::new(self.derive(STREAM, purpose.as_bytes()))
    }

    pub(super) fn next_block(&mut self) -> [u8; 32] {
        self.counter = self.counter.wrapping_add(1);
        self.derive(BLOCK, &self.counter.to_be_bytes())
    }

    fn derive(&self, use_for: u8, data: &[u8]) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.secret)
            .chain_update([use_for])
            .chain_update(data)
            .finalize()
            .into()
    }

    pub(super) fn next_bool(&mut self) -> bool {
        let [first, ..] = self.next_block();
        first & 1 == 1
    }

    pub(super) fn next_u128(&mut self) -> u128 {
        self.next_block()
            .into_iter()
            .take(16)
            .fold(0, |number, byte| number << 8 | u128::from(byte))
    }

    /// A number from 0, included, to 1, excluded, with 53 random bits, as many as a double holds.
    pub(super) fn next_unit(&mut self) -> f64 {
        (self.next_u128() >> 75) as f64 / (1_u64 << 53) as f64
    }

    /// A random UUID (RFC 9562 §5.4).
    pub(super) fn next_uuid(&mut self) -> String {
        let version_and_variant = 0xf << 76 | 0x3 << 62;
        let uuid = self.next_u128() & !version_and_variant | 0x4 << 76 | 0x2 << 62;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            uuid >> 96,
            uuid >> 80 & 0xffff,
            uuid >> 64 & 0xffff,
            uuid >> 48 & 0xffff,
            uuid & 0xffff_ffff_ffff,
        )
    }
}

#[cfg(test)]
mod tests;
