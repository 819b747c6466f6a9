//! The key store: its keys, their states, and what each state allows.
//!
//! The rules are those of the table in "Key states of AWS KMS keys" of the KMS developer guide.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    aliases::Alias,
    error::{Code, KmsError},
    identifier::{Identifier, Scope},
    multi_region::{Family, Primary},
    operation::Operation,
    page::{self, Page},
    random::Random,
};
use crate::{Error, KeyType, PublicKey, Verifier, secret_key::SecretKey};

/// How long KMS waits before it deletes a key, unless told otherwise.
pub(super) const DEFAULT_WINDOW_DAYS: u32 = 30;

pub(super) struct KeyStore {
    pub(super) scope: Scope,
    pub(super) aliases: BTreeMap<String, Alias>,
    keys: BTreeMap<String, Key>,
    random: Random,
}

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
    /// Draws what makes each signature of this key differ.
    pub(super) random: Random,
    /// What `Sign` answered last with this key.
    pub(super) last_signature_answer: Option<Vec<u8>>,
}

/// What does not change in the life of a key.
pub(super) struct KeyMaterial {
    pub(super) secret_key: SecretKey,
    pub(super) verifier: Verifier,
    pub(super) spki_der: Vec<u8>,
}

impl KeyMaterial {
    /// Makes a key from random bytes.
    pub(super) fn draw(key_type: KeyType, random: &mut Random) -> Result<Self, Error> {
        // A draw is not a scalar in range once in 2^32 on P-256 and more rarely on secp256k1.
        let secret_key = (0..16)
            .find_map(|_| SecretKey::from_bytes(key_type, &random.next_block()).ok())
            .ok_or_else(|| Error::Randomness {
                source: "16 draws in a row were not valid scalars".into(),
            })?;
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyState {
    Enabled,
    Disabled,
    /// Keys in this state are removed by [`KeyStore::delete`] alone: no test waits for seven days.
    PendingDeletion {
        deletion: SystemTime,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    AwsKms,
    External,
}

/// What `CreateKey` lets the caller choose.
pub(super) struct NewKey {
    pub(super) key_type: KeyType,
    pub(super) description: String,
    pub(super) multi_region: bool,
}

impl NewKey {
    pub(super) fn of(key_type: KeyType) -> Self {
        Self {
            key_type,
            description: String::new(),
            multi_region: false,
        }
    }
}

impl KeyStore {
    pub(super) fn new(scope: Scope, random: Random) -> Self {
        Self {
            scope,
            aliases: BTreeMap::new(),
            keys: BTreeMap::new(),
            random,
        }
    }

    /// Makes a key from random bytes.
    pub(super) fn create(&mut self, new: NewKey) -> Result<&Key, Error> {
        let material = KeyMaterial::draw(new.key_type, &mut self.random)?;
        Ok(self.insert(new, Origin::AwsKms, material))
    }

    /// Makes a key from the caller's own secret, as `ImportKeyMaterial` does.
    pub(super) fn import(&mut self, key_type: KeyType, secret: &[u8; 32]) -> Result<&Key, Error> {
        let material = KeyMaterial::new(SecretKey::from_bytes(key_type, secret)?)?;
        Ok(self.insert(NewKey::of(key_type), Origin::External, material))
    }

    fn insert(&mut self, new: NewKey, origin: Origin, material: KeyMaterial) -> &Key {
        let id = match new.multi_region {
            true => format!("mrk-{:032x}", self.random.next_u128()),
            false => self.random.next_uuid(),
        };
        let arn = self.scope.key_arn(&id);
        let key = Key {
            state: KeyState::Enabled,
            created: SystemTime::now(),
            description: new.description,
            family: (new.multi_region).then(|| Arc::new(Family::new(&self.scope, &arn))),
            origin,
            material: Arc::new(material),
            random: self.random.stream(&id),
            last_signature_answer: None,
            arn,
            id: id.clone(),
        };
        self.keys.entry(id).or_insert(key)
    }

    /// What `ReplicateKey` does in the region of the replica.
    pub(super) fn insert_replica(&mut self, primary: Primary) -> Result<&Key, KmsError> {
        let Primary {
            id,
            origin,
            material,
            family,
        } = primary;
        let arn = self.scope.key_arn(&id);
        if self.keys.contains_key(&id) {
            return Err(KmsError::new(
                Code::AlreadyExists,
                format!("Key {arn} already exists"),
            ));
        }
        family.add_replica(&self.scope, &arn);
        let key = Key {
            state: KeyState::Enabled,
            created: SystemTime::now(),
            description: String::new(),
            family: Some(family),
            origin,
            material,
            // By the ARN: with the seed of the primary's emulator it would else sign alike.
            random: self.random.stream(&arn),
            last_signature_answer: None,
            arn,
            id: id.clone(),
        };
        Ok(self.keys.entry(id).or_insert(key))
    }

    /// The end of the waiting period: the key is gone, whatever its state, and so are its aliases.
    pub(super) fn delete(&mut self, key_id: &str) -> Result<(), KmsError> {
        let id = self.id_of(Operation::ScheduleKeyDeletion, key_id)?;
        let missing = self.no_such_key(&id);
        let key = self.keys.remove(&id).ok_or(missing)?;
        self.aliases.retain(|_, alias| alias.target_key_id != id);
        if let Some(family) = &key.family {
            family.remove_replica(&key.arn);
        }
        Ok(())
    }

    /// The key of an id, an ARN or an alias, whatever operation they are for.
    pub(super) fn resolve(&self, key_id: &str) -> Option<&Key> {
        self.find(Operation::DescribeKey, key_id).ok()
    }

    /// The key that a request for `operation` names.
    pub(super) fn find(&self, operation: Operation, key_id: &str) -> Result<&Key, KmsError> {
        let id = self.id_of(operation, key_id)?;
        self.keys.get(&id).ok_or_else(|| self.no_such_key(&id))
    }

    pub(super) fn find_mut(
        &mut self,
        operation: Operation,
        key_id: &str,
    ) -> Result<&mut Key, KmsError> {
        let id = self.id_of(operation, key_id)?;
        let missing = self.no_such_key(&id);
        self.keys.get_mut(&id).ok_or(missing)
    }

    fn id_of(&self, operation: Operation, key_id: &str) -> Result<String, KmsError> {
        match self.scope.identify(operation, key_id)? {
            Identifier::Key(id) => Ok(id.to_owned()),
            Identifier::Alias(name) => Ok(self.alias(name)?.target_key_id.clone()),
        }
    }

    fn no_such_key(&self, id: &str) -> KmsError {
        let arn = self.scope.key_arn(id);
        KmsError::new(Code::NotFound, format!("Key '{arn}' does not exist"))
    }

    pub(super) fn list(
        &self,
        limit: usize,
        marker: Option<&str>,
    ) -> Result<Page<'_, Key>, KmsError> {
        page::after(&self.keys, "key", limit, marker, |_| true)
    }

    /// `EnableKey` and `DisableKey`.
    pub(super) fn set_enabled(&mut self, key_id: &str, enabled: bool) -> Result<(), KmsError> {
        let (operation, state) = match enabled {
            true => (Operation::EnableKey, KeyState::Enabled),
            false => (Operation::DisableKey, KeyState::Disabled),
        };
        let key = self.find_mut(operation, key_id)?;
        key.require_not_pending_deletion()?;
        key.state = state;
        Ok(())
    }

    /// `ScheduleKeyDeletion`. Returns the time of the deletion too.
    pub(super) fn schedule_deletion(
        &mut self,
        key_id: &str,
        window_days: u64,
    ) -> Result<(&Key, SystemTime), KmsError> {
        let key = self.find_mut(Operation::ScheduleKeyDeletion, key_id)?;
        key.require_not_pending_deletion()?;
        let deletion = SystemTime::now() + Duration::from_secs(24 * 60 * 60 * window_days);
        key.state = KeyState::PendingDeletion { deletion };
        Ok((key, deletion))
    }

    /// `CancelKeyDeletion`, which leaves the key disabled.
    pub(super) fn cancel_deletion(&mut self, key_id: &str) -> Result<&Key, KmsError> {
        let key = self.find_mut(Operation::CancelKeyDeletion, key_id)?;
        match key.state {
            KeyState::PendingDeletion { .. } => {
                key.state = KeyState::Disabled;
                Ok(key)
            }
            KeyState::Enabled | KeyState::Disabled => Err(KmsError::new(
                Code::KmsInvalidState,
                format!("{} is not pending deletion.", key.arn),
            )),
        }
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

    /// For what changes a key or gives it an alias.
    pub(super) fn require_not_pending_deletion(&self) -> Result<(), KmsError> {
        match self.state {
            KeyState::PendingDeletion { .. } => Err(KmsError::new(
                Code::KmsInvalidState,
                format!("{} is pending deletion.", self.arn),
            )),
            KeyState::Enabled | KeyState::Disabled => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
