//! Typed data from JSON text, of which nothing is lost unseen.

use std::{collections::BTreeSet, fmt};

use alloy_dyn_abi::{TypedData, eip712::Resolver};
use alloy_sol_types::Eip712Domain;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{
    bounds::{MAX_BYTES, exceeds},
    invalid, shown,
    types::{Base, check_type_name},
    values::{Place, check_leaf},
};
use crate::Result;

/// Reads typed data from JSON, as wallets get it through `eth_signTypedData_v4`.
///
/// serde, and so alloy, keep the last of two members with the same key, and ignore what they do not
/// know. This function reads the text itself and rejects
///
/// - a key that an object has twice;
/// - a key `$serde_json::private::RawValue`, below which serde_json reads JSON text out of a string;
/// - a number beyond ±(2^53 − 1), which JavaScript rounds as it reads it: write it as a string;
/// - an object without `types`, `primaryType`, `domain` or `message`, or whose `types` have no
///   `EIP712Domain`, which EIP-712 requires: eth-sig-util would hash an empty domain;
/// - a member of the domain that EIP-712 does not have, or that is not written as
///   [`EthereumSigner::sign_dynamic_typed_data`](super::EthereumSigner::sign_dynamic_typed_data) asks
///   for;
/// - more than 128 KiB.
///
/// The rest is checked when it is signed.
///
/// # Errors
///
/// [`Error::InvalidPayload`](crate::Error::InvalidPayload).
pub fn parse_typed_data(json: &str) -> Result<TypedData> {
    if json.len() > MAX_BYTES {
        return Err(exceeds("bytes", MAX_BYTES));
    }
    let Unambiguous = serde_json::from_str(json).map_err(unreadable)?;
    let mut object: Map<String, Value> = serde_json::from_str(json).map_err(unreadable)?;
    let mut take = |name: &str| {
        let value = object.remove(name);
        value.ok_or_else(|| invalid(format!("it has no {name}")))
    };
    let (types, domain, message) = (take("types")?, take("domain")?, take("message")?);
    check_types(&types)?;
    check_domain(&domain)?;
    Ok(TypedData {
        domain: read(domain)?,
        resolver: read::<Resolver>(types)?,
        primary_type: read(take("primaryType")?)?,
        message,
    })
}

fn check_types(types: &Value) -> Result<()> {
    let names = types.as_object().into_iter().flat_map(Map::keys);
    // alloy leaves out what cannot be a name.
    for name in names {
        check_type_name(name)?;
    }
    match types.get(Eip712Domain::NAME) {
        Some(_) => Ok(()),
        None => Err(invalid(
            "its types have no EIP712Domain; declare it with the fields of the domain",
        )),
    }
}

fn check_domain(domain: &Value) -> Result<()> {
    let place = Place::Root("domain");
    let members = domain
        .as_object()
        .ok_or_else(|| invalid("its domain must be an object"))?;
    members.iter().try_for_each(|(name, value)| {
        let base = match name.as_str() {
            "name" | "version" => Base::String,
            "chainId" => Base::Uint(256),
            "verifyingContract" => Base::Address,
            "salt" => Base::FixedBytes(32),
            _ => {
                return Err(invalid(format!(
                    "its domain has a member {}, which EIP-712 does not know",
                    shown(name)
                )));
            }
        };
        check_leaf(base, value, &Place::Member(&place, name))
    })
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(unreadable)
}

/// An error of serde or alloy may quote any length of the input.
fn unreadable(error: serde_json::Error) -> crate::Error {
    invalid(shown(&error.to_string()))
}

/// `Number.MAX_SAFE_INTEGER` of ECMA-262.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

fn rounded<E: de::Error>() -> E {
    E::custom("a number beyond 2^53, which JavaScript rounds; write it as a string")
}

/// With features that any crate of a build may ask for, an object that has such a key is a number
/// (`arbitrary_precision`) or JSON text in a string (`raw_value`), which is then read unseen.
const KEPT_BY_SERDE_JSON: &str = "$serde_json::private::";

fn check_number_text<E: de::Error>(text: &str) -> Result<(), E> {
    match text.parse::<f64>() {
        Ok(number) => Unambiguous.visit_f64(number).map(|Unambiguous| ()),
        Err(_) => Err(E::custom("a number that is none")),
    }
}

/// Any JSON in which no object has a key twice, and no number is rounded in JavaScript.
struct Unambiguous;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unambiguous {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.strip_prefix(KEPT_BY_SERDE_JSON) {
                Some("Number") => check_number_text(&map.next_value::<String>()?)?,
                Some(_) => {
                    let message = format!("serde_json keeps the key {} for itself", shown(&key));
                    return Err(de::Error::custom(message));
                }
                None => {
                    let Self = map.next_value()?;
                }
            }
            if let Some(again) = keys.replace(key) {
                let message = format!("the key {} appears twice", shown(&again));
                return Err(de::Error::custom(message));
            }
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
        while let Some(Self) = elements.next_element()? {}
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self, E> {
        self.visit_u64(number.unsigned_abs())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self, E> {
        match number <= MAX_SAFE_INTEGER {
            true => Ok(self),
            false => Err(rounded()),
        }
    }

    /// Also an integer beyond 64 bits.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self, E> {
        match number.abs() <= MAX_SAFE_INTEGER as f64 {
            true => Ok(self),
            false => Err(rounded()),
        }
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
