//! What a policy reads of typed data: the values themselves, of which the hash is computed here.

use std::{fmt, sync::Arc};

use alloy_dyn_abi::{DynSolValue, TypedData};
use alloy_primitives::{B256, keccak256};
use alloy_sol_types::{Eip712Domain, SolStruct, SolType};

use super::{check, decode::decode, invalid, parse_typed_data, shape::Shape};
use crate::{Result, SignRequest, request::opening::Opening};

/// The [opening](SignRequest::opening) of EIP-712 typed data: the domain, the types and the values
/// behind the two hashes that are signed.
///
/// The hashes are computed from the very values that it shows, and nothing can change it. It shows
/// the text of the domain, types and values as the caller gave it: shorten and escape it before you
/// log it.
///
/// [`EthereumSigner`](crate::chain::ethereum::EthereumSigner) makes one of all typed data that it
/// signs, so that layers can read it. To look before you sign, make it yourself:
///
/// ```
/// # #[cfg(feature = "local")]
/// # async fn example(json: &str) -> Result<(), Box<dyn std::error::Error>> {
/// # use kms_signer::{KeyType, chain::ethereum::EthereumSigner, provider::local::LocalSigner};
/// use kms_signer::chain::ethereum::{
///     TypedDataOpening, alloy_dyn_abi::DynSolValue, alloy_primitives::U256,
/// };
///
/// # let wallet = EthereumSigner::new(LocalSigner::random(KeyType::Secp256k1)?)?;
/// let permit = TypedDataOpening::from_json(json)?;
/// match permit.member("value") {
///     Some(DynSolValue::Uint(value, _)) if *value <= U256::from(1_000_000) => {}
///     _ => return Err("not a small permit".into()),
/// }
/// let signed = wallet.sign_opening(permit).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq)]
pub struct TypedDataOpening {
    domain: Eip712Domain,
    domain_separator: B256,
    encode_type: Arc<str>,
    message: DynSolValue,
    struct_hash: B256,
}

impl TypedDataOpening {
    /// Opens a Solidity struct.
    ///
    /// The values are those that its ABI encoding has, and the hash is computed from them by its
    /// `encodeType`. The struct's own hash is only compared with it. Time and memory grow with the
    /// length of the encoding, which has no limit here.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPayload`](crate::Error::InvalidPayload) when the signing hash of the struct is
    /// not that of its values; when its ABI encoding is not one of its types; and when its types
    /// are not ones that
    /// [`sign_dynamic_typed_data`](super::EthereumSigner::sign_dynamic_typed_data) accepts.
    pub fn from_struct<T: SolStruct>(payload: &T, domain: &Eip712Domain) -> Result<Self> {
        let shape = Shape::read(&T::eip712_encode_type())?;
        let opening = Self::of_values(payload, domain, &shape)?;
        opening.check_hash_of(payload)?;
        Ok(opening)
    }

    /// Opens typed data whose types are known only at run time.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPayload`](crate::Error::InvalidPayload): see
    /// [`sign_dynamic_typed_data`](super::EthereumSigner::sign_dynamic_typed_data).
    pub fn from_typed_data(payload: &TypedData) -> Result<Self> {
        let shape = check(payload)?;
        let message = shape.layout.coerce_json(&payload.message);
        Self::new(&shape, payload.domain.clone(), message.map_err(invalid)?)
    }

    /// Opens typed data from JSON text, as wallets get it through `eth_signTypedData_v4`.
    ///
    /// # Errors
    ///
    /// Those of [`parse_typed_data`] and [`from_typed_data`](Self::from_typed_data).
    pub fn from_json(json: &str) -> Result<Self> {
        Self::from_typed_data(&parse_typed_data(json)?)
    }

    /// Opens the values of a struct, whatever hash it states for them.
    pub(super) fn of_values<T: SolStruct>(
        payload: &T,
        domain: &Eip712Domain,
        shape: &Shape,
    ) -> Result<Self> {
        let message = decode(&shape.layout, &abi_encoded::<T>(payload))?;
        Self::new(shape, domain.clone(), message)
    }

    /// Whether the struct has the hash of its values: its methods may have been written by hand.
    pub(super) fn check_hash_of<T: SolStruct>(&self, payload: &T) -> Result<()> {
        match payload.eip712_signing_hash(&self.domain) == self.signing_hash() {
            true => Ok(()),
            false => Err(invalid(
                "the signing hash of this SolStruct is not that of its values; derive the trait \
                 with the macro sol! and override no method of it",
            )),
        }
    }

    fn new(shape: &Shape, domain: Eip712Domain, message: DynSolValue) -> Result<Self> {
        Ok(Self {
            domain_separator: domain.separator(),
            domain,
            struct_hash: shape.word(&message)?,
            encode_type: Arc::clone(&shape.encode_type),
            message,
        })
    }

    /// The domain: name, version, chain id, verifying contract and salt, as far as it has them.
    pub fn domain(&self) -> &Eip712Domain {
        &self.domain
    }

    /// `hashStruct` of the domain, 32 bytes (EIP-712, definition of domainSeparator).
    pub fn domain_separator(&self) -> B256 {
        self.domain_separator
    }

    /// The name of the message's type, for example `Permit`. It alone says nothing about the members:
    /// compare [`encode_type`](Self::encode_type) with that of the contract you know.
    pub fn primary_type(&self) -> &str {
        match &self.message {
            DynSolValue::CustomStruct { name, .. } => name,
            _ => "",
        }
    }

    /// The types of the message in full (EIP-712, definition of encodeType), for example
    /// `Mail(Person from,Person to,string contents)Person(string name,address wallet)`.
    pub fn encode_type(&self) -> &str {
        &self.encode_type
    }

    /// The values of the message: a `CustomStruct` of alloy.
    pub fn message(&self) -> &DynSolValue {
        &self.message
    }

    /// The value of one member of the message, by its name.
    pub fn member(&self, name: &str) -> Option<&DynSolValue> {
        match &self.message {
            DynSolValue::CustomStruct {
                prop_names, tuple, ..
            } => {
                let mut members = prop_names.iter().zip(tuple);
                members.find_map(|(known, value)| (known == name).then_some(value))
            }
            _ => None,
        }
    }

    /// `hashStruct` of the message, 32 bytes (EIP-712, definition of hashStruct).
    pub fn struct_hash(&self) -> B256 {
        self.struct_hash
    }

    /// What is signed, 32 bytes: `keccak256(19 01 ‖ domainSeparator ‖ hashStruct(message))`.
    pub fn signing_hash(&self) -> B256 {
        keccak256(self.preimage())
    }

    /// A request to sign the typed data, for any [`Signer`](crate::Signer). It has this opening.
    pub fn into_request(self) -> SignRequest<'static> {
        SignRequest::keccak256_of(self)
    }
}

impl Opening for TypedDataOpening {
    fn preimage(&self) -> Vec<u8> {
        let (domain, message) = (self.domain_separator, self.struct_hash);
        [&[0x19, 0x01], domain.as_slice(), message.as_slice()].concat()
    }
}

/// Shows the type and the hash, never the values.
impl fmt::Debug for TypedDataOpening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedDataOpening")
            .field("primary_type", &super::shown(self.primary_type()))
            .field("signing_hash", &self.signing_hash())
            .finish_non_exhaustive()
    }
}

/// `T: SolStruct` alone does not let the compiler find `T::abi_encode`.
fn abi_encoded<S: SolType>(value: &S::RustType) -> Vec<u8> {
    S::abi_encode(value)
}

#[cfg(test)]
mod tests;
