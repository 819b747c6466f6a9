//! Transactions of every type: legacy, EIP-155, EIP-2930, EIP-1559, EIP-4844, EIP-7702.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, TypedTransaction};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, keccak256};

use super::{EthereumSigner, SignedMessage};
use crate::{Error, Receipt, Result, SignRequest, Signer};

/// A signed transaction, ready to be sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedTransaction {
    /// What `eth_sendRawTransaction` takes: the RLP of a legacy transaction, or the type byte and
    /// payload of EIP-2718. An EIP-4844 transaction that came with its sidecar has it here.
    pub raw: Bytes,
    /// Who sends it: the account that signed.
    pub from: Address,
    /// The transaction hash: Keccak-256 of the canonical encoding, which has no sidecar.
    pub hash: B256,
    /// The same as alloy's type.
    pub envelope: TxEnvelope,
    /// The call to the key store that made the signature.
    pub receipt: Receipt,
}

impl<S: Signer> EthereumSigner<S> {
    /// Signs an EIP-1559 transaction: keccak256(`02` ‖ rlp(\[chain id, nonce, …, access list\])).
    ///
    /// Fees are in wei for each unit of gas, the value is in wei.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] (`chain_id`) before any call to the key store, or those of the [`Signer`].
    pub async fn sign_eip1559(&self, tx: TxEip1559) -> Result<SignedTransaction> {
        self.sign_typed_transaction(tx).await
    }

    /// Signs a transaction of any type; `tx` is any of alloy's `Tx…` types.
    ///
    /// | type | standard | what is hashed with Keccak-256 |
    /// |---|---|---|
    /// | legacy | Yellow Paper, appendix F; with a chain id EIP-155 | rlp(\[six fields\]); with a chain id rlp(\[six fields, chain id, 0, 0\]) |
    /// | `01` | EIP-2930 | `01` ‖ rlp(\[fields\]) |
    /// | `02` | EIP-1559 | `02` ‖ rlp(\[fields\]) |
    /// | `03` | EIP-4844 | `03` ‖ rlp(\[fields\]), without the sidecar |
    /// | `04` | EIP-7702 | `04` ‖ rlp(\[fields\]) |
    ///
    /// A legacy transaction without a chain id gets the one of
    /// [`with_chain_id`](Self::with_chain_id), if there is one. Fees are in wei for each unit of gas,
    /// the value is in wei.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] (`chain_id`) before any call to the key store, or those of the [`Signer`].
    pub async fn sign_typed_transaction(
        &self,
        tx: impl Into<TypedTransaction>,
    ) -> Result<SignedTransaction> {
        let mut tx = tx.into();
        let signed = self.sign_signable(&mut tx).await?;
        let envelope: TxEnvelope = tx.into_envelope(signed.signature);
        Ok(SignedTransaction {
            raw: envelope.encoded_2718().into(),
            from: self.address(),
            hash: *envelope.tx_hash(),
            envelope,
            receipt: signed.receipt,
        })
    }

    /// Signs the preimage of any alloy transaction. An unset chain id is filled in first.
    pub(super) async fn sign_signable(
        &self,
        tx: &mut dyn SignableTransaction<Signature>,
    ) -> Result<SignedMessage> {
        if let (None, Some(chain_id)) = (tx.chain_id(), self.chain_ids.one()) {
            tx.set_chain_id(chain_id);
        }
        let preimage = tx.encoded_for_signing();
        // A foreign transaction type may define its hash in another way. Its preimage is then
        // unknown, and signing this one would give a signature that recovers to another account.
        let limit = match tx.signature_hash() == keccak256(&preimage) {
            // Asked again, since a foreign transaction type may have no place for a chain id.
            true => self.chain_ids.check(tx.chain_id()),
            false => Err(Error::invalid_payload(
                "the transaction",
                "its signing hash is not keccak256 of its signing encoding",
            )),
        };
        self.sign(limit, SignRequest::keccak256(&preimage)).await
    }
}

#[cfg(test)]
mod tests;
