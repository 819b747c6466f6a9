//! EIP-7702 authorizations: an account lets a contract's code run in its name.

use alloy_eips::eip7702::{Authorization, SignedAuthorization, constants::MAGIC};
use alloy_rlp::Encodable as _;

use super::EthereumSigner;
use crate::{Error, Result, SignRequest, Signer};

impl<S: Signer> EthereumSigner<S> {
    /// Signs an authorization tuple: keccak256(`05` ‖ rlp(\[chain id, address, nonce\])).
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
    /// Before any call to the key store: [`Error::ChainIdRefused`], also for chain 0 if the signer
    /// is limited to chains, and [`Error::InvalidPayload`] for a chain id of more than 64 bits.
    /// Otherwise those of the [`Signer`].
    pub async fn sign_authorization(
        &self,
        authorization: Authorization,
    ) -> Result<SignedAuthorization> {
        let limit = match u64::try_from(authorization.chain_id) {
            // EIP-7702: chain id 0 stands for every chain.
            Ok(chain_id) => self.chain_ids.check((chain_id != 0).then_some(chain_id)),
            Err(_) => Err(Error::InvalidPayload {
                what: "the authorization",
                source: "its chain id is not below 2^64, and no such chain exists".into(),
            }),
        };
        let mut preimage = vec![MAGIC];
        authorization.encode(&mut preimage);
        let request = SignRequest::keccak256(&preimage);
        let (signature, _) = self.sign_allowed(limit, &request).await?;
        Ok(authorization.into_signed(signature))
    }
}
