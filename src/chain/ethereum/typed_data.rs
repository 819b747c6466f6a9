//! EIP-712 typed data.

use alloy_dyn_abi::TypedData;
use alloy_primitives::{B256, Signature};
use alloy_sol_types::{Eip712Domain, SolStruct};

use super::{EthereumSigner, chain_ids::ChainIds};
use crate::{Error, Result, SignRequest, Signer};

impl<S: Signer> EthereumSigner<S> {
    /// Signs a Solidity struct: `19 01 ‖ domainSeparator ‖ hashStruct(message)` (EIP-712).
    ///
    /// # Errors
    ///
    /// [`Error::ChainIdRefused`] when the domain names a chain this account does not sign for, or
    /// those of the [`Signer`].
    pub async fn sign_typed_data<T: SolStruct + Send + Sync>(
        &self,
        payload: &T,
        domain: &Eip712Domain,
    ) -> Result<Signature> {
        let preimage = preimage(domain.separator(), Some(payload.eip712_hash_struct()));
        self.sign_in_domain(domain, &preimage).await
    }

    /// Signs typed data given as JSON, as wallets get it through `eth_signTypedData_v4`.
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidPayload`] when the message does not fit its types, or when the declared
    ///   type `EIP712Domain` is not that of the domain, since wallets and contracts would then hash
    ///   the domain in another way.
    /// - [`Error::ChainIdRefused`] when the domain names a chain this account does not sign for.
    /// - Those of the [`Signer`].
    pub async fn sign_dynamic_typed_data(&self, payload: &TypedData) -> Result<Signature> {
        check_domain_type(payload)?;
        // With the domain itself as the message there is no second hash, as in eth-sig-util.
        let message = match payload.primary_type.as_str() {
            "EIP712Domain" => None,
            _ => Some(
                payload
                    .hash_struct()
                    .map_err(|error| Error::InvalidPayload {
                        what: "the typed data",
                        source: error.into(),
                    })?,
            ),
        };
        let preimage = preimage(payload.domain.separator(), message);
        self.sign_in_domain(&payload.domain, &preimage).await
    }

    /// A domain without `chainId` names no chain, as a message does not.
    async fn sign_in_domain(&self, domain: &Eip712Domain, preimage: &[u8]) -> Result<Signature> {
        let limit = match (domain.chain_id, &self.chain_ids) {
            (None, _) | (_, ChainIds::Any) => Ok(()),
            (Some(chain_id), limited) => match chain_id.try_into() {
                Ok(chain_id) => limited.check(Some(chain_id)),
                Err(_) => Err(Error::InvalidPayload {
                    what: "the typed data",
                    source: "the chainId of its domain exceeds 64 bits".into(),
                }),
            },
        };
        let request = SignRequest::keccak256(preimage);
        let (signature, _) = self.sign_allowed(limit, &request).await?;
        Ok(signature)
    }
}

/// alloy hashes the domain by the fields it has, in the standard order, whatever type is declared.
fn check_domain_type(payload: &TypedData) -> Result<()> {
    match payload.resolver.encode_type("EIP712Domain") {
        Ok(declared) if declared != payload.domain.encode_type() => Err(Error::InvalidPayload {
            what: "the typed data",
            source: format!(
                "its type EIP712Domain is declared as {declared} and its domain has {}",
                payload.domain.encode_type()
            )
            .into(),
        }),
        _ => Ok(()),
    }
}

fn preimage(domain_separator: B256, message: Option<B256>) -> Vec<u8> {
    let mut preimage = vec![0x19, 0x01];
    preimage.extend_from_slice(domain_separator.as_slice());
    if let Some(hash) = message {
        preimage.extend_from_slice(hash.as_slice());
    }
    preimage
}

#[cfg(test)]
mod tests;
