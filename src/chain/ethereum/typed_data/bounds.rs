//! How much typed data is accepted.
//!
//! alloy writes a struct out wherever it is named, so a few types of which each names the next one
//! twice take it seconds. Everything here is linear in the size of the input and comes before that.

use std::collections::BTreeMap;

use alloy_dyn_abi::{TypedData, eip712::Eip712Types};
use serde_json::Value;

use super::{
    invalid, shown,
    types::{Base, Types},
};
use crate::{Error, Result};

/// The most bytes of JSON, or of names and values together.
pub(super) const MAX_BYTES: usize = 128 * 1024;
/// The most types, used or not.
const MAX_TYPES: usize = 256;
/// The most bytes of a name of a type or member.
const MAX_NAME: usize = 128;
/// The most structs inside one another, the message included.
const MAX_STRUCTS_DEEP: usize = 16;
/// The most arrays inside one another, counted apart from the structs between them. The orders that
/// Seaport signs in bulk lie in up to 24 arrays of two.
const MAX_ARRAYS_DEEP: usize = 32;
/// The most objects and arrays inside one another, also where nothing is signed.
const MAX_VALUES_DEEP: usize = MAX_STRUCTS_DEEP + MAX_ARRAYS_DEEP;
/// The most members when each struct is written out in place of its name.
const MAX_FIELDS: usize = 4096;
/// The most values in the message: structs, arrays and what they hold.
const MAX_VALUES: usize = 4096;

/// The values of one message, as they are met.
#[derive(Debug)]
pub(super) struct Budget {
    values: usize,
}

/// Checks names and sizes, before anything else is read.
pub(super) fn check_size(payload: &TypedData, declared: &Eip712Types) -> Result<()> {
    check_names(declared)?;
    let domain = &payload.domain;
    let texts = [&domain.name, &domain.version].into_iter().flatten();
    let mut bytes = texts.fold(payload.primary_type.len(), |sum, text| sum + text.len());
    for (name, members) in declared {
        bytes += name.len();
        for member in members {
            bytes += member.name().len() + member.type_name().len();
        }
    }
    let mut left = MAX_BYTES
        .checked_sub(bytes)
        .ok_or_else(|| exceeds("bytes", MAX_BYTES))?;
    take_value(&payload.message, MAX_VALUES_DEEP, &mut left)
}

/// Checks how many types there are, and the lengths of their names and those of their members.
pub(super) fn check_names(declared: &Eip712Types) -> Result<()> {
    if declared.len() > MAX_TYPES {
        return Err(exceeds("types", MAX_TYPES));
    }
    declared.iter().try_for_each(|(name, members)| {
        check_name(name)?;
        members
            .iter()
            .try_for_each(|member| check_name(member.name()))
    })
}

fn check_name(name: &str) -> Result<()> {
    match name.len() > MAX_NAME {
        true => Err(exceeds(
            &format!("bytes in the name {}", shown(name)),
            MAX_NAME,
        )),
        false => Ok(()),
    }
}

/// Counts the bytes of a value, of members too that no type has.
fn take_value(value: &Value, depth: usize, left: &mut usize) -> Result<()> {
    let size = match value {
        Value::String(text) => text.len(),
        _ => 1,
    };
    take_bytes(size, left)?;
    if !value.is_object() && !value.is_array() {
        return Ok(());
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Err(exceeds("levels of values", MAX_VALUES_DEEP));
    };
    for (name, value) in value.as_object().into_iter().flatten() {
        take_bytes(name.len(), left)?;
        take_value(value, depth, left)?;
    }
    for value in value.as_array().into_iter().flatten() {
        take_value(value, depth, left)?;
    }
    Ok(())
}

fn take_bytes(size: usize, left: &mut usize) -> Result<()> {
    *left = left
        .checked_sub(size)
        .ok_or_else(|| exceeds("bytes", MAX_BYTES))?;
    Ok(())
}

/// Checks what the types expand to, reading each of them once.
pub(super) fn check_types<'a>(types: &Types<'a>, primary: &'a str) -> Result<()> {
    let expanded = Expansions::default().of(primary, types)?;
    if expanded.structs_deep > MAX_STRUCTS_DEEP {
        return Err(exceeds("levels of structs", MAX_STRUCTS_DEEP));
    }
    if expanded.arrays_deep > MAX_ARRAYS_DEEP {
        return Err(exceeds("levels of arrays", MAX_ARRAYS_DEEP));
    }
    if expanded.fields > MAX_FIELDS {
        return Err(exceeds("fields in its types, written out", MAX_FIELDS));
    }
    Ok(())
}

/// What each type expands to, as far as it is known.
#[derive(Default)]
struct Expansions<'a> {
    /// `None` while the members of a type are read.
    known: BTreeMap<&'a str, Option<Expanded>>,
}

#[derive(Clone, Copy, Default)]
struct Expanded {
    structs_deep: usize,
    arrays_deep: usize,
    fields: usize,
}

impl<'a> Expansions<'a> {
    /// At most as deep a recursion as there are types.
    fn of(&mut self, name: &'a str, types: &Types<'a>) -> Result<Expanded> {
        match self.known.get(name) {
            Some(Some(expanded)) => return Ok(*expanded),
            Some(None) => {
                return Err(invalid(format!("its type {} contains itself", shown(name))));
            }
            None => self.known.insert(name, None),
        };
        let mut sum = Expanded::default();
        for member in types.members(name) {
            let inner = match member.base {
                Base::Struct(inner) => self.of(inner, types)?,
                _ => Expanded::default(),
            };
            let arrays_deep = inner.arrays_deep.saturating_add(member.lengths.len());
            sum.structs_deep = sum.structs_deep.max(inner.structs_deep);
            sum.arrays_deep = sum.arrays_deep.max(arrays_deep);
            sum.fields = sum.fields.saturating_add(inner.fields).saturating_add(1);
        }
        sum.structs_deep += 1;
        self.known.insert(name, Some(sum));
        Ok(sum)
    }
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { values: MAX_VALUES }
    }

    /// Takes one value from the budget.
    pub(super) fn take_value(&mut self) -> Result<()> {
        self.values = self
            .values
            .checked_sub(1)
            .ok_or_else(|| exceeds("values", MAX_VALUES))?;
        Ok(())
    }
}

pub(super) fn exceeds(what: &str, most: usize) -> Error {
    invalid(format!("it has more than {most} {what}"))
}

#[cfg(test)]
mod tests;
