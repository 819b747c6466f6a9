//! Multi-Region keys: a primary and its replicas, each in an emulator of its own.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::identifier::Scope;

/// What a primary and its replicas know about each other.
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

    pub(super) fn is_primary(&self, arn: &str) -> bool {
        self.primary.arn == arn
    }

    pub(super) fn add_replica(&self, scope: &Scope, arn: &str) {
        self.replicas().push(RegionalKey::new(scope, arn));
    }

    pub(super) fn remove_replica(&self, arn: &str) {
        self.replicas().retain(|replica| replica.arn != arn);
    }

    pub(super) fn configuration(&self, arn: &str) -> MultiRegionConfiguration {
        MultiRegionConfiguration {
            multi_region_key_type: match self.is_primary(arn) {
                true => "PRIMARY",
                false => "REPLICA",
            },
            primary_key: self.primary.clone(),
            replica_keys: self.replicas().clone(),
        }
    }

    /// Taken last, after the lock of a key store, and never while waiting for another.
    fn replicas(&self) -> MutexGuard<'_, Vec<RegionalKey>> {
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
