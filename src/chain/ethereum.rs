//! Ethereum and every chain that signs like it.
//!
//! | what | standard | method |
//! |---|---|---|
//! | address | EIP-55 | [`EthereumSigner::address`], [`address_of`] |
//! | message | EIP-191 version `0x45` | [`EthereumSigner::sign_message`] |
//! | transaction | legacy, EIP-155, 2930, 1559, 4844, 7702 | [`EthereumSigner::sign_typed_transaction`] |
//! | authorization | EIP-7702 | [`EthereumSigner::sign_authorization`] |
//! | typed data | EIP-712 | `EthereumSigner::sign_typed_data`, `sign_typed_data_json` (feature `alloy`) |
//!
//! Each method returns the [`Receipt`] of the call with what it signed.
//! [`EthereumSigner::labelled`] says what a signature is for, and [`EthereumSigner::on_receipt`] gets
//! the receipts of what is signed through alloy.
//!
//! The crates whose types appear here are re-exported: [`alloy_consensus`], [`alloy_eips`],
//! [`alloy_primitives`], and with feature `alloy` also `alloy_dyn_abi`, `alloy_network`,
//! `alloy_signer` and `alloy_sol_types`. `Signature` here is alloy's; a [`Signature`](crate::Signature)
//! of this crate's core converts into it with `try_from`.
//!
//! With feature `alloy`, an [`EthereumSigner`] also is an alloy `Signer` and `TxSigner`, so
//! `EthereumWallet::from(signer)` and `ProviderBuilder::new().wallet(signer)` work as they are.
//!
//! ```
//! # #[cfg(feature = "local")]
//! # async fn example() -> kms_signer::Result<()> {
//! use kms_signer::{
//!     KeyType,
//!     chain::ethereum::{EthereumSigner, alloy_consensus::TxEip1559, alloy_primitives::address},
//!     provider::local::LocalSigner,
//! };
//!
//! let wallet = EthereumSigner::new(LocalSigner::random(KeyType::Secp256k1)?)?.with_chain_id(1);
//! let tx = TxEip1559 {
//!     chain_id: 1,
//!     gas_limit: 21_000,
//!     max_fee_per_gas: 30_000_000_000,
//!     max_priority_fee_per_gas: 1_000_000_000,
//!     to: address!("d8dA6BF26964aF9D7eEd9e03E53415D37aA96045").into(),
//!     ..Default::default()
//! };
//! let signed = wallet.sign_eip1559(tx).await?;
//! println!("{} {}", signed.hash, signed.raw);
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "alloy")]
mod alloy;
mod authorization;
mod chain_ids;
mod label;
mod signature;
mod transaction;
#[cfg(feature = "alloy")]
mod typed_data;

pub use {alloy_consensus, alloy_eips, alloy_primitives};
#[cfg(feature = "alloy")]
pub use {alloy_dyn_abi, alloy_network, alloy_signer, alloy_sol_types};

use alloy_primitives::{Address, ChainId, Signature, keccak256};

#[cfg(feature = "alloy")]
pub use self::typed_data::{TypedDataOpening, parse_typed_data};
pub use self::{
    authorization::SignedAuthorization,
    signature::{V, to_rsv},
    transaction::SignedTransaction,
};
use self::{chain_ids::ChainIds, label::Notes};
use crate::{Error, KeyType, PublicKey, Receipt, Result, SignRequest, Signer};

/// An Ethereum account whose key is held by a [`Signer`].
///
/// Its methods return this crate's [`Error`]; alloy's traits box it (see `Error::from_alloy`). To the
/// errors of the signer every method adds [`Error::SignedByAnotherKey`], if a wrapper mixes up two
/// signers, and [`Error::UnencodableSignature`], for one signature in 2^127.
#[derive(Clone, Debug)]
pub struct EthereumSigner<S> {
    signer: S,
    address: Address,
    chain_ids: ChainIds,
    /// Whether a limited account signs bare hashes nevertheless.
    #[cfg(feature = "alloy")]
    bare_hashes: bool,
    #[cfg(feature = "alloy")]
    shapes: typed_data::Shapes,
    notes: Notes,
}

/// A signed message (EIP-191) or signed typed data (EIP-712).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedMessage {
    /// The signature; [`to_rsv`] writes its 65 bytes.
    pub signature: Signature,
    /// The call to the key store that made it.
    pub receipt: Receipt,
}

