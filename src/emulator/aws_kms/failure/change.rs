//! Changes between one request and the next.

use crate::emulator::aws_kms::{
    key_store::{DEFAULT_WINDOW_DAYS, KeyStore},
    operations,
    protocol::AliasRequest,
};

/// What happens to a key or an alias just before a request is handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    MoveAlias { alias: String, key_id: String },
    DisableKey,
    ScheduleKeyDeletion,
    DeleteKey,
}

impl Change {
    /// Skips, without an error, what KMS would reject.
    pub(in crate::emulator::aws_kms) fn make(&self, store: &mut KeyStore, key_arn: Option<&str>) {
        let key = key_arn.unwrap_or_default();
        let _rejected = match self {
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
