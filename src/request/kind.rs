//! The kinds of requests.

use std::{fmt, str::FromStr};

use crate::{Error, Result};

/// Which hash a [`SignRequest`](crate::SignRequest) uses, if any. Policies and audit records use
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestKind {
    /// The Keccak-256 hash of a preimage:
    /// [`SignRequest::keccak256`](crate::SignRequest::keccak256).
    Keccak256,
    /// The SHA-256 hash of a preimage: [`SignRequest::sha256`](crate::SignRequest::sha256).
    Sha256,
    /// The BLAKE2b hash of a preimage, 32 bytes:
    /// [`SignRequest::blake2b256`](crate::SignRequest::blake2b256).
    Blake2b256,
    /// A whole message: [`SignRequest::message`](crate::SignRequest::message).
    Message,
    /// A bare digest for ECDSA: [`hazmat::prehashed`](crate::hazmat::prehashed).
    Prehashed,
    /// A bare digest that an Ed25519 key signs as its message:
    /// [`hazmat::prehashed_message`](crate::hazmat::prehashed_message).
    PrehashedMessage,
}

impl RequestKind {
    pub(super) const ALL: [Self; 6] = [
        Self::Keccak256,
        Self::Sha256,
        Self::Blake2b256,
        Self::Message,
        Self::Prehashed,
        Self::PrehashedMessage,
    ];

    /// The name of the constructor, for example `keccak256`. `Display` writes it and `FromStr`
    /// reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keccak256 => "keccak256",
            Self::Sha256 => "sha256",
            Self::Blake2b256 => "blake2b256",
            Self::Message => "message",
            Self::Prehashed => "prehashed",
            Self::PrehashedMessage => "prehashed_message",
        }
    }

    /// Whether the request has no preimage, so that no policy can judge what is signed.
    pub fn is_bare_digest(self) -> bool {
        match self {
            Self::Prehashed | Self::PrehashedMessage => true,
            Self::Keccak256 | Self::Sha256 | Self::Blake2b256 | Self::Message => false,
        }
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Reads exactly what `Display` writes.
///
/// # Errors
///
/// [`Error::InvalidConfig`].
impl FromStr for RequestKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Error::invalid_config("not a kind of request", format!("use one of {names}"))
        })
    }
}
