//! EIP-7702 authorizations: an account runs a contract's code as its own.

use alloy_eips::eip7702::{self, Authorization, constants::MAGIC};
use alloy_rlp::Encodable as _;

use super::EthereumSigner;
use crate::{Error, Receipt, Result, SignRequest, Signer};

/// A signed EIP-7702 authorization.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedAuthorization {
    /// What the `authorization_list` of a transaction takes.
    pub authorization: eip7702::SignedAuthorization,
    /// The call to the key store that made the signature.
    pub receipt: Receipt,
}

impl<S: Signer> EthereumSigner<S> {
    /// Signs an authorization tuple: keccak256(`05` ‖ rlp(\[chain id, address, nonce\])), where `05`
    /// is the `MAGIC` of EIP-7702, section Parameters.
    ///
    /// <div class="warning">
    ///
    /// The code at `authorization.address` gets full control of this account. With chain id 0 it
    /// does so on every chain.
    ///
    /// </div>
    ///
    /// The nonce is the account's nonce when the authorization is applied: one more than that of
    /// the transaction, if the account sends its own authorization.
    ///
    /// # Errors
    ///
    /// Before any call to the key store: [`Error::Refused`] (`chain_id`), also for chain 0 if the signer
    /// is limited to chains, and [`Error::InvalidPayload`] for a chain id of more than 64 bits.
    /// Otherwise those of the [`Signer`].
    pub async fn sign_authorization(
        &self,
        authorization: Authorization,
    ) -> Result<SignedAuthorization> {
        let limit = match u64::try_from(authorization.chain_id) {
            // EIP-7702: chain id 0 stands for every chain.
            Ok(chain_id) => self.chain_ids.check((chain_id != 0).then_some(chain_id)),
            Err(_) => Err(Error::invalid_payload(
                "the authorization",
                "its chain id is not below 2^64, and no such chain exists",
            )),
        };
        let mut preimage = vec![MAGIC];
        authorization.encode(&mut preimage);
        let request = SignRequest::keccak256(&preimage);
        let signed = self.sign(limit, request).await?;
        Ok(SignedAuthorization {
            authorization: authorization.into_signed(signed.signature),
            receipt: signed.receipt,
        })
    }
}
