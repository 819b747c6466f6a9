//! EIP-7702 authorizations: an account lets a contract's code run in its name.

use alloy_eips::eip7702::{Authorization, SignedAuthorization, constants::MAGIC};
use alloy_rlp::Encodable as _;

use super::EthereumSigner;
use crate::{Result, SignRequest, Signer};

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
    /// [`Error::ChainIdRefused`](crate::Error::ChainIdRefused) before any call to the key store; a
    /// signer that is limited to chains refuses chain 0 unless it is on its list. Otherwise those
    /// of the [`Signer`].
    pub async fn sign_authorization(
        &self,
        authorization: Authorization,
    ) -> Result<SignedAuthorization> {
        self.chain_ids
            .check(authorization.chain_id.saturating_to())?;
        let mut preimage = vec![MAGIC];
        authorization.encode(&mut preimage);
        let signature = self.sign(&SignRequest::keccak256(&preimage)).await?;
        Ok(authorization.into_signed(signature))
    }
}
