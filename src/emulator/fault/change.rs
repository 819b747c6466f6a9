//! Changes between one request and the next.

use crate::emulator::{
    key_store::{DEFAULT_WINDOW_DAYS, KeyStore},
    operations,
    protocol::AliasRequest,
};

/// What happens to a key or an alias just before a request is handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::emulator) enum Change {
    MoveAlias { alias: String, key_id: String },
    DisableKey,
    ScheduleKeyDeletion,
    DeleteKey,
}

impl Change {
    /// What KMS would refuse does not take place, and nobody is there to be told.
    pub(super) fn make(&self, store: &mut KeyStore, key_arn: Option<&str>) {
        let key = key_arn.unwrap_or_default();
        let _refused = match self {
            Self::MoveAlias { alias, key_id } => {
                operations::update_alias(store, AliasRequest::new(alias, Some(key_id))).map(drop)
            }
            Self::DisableKey => store.set_enabled(key, false),
            Self::ScheduleKeyDeletion => (store)
                .schedule_deletion(key, DEFAULT_WINDOW_DAYS.into())
                .map(drop),
            Self::DeleteKey => store.delete(key),
        };
    }
}
