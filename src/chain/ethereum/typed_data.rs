//! EIP-712 typed data.
//!
//! What is signed here must mean one thing only: alloy reads some values that ethers and MetaMask's
//! eth-sig-util refuse or hash otherwise. So before alloy hashes anything, the types and values pass
//! the checks below, which also bound the work.

mod bounds;
mod json;
mod types;
mod values;

use alloy_dyn_abi::{
    TypedData,
    eip712::{Eip712Types, TypeDef},
};
use alloy_primitives::{B256, Signature};
use alloy_sol_types::{Eip712Domain, SolStruct};

pub use self::json::parse_typed_data;
use self::types::Types;
use super::{EthereumSigner, chain_ids::ChainIds};
use crate::{Error, Result, SignRequest, Signer, error::BoxError};

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
        let preimage = preimage(domain.separator(), payload.eip712_hash_struct());
        self.sign_in_domain(domain, &preimage).await
    }

    /// Signs typed data from JSON text, as wallets get it through `eth_signTypedData_v4`.
    ///
    /// The way to sign JSON: see [`parse_typed_data`] for what it refuses. Whoever parses the text
    /// otherwise has lost some of it before [`sign_dynamic_typed_data`](Self::sign_dynamic_typed_data)
    /// can check.
    ///
    /// # Errors
    ///
    /// Those of [`parse_typed_data`] and
    /// [`sign_dynamic_typed_data`](Self::sign_dynamic_typed_data).
    pub async fn sign_typed_data_json(&self, json: &str) -> Result<Signature> {
        self.sign_dynamic_typed_data(&parse_typed_data(json)?).await
    }

    /// Signs typed data whose types are known only at run time.
    ///
    /// Of JSON text prefer [`sign_typed_data_json`](Self::sign_typed_data_json): a [`TypedData`] no
    /// longer shows duplicate keys, unknown members of the domain, or how the domain's values were
    /// written. It also gets the type `EIP712Domain` from its domain if that is not declared, as
    /// ethers and viem do, while eth-sig-util then hashes an empty domain.
    ///
    /// Every value must be written as ethers v6 and `@metamask/eth-sig-util` read it alike:
    ///
    /// | type | value |
    /// |---|---|
    /// | `bool` | `true` or `false` |
    /// | `uintN`, `intN` | an integer, or a string: decimal (`-` for `intN`), or `0x` and hexadecimal |
    /// | `bytes`, `bytesN` | a string: `0x` and two hexadecimal digits for each byte |
    /// | `address` | a string: `0x` and 40 hexadecimal digits, with the checksum of EIP-55 if their case is mixed |
    /// | `string` | a string |
    /// | arrays, structs | an array, of the length that the type gives; an object that has every member |
    ///
    /// Members of an object that its type does not have are not signed, as in all libraries. A
    /// declared type must be used, since ethers looks for the primary type among them: that none is
    /// left over makes it the one that `payload` names. Only `EIP712Domain` stands apart.
    ///
    /// At most 256 types, 16 levels of structs, 32 levels of arrays, 4,096 fields when every struct
    /// is written out in place of its name, 4,096 values, and 128 KiB in all are accepted; and fewer
    /// structs where the types are so large that alloy would take long to describe them. At these
    /// bounds the check and the hash keep a thread busy, before the first await: for some 20 ms in an
    /// optimised build and 0.2 s in an unoptimised one, on a virtual machine of two cores. Typed data
    /// as wallets get it takes a small part of that.
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidPayload`] when a value is not written so or does not fit its type; when a
    ///   type contains itself, is missing, is not used, is one that libraries read differently (`uint`
    ///   and `int` without a width, `function`, tuples), or has two members of one name or one named
    ///   `__proto__`; when the declared type `EIP712Domain` is not that of the domain, or is used in
    ///   the message; and when a bound is exceeded.
    /// - [`Error::ChainIdRefused`] when the domain names a chain this account does not sign for.
    /// - Those of the [`Signer`].
    pub async fn sign_dynamic_typed_data(&self, payload: &TypedData) -> Result<Signature> {
        check(payload)?;
        let message = payload.hash_struct().map_err(invalid)?;
        let preimage = preimage(payload.domain.separator(), message);
        self.sign_in_domain(&payload.domain, &preimage).await
    }

    /// A domain without `chainId` names no chain, as a message does not.
    async fn sign_in_domain(&self, domain: &Eip712Domain, preimage: &[u8]) -> Result<Signature> {
        let limit = match (domain.chain_id, &self.chain_ids) {
            (None, _) | (_, ChainIds::Any) => Ok(()),
            (Some(chain_id), limited) => match chain_id.try_into() {
                Ok(chain_id) => limited.check(Some(chain_id)),
                Err(_) => Err(invalid("the chainId of its domain exceeds 64 bits")),
            },
        };
        let request = SignRequest::keccak256(preimage);
        let (signature, _) = self.sign_allowed(limit, &request).await?;
        Ok(signature)
    }
}

/// Whether alloy may hash `payload`: what it means is certain, and the work is bounded.
fn check(payload: &TypedData) -> Result<()> {
    let declared = Eip712Types::from(&payload.resolver);
    bounds::check_size(payload, &declared)?;
    check_domain_type(&payload.domain, &declared)?;
    let types = Types::read(&declared, &payload.primary_type)?;
    let extent = bounds::check_types(&types, &payload.primary_type)?;
    values::check(&types, &extent, &payload.primary_type, &payload.message)
}

/// alloy hashes the domain by the fields it has, in the standard order, whatever type is declared.
fn check_domain_type(domain: &Eip712Domain, declared: &Eip712Types) -> Result<()> {
    let Some(members) = declared.get(Eip712Domain::NAME) else {
        return Ok(());
    };
    let declared = TypeDef::new_unchecked(Eip712Domain::NAME.into(), members.clone());
    let (declared, actual) = (declared.eip712_encode_type(), domain.encode_type());
    match declared == actual {
        true => Ok(()),
        false => Err(invalid(format!(
            "its type EIP712Domain is declared as {} and its domain has {actual}",
            shown(&declared)
        ))),
    }
}

fn preimage(domain_separator: B256, message: B256) -> Vec<u8> {
    let mut preimage = vec![0x19, 0x01];
    preimage.extend_from_slice(domain_separator.as_slice());
    preimage.extend_from_slice(message.as_slice());
    preimage
}

fn invalid(source: impl Into<BoxError>) -> Error {
    Error::InvalidPayload {
        what: "the typed data",
        source: source.into(),
    }
}

/// A foreign text for an error message: its beginning, without control characters.
fn shown(text: &str) -> String {
    const MOST: usize = 200;
    let mut shown: String = text
        .chars()
        .take(MOST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
