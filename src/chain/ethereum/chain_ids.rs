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

/// An object that is valid on every chain asks for this one.
pub(super) const EVERY_CHAIN: ChainId = 0;

impl ChainIds {
    /// The one chain, when there is just one.
    pub(super) fn one(&self) -> Option<ChainId> {
        match self {
            Self::One(chain_id) => Some(*chain_id),
            Self::Any | Self::AllowList(_) => None,
        }
    }

    pub(super) fn check(&self, requested: ChainId) -> Result<()> {
        let allowed = match self {
            Self::Any => true,
            Self::One(chain_id) => *chain_id == requested,
            Self::AllowList(chain_ids) => chain_ids.contains(&requested),
        };
        match allowed {
            true => Ok(()),
            false => Err(Error::ChainIdRefused {
                requested: (requested != EVERY_CHAIN).then_some(requested),
                allowed: match self {
                    Self::Any => Vec::new(),
                    Self::One(chain_id) => vec![*chain_id],
                    Self::AllowList(chain_ids) => chain_ids.iter().copied().collect(),
                },
            }),
        }
    }
}

impl From<Option<ChainId>> for ChainIds {
    fn from(chain_id: Option<ChainId>) -> Self {
        chain_id.map_or(Self::Any, Self::One)
    }
}
