//! The account as alloy sees it: `Signer`, `TxSigner`, and a wallet.

use std::{any::Any, error::Error as StdError, fmt};

use alloy_consensus::SignableTransaction;
use alloy_dyn_abi::TypedData;
use alloy_network::{AnyTypedTransaction, TxSigner, impl_into_wallet};
use alloy_primitives::{Address, B256, ChainId, Signature};
use alloy_sol_types::{Eip712Domain, SolStruct};
use async_trait::async_trait;

use super::{EthereumSigner, SignedMessage};
use crate::{Error, Result, Signer, hazmat};

impl<S: Signer> EthereumSigner<S> {
    /// Signs bare hashes (alloy's `sign_hash`) although the account is limited to chains.
    ///
    /// <div class="warning">
    ///
    /// Nothing shows what a hash stands for. A caller who may have one signed can have a transaction
    /// or an EIP-7702 authorization signed for any chain, despite the limit. For authorizations use
    /// [`sign_authorization`](Self::sign_authorization), which checks the chain.
    ///
    /// </div>
    ///
    /// It changes nothing for an account without a limit, which signs them anyway.
    #[must_use]
    pub fn allow_bare_hashes(mut self) -> Self {
        self.bare_hashes = true;
        self
    }
}

/// Every method keeps its preimage; only `sign_hash` has none and asks for a bare digest.
#[async_trait]
impl<S: Signer> alloy_signer::Signer for EthereumSigner<S> {
    async fn sign_hash(&self, hash: &B256) -> alloy_signer::Result<Signature> {
        let limit = match self.bare_hashes {
            true => Ok(()),
            false => self.chain_ids.check_bare_hash(),
        };
        bare(self.sign(limit, hazmat::prehashed(hash.0)).await)
    }

    async fn sign_message(&self, message: &[u8]) -> alloy_signer::Result<Signature> {
        bare(EthereumSigner::sign_message(self, message).await)
    }

    async fn sign_typed_data<T: SolStruct + Send + Sync>(
        &self,
        payload: &T,
        domain: &Eip712Domain,
    ) -> alloy_signer::Result<Signature> {
        bare(EthereumSigner::sign_typed_data(self, payload, domain).await)
    }

    async fn sign_dynamic_typed_data(
        &self,
        payload: &TypedData,
    ) -> alloy_signer::Result<Signature> {
        bare(EthereumSigner::sign_dynamic_typed_data(self, payload).await)
    }

    fn address(&self) -> Address {
        EthereumSigner::address(self)
    }

    /// `None` also when several chains are allowed, or none.
    fn chain_id(&self) -> Option<ChainId> {
        self.chain_ids.one()
    }

    /// Narrows the limit to this chain, and never widens it.
    ///
    /// `None` changes nothing. After a chain outside of the limit the account signs for no chain at
    /// all, so that a transaction for that chain is not signed for another one: each is an
    /// [`Error::Refused`]. To replace a limit, call
    /// [`EthereumSigner::with_chain_id`] or [`EthereumSigner::with_chain_ids`].
    fn set_chain_id(&mut self, chain_id: Option<ChainId>) {
        self.chain_ids.narrow(chain_id);
    }
}

#[async_trait]
impl<S: Signer> TxSigner<Signature> for EthereumSigner<S> {
    fn address(&self) -> Address {
        EthereumSigner::address(self)
    }

    async fn sign_transaction(
        &self,
        tx: &mut dyn SignableTransaction<Signature>,
    ) -> alloy_signer::Result<Signature> {
        check_known(tx).map_err(boxed)?;
        bare(self.sign_signable(tx).await)
    }
}

impl_into_wallet!(@[S: Signer + 'static] EthereumSigner<S>);

/// alloy panics when it encodes a transaction of `AnyNetwork` whose type it does not know.
fn check_known(tx: &dyn SignableTransaction<Signature>) -> Result<()> {
    let tx: &dyn Any = tx;
    match tx.downcast_ref() {
        Some(AnyTypedTransaction::Unknown(unknown)) => Err(Error::invalid_payload(
            "the transaction",
            format!(
                "its type {:#04x} is not known to alloy; use a network that has it",
                unknown.ty.0
            ),
        )),
        _ => Ok(()),
    }
}

/// This crate's error inside alloy's, such that it can be found again.
///
/// alloy's `Error::Other`, and what each network wraps around it, are transparent: their source is
/// that of the error they hold, which itself is skipped. So the error is the source of a shell.
#[derive(Debug)]
struct Shell(Error);

impl fmt::Display for Shell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Shell {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

/// What alloy's traits return: the signature alone.
fn bare(result: Result<SignedMessage>) -> alloy_signer::Result<Signature> {
    match result {
        Ok(signed) => Ok(signed.signature),
        Err(error) => Err(boxed(error)),
    }
}

fn boxed(error: Error) -> alloy_signer::Error {
    alloy_signer::Error::other(Shell(error))
}

impl Error {
    /// Finds this crate's error inside an error of alloy, which boxes it: the way to ask
    /// [`is_retryable`](Self::is_retryable) after a call through alloy.
    ///
    /// `error` may be what a `Signer`, a wallet or a `Provider` of any network returned. The chain of
    /// its sources has the same message twice: once for alloy, and once for this error.
    ///
    /// ```
    /// # use kms_signer::Error;
    /// # fn example(error: alloy_signer::Error) {
    /// match Error::from_alloy(&error) {
    ///     Some(error) if error.is_retryable() => println!("again, later"),
    ///     Some(error) => println!("KMS said {:?}", error.code()),
    ///     None => println!("not from the signer"),
    /// }
    /// # }
    /// ```
    pub fn from_alloy<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        // Bounded, since a chain of sources may in principle be circular.
        for _ in 0..16 {
            let error = next?;
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = match error.downcast_ref() {
                // Another signer may have boxed this crate's error without a shell.
                Some(alloy_signer::Error::Other(boxed)) => Some(&**boxed),
                _ => error.source(),
            };
        }
        None
    }
}

#[cfg(test)]
mod tests;
