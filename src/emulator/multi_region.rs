//! Multi-Region keys: a primary and its replicas, each in an emulator of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::{
    error::{Code, KmsError},
    identifier::Scope,
    keys::{KeyMaterial, KeyStore, Origin},
    operation::Operation,
};

/// What a primary and its replicas know of one another.
pub(super) struct Family {
    primary: RegionalKey,
    replicas: Mutex<Vec<RegionalKey>>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RegionalKey {
    arn: String,
    region: String,
}

impl RegionalKey {
    fn new(scope: &Scope, arn: &str) -> Self {
        Self {
            arn: arn.to_owned(),
            region: scope.region().to_owned(),
        }
    }
}

/// As `DescribeKey` shows it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MultiRegionConfiguration {
    multi_region_key_type: &'static str,
    primary_key: RegionalKey,
    replica_keys: Vec<RegionalKey>,
}

impl Family {
    pub(super) fn new(scope: &Scope, primary_arn: &str) -> Self {
        Self {
            primary: RegionalKey::new(scope, primary_arn),
            replicas: Mutex::default(),
        }
    }

    pub(super) fn add_replica(&self, scope: &Scope, arn: &str) {
        self.replicas().push(RegionalKey::new(scope, arn));
    }

    pub(super) fn remove_replica(&self, arn: &str) {
        self.replicas().retain(|replica| replica.arn != arn);
    }

    pub(super) fn configuration(&self, arn: &str) -> MultiRegionConfiguration {
        MultiRegionConfiguration {
            multi_region_key_type: match self.primary.arn == arn {
                true => "PRIMARY",
                false => "REPLICA",
            },
            primary_key: self.primary.clone(),
            replica_keys: self.replicas().clone(),
        }
    }

    /// Taken last, after the lock of a key store, and by no one who waits for another.
    fn replicas(&self) -> MutexGuard<'_, Vec<RegionalKey>> {
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a replica takes over from its primary.
pub(super) struct Primary {
    pub(super) id: String,
    pub(super) origin: Origin,
    pub(super) material: Arc<KeyMaterial>,
    pub(super) family: Arc<Family>,
}

impl Primary {
    /// Checks what `ReplicateKey` checks in the region of the primary.
    pub(super) fn read(store: &KeyStore, key_id: &str, replica: &Scope) -> Result<Self, KmsError> {
        // It takes a key as the operations do that manage keys, and no alias.
        let key = store.find(Operation::EnableKey, key_id)?;
        key.require_not_pending_deletion()?;
        let family = match &key.family {
            Some(family) if family.primary.arn == key.arn => family.clone(),
            _ => {
                return Err(KmsError::new(
                    Code::UnsupportedOperation,
                    format!("{} is not a multi-Region primary key.", key.arn),
                ));
            }
        };
        if store.scope.region() == replica.region() {
            return Err(KmsError::new(
                Code::Validation,
                "The replica Region must not be the Region of the primary key.",
            ));
        }
        if !store.scope.is_beside(replica) {
            return Err(KmsError::new(
                Code::Validation,
                "The replica Region must be in the account and partition of the primary key.",
            ));
        }
        Ok(Self {
            id: key.id.clone(),
            origin: key.origin,
            material: key.material.clone(),
            family,
        })
    }
}

#[cfg(test)]
mod tests;
