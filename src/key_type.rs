//! The types of keys.

use std::{fmt, str::FromStr};

use crate::{Error, Result};

/// The type of a key: its curve, and with it the signature scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeyType {
    /// ECDSA on secp256k1 (SEC 2 §2.4.1): Ethereum, Bitcoin, Tezos `tz2`.
    Secp256k1,
    /// ECDSA on P-256, also called secp256r1 (FIPS 186-5): Tezos `tz3`.
    P256,
    /// Pure Ed25519 (RFC 8032 §5.1): Algorand, Solana, Tezos `tz1`.
    Ed25519,
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Secp256k1 => "secp256k1",
            Self::P256 => "P-256",
            Self::Ed25519 => "Ed25519",
        })
    }
}

/// Reads what `Display` writes, and nothing else: `secp256k1`, `P-256` or `Ed25519`.
///
/// # Errors
///
/// [`Error::InvalidConfig`] for any other text.
impl FromStr for KeyType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "secp256k1" => Ok(Self::Secp256k1),
            "P-256" => Ok(Self::P256),
            "Ed25519" => Ok(Self::Ed25519),
            _ => Err(Error::invalid_config(
                "not a type of key",
                "use secp256k1, P-256 or Ed25519",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
