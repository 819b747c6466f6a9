//! Which chains an account signs for.

use std::collections::BTreeSet;

use alloy_primitives::ChainId;

use crate::{Error, Result};

#[derive(Clone, Debug)]
pub(super) enum ChainIds {
    Any,
    One(ChainId),
    AllowList(BTreeSet<ChainId>),
}

impl ChainIds {
    /// The one chain, when there is just one.
    pub(super) fn one(&self) -> Option<ChainId> {
        match self {
            Self::One(chain_id) => Some(*chain_id),
            Self::Any | Self::AllowList(_) => None,
        }
    }

    /// Keeps what both this limit and `chain_id` allow: just that chain, or none at all. `None` says
    /// nothing, so that nothing changes.
    #[cfg(feature = "alloy")]
    pub(super) fn narrow(&mut self, chain_id: Option<ChainId>) {
        if let Some(chain_id) = chain_id {
            *self = match self.allow(Some(chain_id)) {
                true => Self::One(chain_id),
                false => Self::AllowList(BTreeSet::new()),
            };
        }
    }

    /// `None` asks for every chain, which only an unlimited account signs for.
    pub(super) fn check(&self, requested: Option<ChainId>) -> Result<()> {
        match self.allow(requested) {
            true => Ok(()),
            false => Err(Error::ChainIdRefused {
                requested,
                allowed: self.listed(),
            }),
        }
    }

    /// A bare hash may be of anything, for any chain: only an unlimited account signs it.
    #[cfg(feature = "alloy")]
    pub(super) fn check_bare_hash(&self) -> Result<()> {
        match self {
            Self::Any => Ok(()),
            Self::One(_) | Self::AllowList(_) => Err(Error::BareHashRefused {
                allowed: self.listed(),
                remedy: "sign the object itself with sign_authorization, sign_typed_transaction or \
                         sign_typed_data, or call allow_bare_hashes on the signer",
            }),
        }
    }

    fn allow(&self, requested: Option<ChainId>) -> bool {
        match (self, requested) {
            (Self::Any, _) => true,
            (Self::One(_) | Self::AllowList(_), None) => false,
            (Self::One(chain_id), Some(requested)) => *chain_id == requested,
            (Self::AllowList(chain_ids), Some(requested)) => chain_ids.contains(&requested),
        }
    }

    fn listed(&self) -> Vec<ChainId> {
        match self {
            Self::Any => Vec::new(),
            Self::One(chain_id) => vec![*chain_id],
            Self::AllowList(chain_ids) => chain_ids.iter().copied().collect(),
        }
    }
}

impl From<Option<ChainId>> for ChainIds {
    fn from(chain_id: Option<ChainId>) -> Self {
        chain_id.map_or(Self::Any, Self::One)
    }
}

#[cfg(test)]
mod tests;
