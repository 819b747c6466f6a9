//! Which chains an account signs for.

use std::{collections::BTreeSet, fmt};

use alloy_primitives::ChainId;

use crate::{Error, Result};

/// What has these rules, in [`Error::Refused`].
const BY: &str = "chain limit";

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
            false => Err(Error::refused(
                BY,
                "chain_id",
                format!(
                    "it is for {} and the signer is limited to {}",
                    Chain(requested),
                    Chains(&self.listed())
                ),
                "correct the chain id, or allow it on the signer",
            )),
        }
    }

    /// A bare hash may be of anything, for any chain: only an unlimited account signs it.
    #[cfg(feature = "alloy")]
    pub(super) fn check_bare_hash(&self) -> Result<()> {
        match self {
            Self::Any => Ok(()),
            Self::One(_) | Self::AllowList(_) => Err(Error::refused(
                BY,
                "bare_hash",
                format!(
                    "a bare hash names no chain and the signer is limited to {}",
                    Chains(&self.listed())
                ),
                "sign the object itself with sign_authorization, sign_typed_transaction or \
                 sign_typed_data, or call allow_bare_hashes on the signer",
            )),
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

struct Chain(Option<ChainId>);

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, "chain {id}"),
            None => f.write_str("every chain at once (no chain id)"),
        }
    }
}

/// Names as many as a message has room for.
struct Chains<'a>(&'a [ChainId]);

impl fmt::Display for Chains<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 16;
        f.write_str(match self.0 {
            [] => "no chain at all",
            [_] => "chain ",
            _ => "chains ",
        })?;
        for (index, id) in self.0.iter().take(MOST).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{id}")?;
        }
        match self.0.len().checked_sub(MOST) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests;
