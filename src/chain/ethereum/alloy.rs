//! The account as alloy sees it: `Signer`, `TxSigner`, and a wallet.

use alloy_consensus::SignableTransaction;
use alloy_dyn_abi::TypedData;
use alloy_network::{TxSigner, impl_into_wallet};
use alloy_primitives::{Address, B256, ChainId, Signature};
use alloy_sol_types::{Eip712Domain, SolStruct};
use async_trait::async_trait;

use super::EthereumSigner;
use crate::{Error, Signer, hazmat};

/// Every method keeps its preimage; only `sign_hash` has none and asks for a bare digest.
#[async_trait]
impl<S: Signer> alloy_signer::Signer for EthereumSigner<S> {
    async fn sign_hash(&self, hash: &B256) -> alloy_signer::Result<Signature> {
        let request = hazmat::prehashed(hash.0);
        self.sign(&request)
            .await
            .map_err(alloy_signer::Error::other)
    }

    async fn sign_message(&self, message: &[u8]) -> alloy_signer::Result<Signature> {
        let result = EthereumSigner::sign_message(self, message).await;
        result.map_err(alloy_signer::Error::other)
    }

    async fn sign_typed_data<T: SolStruct + Send + Sync>(
        &self,
        payload: &T,
        domain: &Eip712Domain,
    ) -> alloy_signer::Result<Signature> {
        let result = EthereumSigner::sign_typed_data(self, payload, domain).await;
        result.map_err(alloy_signer::Error::other)
    }

    async fn sign_dynamic_typed_data(
        &self,
        payload: &TypedData,
    ) -> alloy_signer::Result<Signature> {
        let result = EthereumSigner::sign_dynamic_typed_data(self, payload).await;
        result.map_err(alloy_signer::Error::other)
    }

    fn address(&self) -> Address {
        EthereumSigner::address(self)
    }

    /// `None` also when several chains are allowed.
    fn chain_id(&self) -> Option<ChainId> {
        self.chain_ids.one()
    }

    fn set_chain_id(&mut self, chain_id: Option<ChainId>) {
        self.chain_ids = chain_id.into();
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
        match self.sign_signable(tx).await {
            Ok((signature, _)) => Ok(signature),
            Err(error) => Err(alloy_signer::Error::other(error)),
        }
    }
}

impl_into_wallet!(@[S: Signer + 'static] EthereumSigner<S>);

impl Error {
    /// Gets this crate's error back out of alloy's, which boxes it: the way to ask
    /// [`is_retryable`](Self::is_retryable) after a call through alloy.
    pub fn from_alloy(error: &alloy_signer::Error) -> Option<&Self> {
        match error {
            alloy_signer::Error::Other(source) => source.downcast_ref(),
            _ => None,
        }
    }
}
