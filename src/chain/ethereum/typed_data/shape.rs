//! The types of a message as alloy reads values by them, and the hash of what was read.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use alloy_dyn_abi::{
    DynSolType, DynSolValue,
    eip712::{Eip712Types, PropertyDef},
};
use alloy_primitives::{B256, keccak256};

use super::{bounds, invalid, types::Types};
use crate::Result;

/// A primary type with all that it leads to.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) encode_type: Arc<str>,
    pub(super) layout: DynSolType,
    /// The type hash of each struct, by its name. alloy's own hasher describes all types again for
    /// each struct of the message.
    type_hashes: BTreeMap<String, B256>,
}

impl Shape {
    /// Takes types whose size was checked.
    pub(super) fn new(types: &Types<'_>, primary: &str) -> Self {
        let type_hash = |name: &str| (name.into(), keccak256(types.encode_type(name)));
        Self {
            encode_type: types.encode_type(primary).into(),
            layout: types.layout(primary),
            type_hashes: types.names().map(type_hash).collect(),
        }
    }

    /// Reads and checks an `encodeType`; alloy panics on some texts that are none.
    pub(super) fn read(encode_type: &str) -> Result<Self> {
        let (primary, declared) = read_encode_type(encode_type)?;
        bounds::check_names(&declared)?;
        let types = Types::read(&declared, primary)?;
        bounds::check_types(&types, primary)?;
        Ok(Self::new(&types, primary))
    }

    /// The 32 bytes that stand for a value (EIP-712, definition of encodeData): of a struct,
    /// `hashStruct`.
    pub(super) fn word(&self, value: &DynSolValue) -> Result<B256> {
        if let Some(word) = value.as_word() {
            return Ok(word);
        }
        match value {
            DynSolValue::CustomStruct { name, tuple, .. } => match self.type_hashes.get(name) {
                Some(type_hash) => self.hash(type_hash.to_vec(), tuple),
                None => Err(invalid("a value has a type that is not declared")),
            },
            DynSolValue::Array(values) | DynSolValue::FixedArray(values) => {
                self.hash(Vec::new(), values)
            }
            DynSolValue::Bytes(bytes) => Ok(keccak256(bytes)),
            DynSolValue::String(text) => Ok(keccak256(text)),
            _ => Err(invalid("EIP-712 has no encoding for one of its values")),
        }
    }

    fn hash(&self, mut encoded: Vec<u8>, values: &[DynSolValue]) -> Result<B256> {
        for value in values {
            encoded.extend_from_slice(self.word(value)?.as_slice());
        }
        Ok(keccak256(encoded))
    }
}

/// The shapes of Solidity structs that an account signed before, by their `encodeType`: to read one
/// takes longer than to read and hash the values.
#[derive(Clone, Default)]
pub(in crate::chain::ethereum) struct Shapes(Arc<Mutex<BTreeMap<String, Arc<Shape>>>>);

/// The most shapes that an account keeps. Further ones are read each time.
const MAX_SHAPES: usize = 32;

impl Shapes {
    pub(super) fn of(&self, encode_type: &str) -> Result<Arc<Shape>> {
        let shapes = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shapes().get(encode_type) {
            return Ok(Arc::clone(known));
        }
        let shape = Arc::new(Shape::read(encode_type)?);
        let mut shapes = shapes();
        if shapes.len() < MAX_SHAPES {
            shapes.insert(encode_type.into(), Arc::clone(&shape));
        }
        Ok(shape)
    }
}

impl fmt::Debug for Shapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shapes").finish_non_exhaustive()
    }
}

/// `Mail(Person from,string contents)Person(string name)`, the primary type first.
fn read_encode_type(text: &str) -> Result<(&str, Eip712Types)> {
    let malformed = || invalid("its encodeType is not one of EIP-712");
    if text.len() > bounds::MAX_BYTES {
        return Err(bounds::exceeds(
            "bytes in its encodeType",
            bounds::MAX_BYTES,
        ));
    }
    let mut declared = Eip712Types::default();
    let mut primary = None;
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('(').ok_or_else(malformed)?;
        let (members, after) = after.split_once(')').ok_or_else(malformed)?;
        let members = match members {
            "" => Vec::new(),
            members => {
                let member = |member: &str| {
                    let (of_type, name) = member.split_once(' ').ok_or_else(malformed)?;
                    Ok(PropertyDef::new_unchecked(of_type, name))
                };
                members.split(',').map(member).collect::<Result<_>>()?
            }
        };
        if declared.insert(name.into(), members).is_some() {
            return Err(malformed());
        }
        primary.get_or_insert(name);
        rest = after;
    }
    Ok((primary.ok_or_else(malformed)?, declared))
}

#[cfg(test)]
mod tests;
