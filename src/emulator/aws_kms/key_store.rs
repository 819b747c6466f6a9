//! The key store of one account and region: its keys and aliases, and what changes them.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    aliases::{self, Alias, Aliases},
    error::{Code, KmsError},
    identifier::{Identifier, Scope},
    key::{Key, KeyMaterial, KeyState, Origin, Primary},
    multi_region::Family,
    operation::Operation,
    page::{self, Page},
};
use crate::{Error, KeyType, emulator::random::Random, secret_key::SecretKey};

/// How long KMS waits before it deletes a key, unless the request says otherwise.
pub(super) const DEFAULT_WINDOW_DAYS: u32 = 30;

pub(super) struct KeyStore {
    pub(super) scope: Scope,
    keys: BTreeMap<String, Key>,
    aliases: Aliases,
    random: Random,
}

/// The choices of a `CreateKey` request.
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
            keys: BTreeMap::new(),
            aliases: Aliases::default(),
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

    /// What `ReplicateKey` checks in the region of the primary.
    pub(super) fn primary(&self, key_id: &str, replica: &Scope) -> Result<Primary, KmsError> {
        // Rejects an alias, as the operations that manage keys do.
        let primary = self.find(Operation::EnableKey, key_id)?.as_primary()?;
        if self.scope.region() == replica.region() {
            return Err(KmsError::new(
                Code::Validation,
                "The replica Region must not be the Region of the primary key.",
            ));
        }
        if !self.scope.is_beside(replica) {
            return Err(KmsError::new(
                Code::Validation,
                "The replica Region must be in the account and partition of the primary key.",
            ));
        }
        Ok(primary)
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
            // Derived from the ARN: with the seed of the primary's emulator it would otherwise make
            // the same signatures.
            random: self.random.stream(&arn),
            last_signature_answer: None,
            arn,
            id: id.clone(),
        };
        Ok(self.keys.entry(id).or_insert(key))
    }

    /// The end of the waiting period: removes the key, in any state, and its aliases.
    pub(super) fn delete(&mut self, key_id: &str) -> Result<(), KmsError> {
        let id = self.id_of(Operation::ScheduleKeyDeletion, key_id)?;
        let missing = self.no_such_key(&id);
        let key = self.keys.remove(&id).ok_or(missing)?;
        self.aliases.remove_all_of(&id);
        if let Some(family) = &key.family {
            family.remove_replica(&key.arn);
        }
        Ok(())
    }

    /// The key with this id, ARN or alias, for any operation.
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
            Identifier::Alias(name) => {
                let alias = self.aliases.get(&self.scope, name)?;
                Ok(alias.target_key_id.clone())
            }
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

    /// `ScheduleKeyDeletion`. Also returns the time of the deletion.
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

    pub(super) fn create_alias(&mut self, name: &str, key_id: &str) -> Result<(), KmsError> {
        aliases::check_name(Operation::CreateAlias, name)?;
        let target_key_id = self.alias_target(Operation::CreateAlias, key_id)?;
        self.aliases.create(&self.scope, name, target_key_id)
    }

    /// Points an alias at another key.
    ///
    /// KMS requires the same usage and two asymmetric keys, which holds for all keys here. It does
    /// not require the same key spec: an alias may move from secp256k1 to Ed25519.
    pub(super) fn update_alias(&mut self, name: &str, key_id: &str) -> Result<(), KmsError> {
        aliases::check_name(Operation::UpdateAlias, name)?;
        let target_key_id = self.alias_target(Operation::UpdateAlias, key_id)?;
        self.aliases.update(&self.scope, name, target_key_id)
    }

    pub(super) fn delete_alias(&mut self, name: &str) -> Result<(), KmsError> {
        aliases::check_name(Operation::DeleteAlias, name)?;
        self.aliases.delete(&self.scope, name)
    }

    /// The aliases of one key, or of all keys.
    pub(super) fn list_aliases(
        &self,
        key_id: Option<&str>,
        limit: usize,
        marker: Option<&str>,
    ) -> Result<Page<'_, Alias>, KmsError> {
        let target = match key_id {
            Some(key_id) => Some(&*self.find(Operation::ListAliases, key_id)?.id),
            None => None,
        };
        self.aliases.list(target, limit, marker)
    }

    fn alias_target(&self, operation: Operation, key_id: &str) -> Result<String, KmsError> {
        let key = self.find(operation, key_id)?;
        key.require_not_pending_deletion()?;
        Ok(key.id.clone())
    }
}

#[cfg(test)]
mod tests;
