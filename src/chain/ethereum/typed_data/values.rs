//! The values of a message, where all libraries read them alike.
//!
//! The rules are what ethers v6 and `@metamask/eth-sig-util` have in common; `tests/interop` holds
//! them against both. Errors name the place of a value and never show it.

use std::fmt;

use alloy_primitives::{Address, U256};
use serde_json::{Number, Value};

use super::{
    bounds::Budget,
    invalid, shown,
    types::{Base, Types},
};
use crate::Result;

/// Checks that `message` is a `primary` whose values have one meaning.
pub(super) fn check(types: &Types<'_>, primary: &str, message: &Value) -> Result<()> {
    let mut budget = Budget::new();
    let place = Place::Root("message");
    check_value(
        Base::Struct(primary),
        &[],
        message,
        types,
        &mut budget,
        &place,
    )
}

fn check_value(
    base: Base<'_>,
    lengths: &[Option<usize>],
    value: &Value,
    types: &Types<'_>,
    budget: &mut Budget,
    place: &Place<'_>,
) -> Result<()> {
    budget.take_value()?;
    let Some((length, inner)) = lengths.split_last() else {
        return match base {
            Base::Struct(name) => check_struct(name, value, types, budget, place),
            base => check_leaf(base, value, place),
        };
    };
    match (value.as_array(), length) {
        (Some(elements), Some(length)) if elements.len() != *length => {
            Err(place.wants(&format!("an array of {length}")))
        }
        (Some(elements), _) => elements
            .iter()
            .enumerate()
            .try_for_each(|(index, element)| {
                let place = Place::Element(place, index);
                check_value(base, inner, element, types, budget, &place)
            }),
        (None, _) => Err(place.wants("an array")),
    }
}

fn check_struct(
    name: &str,
    value: &Value,
    types: &Types<'_>,
    budget: &mut Budget,
    place: &Place<'_>,
) -> Result<()> {
    let object = value.as_object().ok_or_else(|| place.wants("an object"))?;
    types.members(name).iter().try_for_each(|member| {
        let place = Place::Member(place, member.name);
        let value = object
            .get(member.name)
            .ok_or_else(|| invalid(format!("{place} is missing")))?;
        check_value(member.base, &member.lengths, value, types, budget, &place)
    })
}

/// Checks a value that is neither a struct nor an array.
pub(super) fn check_leaf(base: Base<'_>, value: &Value, place: &Place<'_>) -> Result<()> {
    let text = value.as_str();
    let (fits, wanted) = match base {
        Base::Bool => (value.is_boolean(), "true or false".into()),
        Base::String => (value.is_string(), "a string".into()),
        Base::Bytes => (
            text.is_some_and(|text| hex_digits(text).is_some_and(|digits| digits.len() % 2 == 0)),
            "0x and two hexadecimal digits for each byte".into(),
        ),
        Base::FixedBytes(length) => (
            text.is_some_and(|text| {
                hex_digits(text).is_some_and(|digits| digits.len() == 2 * length)
            }),
            format!("0x and {} hexadecimal digits", 2 * length),
        ),
        Base::Address => (
            text.is_some_and(is_address),
            "0x and 40 hexadecimal digits, with the checksum of EIP-55 if their case is mixed"
                .into(),
        ),
        Base::Uint(bits) => (
            integer(value)
                .is_some_and(|(is_negative, size)| !is_negative && size.bit_len() <= bits),
            format!("a uint{bits}: an integer, or a string, decimal or 0x and hexadecimal"),
        ),
        Base::Int(bits) => (
            integer(value).is_some_and(|(is_negative, size)| fits_signed(is_negative, size, bits)),
            format!("an int{bits}: an integer, or a string, decimal or 0x and hexadecimal"),
        ),
        Base::Struct(_) => (false, "a struct".into()),
    };
    match fits {
        true => Ok(()),
        false => Err(place.wants(&wanted)),
    }
}

/// The sign and the size of an integer. `-0x5` has a meaning in ethers alone.
fn integer(value: &Value) -> Option<(bool, U256)> {
    let text = match value {
        Value::Number(number) => return written_integer(number),
        Value::String(text) => text.as_str(),
        _ => return None,
    };
    if let Some(digits) = hex_digits(text) {
        return Some((false, parse(digits, 16)?));
    }
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    match digits.bytes().all(|digit| digit.is_ascii_digit()) {
        true => Some((is_negative, parse(digits, 10)?)),
        false => None,
    }
}

/// Exact, as far as Rust is concerned: what JavaScript would round is for the JSON text to show.
fn written_integer(number: &Number) -> Option<(bool, U256)> {
    let (is_negative, size) = match (number.as_u64(), number.as_i64()) {
        (Some(size), _) => (false, size),
        (None, Some(negative)) => (true, negative.unsigned_abs()),
        (None, None) => return None,
    };
    Some((is_negative, U256::from(size)))
}

/// Digits only: alloy itself also takes `_` and nothing at all.
fn parse(digits: &str, radix: u64) -> Option<U256> {
    match digits {
        "" => None,
        digits => U256::from_str_radix(digits, radix).ok(),
    }
}

/// Two's complement reaches one further below zero.
fn fits_signed(is_negative: bool, size: U256, bits: usize) -> bool {
    let limit = U256::ONE << (bits - 1);
    size < limit || is_negative && size == limit
}

fn is_address(text: &str) -> bool {
    let Some(digits) = hex_digits(text).filter(|digits| digits.len() == 40) else {
        return false;
    };
    let has = |is: fn(&u8) -> bool| digits.as_bytes().iter().any(is);
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    !is_mixed || Address::parse_checksummed(text, None).is_ok()
}

fn hex_digits(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("0x")?;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then_some(digits)
}

/// Where a value stands, for errors: `message.to[1].wallet`.
#[derive(Debug)]
pub(super) enum Place<'a> {
    Root(&'static str),
    Member(&'a Place<'a>, &'a str),
    Element(&'a Place<'a>, usize),
}

impl Place<'_> {
    fn wants(&self, wanted: &str) -> crate::Error {
        invalid(format!("{self} must be {wanted}"))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Member(parent, name) => write!(f, "{parent}.{}", shown(name)),
            Self::Element(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
