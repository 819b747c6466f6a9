//! EIP-712 typed data.
//!
//! What is signed here must mean one thing only: alloy reads some values that ethers and MetaMask's
//! eth-sig-util reject or hash otherwise. So the types and values pass the checks below before alloy
//! reads them, which also bounds the work. The values that alloy read become the
//! [`TypedDataOpening`], and what is signed is the hash of these values.

mod bounds;
mod decode;
mod json;
mod opening;
mod shape;
mod types;
mod values;

use alloy_dyn_abi::{
    TypedData,
    eip712::{Eip712Types, TypeDef},
};
use alloy_sol_types::{Eip712Domain, SolStruct};

pub(super) use self::shape::Shapes;
pub use self::{json::parse_typed_data, opening::TypedDataOpening};
use self::{shape::Shape, types::Types};
use super::{EthereumSigner, SignedMessage, chain_ids::ChainIds};
use crate::{Error, Result, Signer, error::BoxError};

impl<S: Signer> EthereumSigner<S> {
    /// Signs a Solidity struct: `19 01 ‖ domainSeparator ‖ hashStruct(message)` (EIP-712).
    ///
    /// What is signed is the hash of the values that its ABI encoding has: see
    /// [`TypedDataOpening::from_struct`].
    ///
    /// # Errors
    ///
    /// - Those of [`TypedDataOpening::from_struct`].
    /// - [`Error::Refused`] (`chain_id`) when the domain names a chain this account does not sign for.
    /// - Those of the [`Signer`].
    pub async fn sign_typed_data<T: SolStruct + Send + Sync>(
        &self,
        payload: &T,
        domain: &Eip712Domain,
    ) -> Result<SignedMessage> {
        let shape = self.shapes.of(&T::eip712_encode_type())?;
        let opening = TypedDataOpening::of_values(payload, domain, &shape)?;
        let limit = opening.check_hash_of(payload);
        self.sign_opened(limit, opening).await
    }

    /// Signs typed data from JSON text, as wallets get it through `eth_signTypedData_v4`.
    ///
    /// The way to sign JSON: see [`parse_typed_data`] for what it rejects. Another parser loses some
    /// of the text before [`sign_dynamic_typed_data`](Self::sign_dynamic_typed_data) can check it.
    ///
    /// # Errors
    ///
    /// Those of [`parse_typed_data`] and
    /// [`sign_dynamic_typed_data`](Self::sign_dynamic_typed_data).
    pub async fn sign_typed_data_json(&self, json: &str) -> Result<SignedMessage> {
        self.sign_opening(TypedDataOpening::from_json(json)?).await
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
    /// is written out in place of its name, 4,096 values, and 128 KiB in all are accepted. At these
    /// bounds the check and the hash keep a thread busy, before the first await: for some 20 ms in an
    /// optimised build and up to a second in an unoptimised one, on a virtual machine of two cores.
    /// Typed data as wallets get it takes a small part of that.
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidPayload`] when a value is not written so or does not fit its type; when a
    ///   type contains itself, is missing, is not used, is one that libraries read differently (`uint`
    ///   and `int` without a width, `function`, tuples), or has two members of one name or one named
    ///   `__proto__`; when the declared type `EIP712Domain` is not that of the domain, or is used in
    ///   the message; and when a bound is exceeded.
    /// - [`Error::Refused`] (`chain_id`) when the domain names a chain this account does not sign for.
    /// - Those of the [`Signer`].
    pub async fn sign_dynamic_typed_data(&self, payload: &TypedData) -> Result<SignedMessage> {
        let opening = TypedDataOpening::from_typed_data(payload)?;
        self.sign_opening(opening).await
    }

    /// Signs typed data that was opened before, for example to look at its values.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] (`chain_id`) when the domain names a chain this account does not sign for, or
    /// those of the [`Signer`].
    pub async fn sign_opening(&self, opening: TypedDataOpening) -> Result<SignedMessage> {
        self.sign_opened(Ok(()), opening).await
    }

    async fn sign_opened(
        &self,
        limit: Result<()>,
        opening: TypedDataOpening,
    ) -> Result<SignedMessage> {
        let limit = limit.and_then(|()| self.check_domain(opening.domain()));
        self.sign(limit, opening.into_request()).await
    }

    /// A domain without `chainId` names no chain, as a message does not.
    fn check_domain(&self, domain: &Eip712Domain) -> Result<()> {
        match (domain.chain_id, &self.chain_ids) {
            (None, _) | (_, ChainIds::Any) => Ok(()),
            (Some(chain_id), limited) => match chain_id.try_into() {
                Ok(chain_id) => limited.check(Some(chain_id)),
                Err(_) => Err(invalid("the chainId of its domain exceeds 64 bits")),
            },
        }
    }
}

/// The shape of `payload`, by which alloy may read the values: what they mean is certain, and the
/// work is bounded.
fn check(payload: &TypedData) -> Result<Shape> {
    let declared = Eip712Types::from(&payload.resolver);
    bounds::check_size(payload, &declared)?;
    check_domain_type(&payload.domain, &declared)?;
    let types = Types::read(&declared, &payload.primary_type)?;
    bounds::check_types(&types, &payload.primary_type)?;
    values::check(&types, &payload.primary_type, &payload.message)?;
    Ok(Shape::new(&types, &payload.primary_type))
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

fn invalid(source: impl Into<BoxError>) -> Error {
    Error::invalid_payload("the typed data", source)
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
