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

    /// `None` asks for every chain, which only an unlimited account signs for.
    pub(super) fn check(&self, requested: Option<ChainId>) -> Result<()> {
        let allowed = match (self, requested) {
            (Self::Any, _) => true,
            (Self::One(_) | Self::AllowList(_), None) => false,
            (Self::One(chain_id), Some(requested)) => *chain_id == requested,
            (Self::AllowList(chain_ids), Some(requested)) => chain_ids.contains(&requested),
        };
        match allowed {
            true => Ok(()),
            false => Err(Error::ChainIdRefused {
                requested,
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
