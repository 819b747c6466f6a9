//! One key: its material, its state, and what each state allows.
//!
//! The rules are those of the table "Key states of AWS KMS keys" in the KMS developer guide.

use std::{sync::Arc, time::SystemTime};

use super::{
    error::{Code, KmsError},
    multi_region::Family,
};
use crate::{Error, KeyType, PublicKey, Verifier, emulator::random::Random, secret_key::SecretKey};

pub(super) struct Key {
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) state: KeyState,
    pub(super) created: SystemTime,
    pub(super) description: String,
    /// The primary and the replicas, for a multi-Region key.
    pub(super) family: Option<Arc<Family>>,
    pub(super) origin: Origin,
    pub(super) material: Arc<KeyMaterial>,
    /// The source of what makes each signature of this key differ.
    pub(super) random: Random,
    /// The last answer of `Sign` with this key.
    pub(super) last_signature_answer: Option<Vec<u8>>,
}

/// The part of a key that never changes.
pub(super) struct KeyMaterial {
    pub(super) secret_key: SecretKey,
    pub(super) verifier: Verifier,
    pub(super) spki_der: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyState {
    Enabled,
    Disabled,
    /// Only [`KeyStore::delete`](super::key_store::KeyStore::delete) removes a key in this state:
    /// no test waits for seven days.
    PendingDeletion {
        deletion: SystemTime,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    AwsKms,
    External,
}

/// What a replica takes from its primary.
pub(super) struct Primary {
    pub(super) id: String,
    pub(super) origin: Origin,
    pub(super) material: Arc<KeyMaterial>,
    pub(super) family: Arc<Family>,
}

impl KeyMaterial {
    /// Makes a key from random bytes.
    pub(super) fn draw(key_type: KeyType, random: &mut Random) -> Result<Self, Error> {
        // One draw in 2^32 is not a valid scalar on P-256; on secp256k1 it is rarer.
        let secret_key = (0..16)
            .find_map(|_| SecretKey::from_bytes(key_type, &random.next_block()).ok())
            .ok_or_else(|| Error::randomness("16 draws in a row were not valid scalars"))?;
        Self::new(secret_key)
    }

    pub(super) fn new(secret_key: SecretKey) -> Result<Self, Error> {
        let public_key = secret_key.public_key()?;
        Ok(Self {
            secret_key,
            spki_der: public_key.to_spki_der(),
            verifier: Verifier::new(public_key),
        })
    }
}

impl Key {
    pub(super) fn key_type(&self) -> KeyType {
        self.public_key().key_type()
    }

    pub(super) fn public_key(&self) -> &PublicKey {
        self.material.verifier.public_key()
    }

    /// For `Sign`, `Verify` and `GetPublicKey`.
    ///
    /// For a key pending deletion the table allows `DisabledException` too; see the module's docs.
    pub(super) fn require_enabled(&self) -> Result<(), KmsError> {
        self.require_not_pending_deletion()?;
        match self.state {
            KeyState::Disabled => Err(KmsError::new(
                Code::Disabled,
                format!("{} is disabled.", self.arn),
            )),
            KeyState::Enabled | KeyState::PendingDeletion { .. } => Ok(()),
        }
    }

    /// For operations that change a key or give it an alias.
    pub(super) fn require_not_pending_deletion(&self) -> Result<(), KmsError> {
        match self.state {
            KeyState::PendingDeletion { .. } => Err(KmsError::new(
                Code::KmsInvalidState,
                format!("{} is pending deletion.", self.arn),
            )),
            KeyState::Enabled | KeyState::Disabled => Ok(()),
        }
    }

    /// For `ReplicateKey`.
    pub(super) fn as_primary(&self) -> Result<Primary, KmsError> {
        self.require_not_pending_deletion()?;
        match &self.family {
            Some(family) if family.is_primary(&self.arn) => Ok(Primary {
                id: self.id.clone(),
                origin: self.origin,
                material: self.material.clone(),
                family: family.clone(),
            }),
            _ => Err(KmsError::new(
                Code::UnsupportedOperation,
                format!("{} is not a multi-Region primary key.", self.arn),
            )),
        }
    }
}