impl<S: Signer> EthereumSigner<S> {
    /// An account for the key of `signer`. It signs for every chain until it is limited.
    ///
    /// # Errors
    ///
    /// [`Error::KeyTypeMismatch`] unless the key is on secp256k1.
    pub fn new(signer: S) -> Result<Self> {
        Ok(Self {
            address: address_of(signer.public_key())?,
            chain_ids: ChainIds::Any,
            #[cfg(feature = "alloy")]
            bare_hashes: false,
            #[cfg(feature = "alloy")]
            shapes: typed_data::Shapes::default(),
            notes: Notes::default(),
            signer,
        })
    }

    /// Limits transactions and authorizations to one chain; `None` removes the limit.
    ///
    /// A legacy transaction without a chain id gets this one, and with it EIP-155 replay protection.
    /// The limit also applies to typed data whose domain names a chain (EIP-712 `chainId`). Messages
    /// and typed data without `chainId` name no chain, and are signed. A bare hash (alloy's
    /// `sign_hash`) may be that of a transaction or an authorization for any chain, and is rejected
    /// unless `allow_bare_hashes` is called. The limit belongs to this account and not to the
    /// [`signer`](Self::signer) inside. Replaces any earlier limit.
    #[must_use]
    pub fn with_chain_id(mut self, chain_id: impl Into<Option<ChainId>>) -> Self {
        self.chain_ids = chain_id.into().into();
        self
    }

    /// Limits transactions and authorizations to the listed chains.
    ///
    /// The limit also applies to typed data whose domain names a chain. What is valid on every chain
    /// (a legacy transaction without EIP-155, an authorization for chain 0) is rejected. With a list of
    /// one, unlike [`with_chain_id`](Self::with_chain_id), no chain id is filled in. An empty list
    /// rejects every transaction. Replaces any earlier limit.
    #[must_use]
    pub fn with_chain_ids(mut self, chain_ids: impl IntoIterator<Item = ChainId>) -> Self {
        self.chain_ids = ChainIds::AllowList(chain_ids.into_iter().collect());
        self
    }

    /// The account's address, 20 bytes; its `Display` has the checksum of EIP-55.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The signer that holds the key, for example to [`check`](Signer::check) it.
    pub fn signer(&self) -> &S {
        &self.signer
    }

    /// Returns the signer that holds the key.
    pub fn into_signer(self) -> S {
        self.signer
    }

    /// Signs `"\x19Ethereum Signed Message:\n" ‖ length ‖ message` (EIP-191 version `0x45`), as
    /// `personal_sign` does. The length is that of `message` in bytes, in decimal.
    ///
    /// # Errors
    ///
    /// Those of the [`Signer`].
    pub async fn sign_message(&self, message: &[u8]) -> Result<SignedMessage> {
        let preimage = alloy_primitives::utils::eip191_message(message);
        self.sign(Ok(()), SignRequest::keccak256(&preimage)).await
    }

    /// Signs what `limit` allows: every signature of this account is made here. The signer's layers
    /// take note of what the limit rejects.
    async fn sign(&self, limit: Result<()>, request: SignRequest<'_>) -> Result<SignedMessage> {
        let request = self.notes.label(request);
        if let Err(error) = limit {
            self.signer.note_refusal(&request, &error).await;
            return Err(error);
        }
        let signed = self.signer.sign(&request).await?;
        let signed = signed.require_key(self.signer.public_key())?;
        let signature = (&signed.signature).try_into()?;
        self.notes.hand_over(&signed.receipt);
        Ok(SignedMessage {
            signature,
            receipt: signed.receipt,
        })
    }
}

/// The address of a public key: the last 20 bytes of keccak256(X‖Y) (Yellow Paper, appendix F).
///
/// # Errors
///
/// [`Error::KeyTypeMismatch`] unless the key is on secp256k1.
pub fn address_of(public_key: &PublicKey) -> Result<Address> {
    match (public_key.key_type(), public_key.to_bytes().as_slice()) {
        (KeyType::Secp256k1, [_, x_and_y @ ..]) => Ok(Address::from_word(keccak256(x_and_y))),
        (actual, _) => Err(Error::key_type_mismatch(KeyType::Secp256k1, actual)),
    }
}

#[cfg(test)]
mod tests;
