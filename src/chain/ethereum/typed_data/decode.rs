//! The values that an ABI encoding has (Solidity ABI specification, formal specification of the
//! encoding).
//!
//! alloy's decoder prepares one element in each array before it reads its length. An array of empty
//! arrays then takes as much memory as if each of them had an element. Here memory grows with the
//! encoding alone.

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{Address, B256, I256, U256};

use super::invalid;
use crate::{Error, Result};

/// Decodes one value, as `SolType::abi_encode` writes it.
///
/// `layout` comes from types whose size was checked, which bounds the recursion.
pub(super) fn decode(layout: &DynSolType, encoded: &[u8]) -> Result<DynSolValue> {
    let mut words = Words(encoded.len() / WORD_LEN);
    value(layout, &mut Frame::new(encoded), &mut words)
}

const WORD_LEN: usize = 32;

/// How many words no value has taken yet. Each value takes one at least and offsets may point anywhere,
/// so that no more values are read than the encoding has words.
struct Words(usize);

impl Words {
    fn take(&mut self, count: usize) -> Result<()> {
        self.0 = self.0.checked_sub(count).ok_or_else(malformed)?;
        Ok(())
    }
}

/// A part of the encoding that offsets count from.
struct Frame<'a> {
    data: &'a [u8],
    /// What comes next: a value, or the offset of one.
    heads: &'a [u8],
}

impl<'a> Frame<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { data, heads: data }
    }

    fn word(&mut self, words: &mut Words) -> Result<B256> {
        let (word, heads) = self.heads.split_first_chunk().ok_or_else(malformed)?;
        words.take(1)?;
        self.heads = heads;
        Ok(B256::new(*word))
    }

    /// An offset or a length.
    fn size(&mut self, words: &mut Words) -> Result<usize> {
        let size = U256::from_be_bytes(self.word(words)?.0);
        size.try_into().map_err(|_| malformed())
    }

    /// The frame that the next offset points to.
    fn tail(&mut self, words: &mut Words) -> Result<Self> {
        let tail = self.data.get(self.size(words)?..);
        tail.map(Self::new).ok_or_else(malformed)
    }

    fn bytes(&mut self, words: &mut Words) -> Result<&'a [u8]> {
        let length = self.size(words)?;
        words.take(length.div_ceil(WORD_LEN))?;
        self.heads.get(..length).ok_or_else(malformed)
    }
}

fn value(layout: &DynSolType, frame: &mut Frame<'_>, words: &mut Words) -> Result<DynSolValue> {
    match layout.is_dynamic() {
        true => contents(layout, &mut frame.tail(words)?, words),
        false => contents(layout, frame, words),
    }
}

fn contents(layout: &DynSolType, frame: &mut Frame<'_>, words: &mut Words) -> Result<DynSolValue> {
    match layout {
        DynSolType::Bytes => Ok(DynSolValue::Bytes(frame.bytes(words)?.to_vec())),
        DynSolType::String => match std::str::from_utf8(frame.bytes(words)?) {
            Ok(text) => Ok(DynSolValue::String(text.into())),
            Err(_) => Err(malformed()),
        },
        DynSolType::Array(element) => {
            let length = frame.size(words)?;
            let mut frame = Frame::new(frame.heads);
            elements(element, length, &mut frame, words).map(DynSolValue::Array)
        }
        DynSolType::FixedArray(element, length) => {
            elements(element, *length, frame, words).map(DynSolValue::FixedArray)
        }
        DynSolType::CustomStruct { tuple, .. } if tuple.is_empty() => Err(invalid(
            "one of its structs has no members, and so no ABI encoding",
        )),
        DynSolType::CustomStruct {
            name,
            prop_names,
            tuple,
        } => {
            let members = tuple.iter().map(|member| value(member, frame, words));
            Ok(DynSolValue::CustomStruct {
                tuple: members.collect::<Result<_>>()?,
                name: name.clone(),
                prop_names: prop_names.clone(),
            })
        }
        layout => word_value(layout, frame.word(words)?),
    }
}

fn elements(
    layout: &DynSolType,
    length: usize,
    frame: &mut Frame<'_>,
    words: &mut Words,
) -> Result<Vec<DynSolValue>> {
    (0..length).map(|_| value(layout, frame, words)).collect()
}

/// A value that is one word, all of which it says: more than its type holds would show a policy
/// another value than contracts read.
fn word_value(layout: &DynSolType, word: B256) -> Result<DynSolValue> {
    let number = U256::from_be_bytes(word.0);
    let (value, is_exact) = match *layout {
        DynSolType::Bool => (DynSolValue::Bool(!number.is_zero()), number <= U256::ONE),
        DynSolType::Uint(bits) => (DynSolValue::Uint(number, bits), number.bit_len() <= bits),
        DynSolType::Int(bits) => {
            let number = I256::from_raw(number);
            (
                DynSolValue::Int(number, bits),
                number.bits() as usize <= bits,
            )
        }
        DynSolType::FixedBytes(length) => (
            DynSolValue::FixedBytes(word, length),
            word.iter().skip(length).all(|byte| *byte == 0),
        ),
        DynSolType::Address => (
            DynSolValue::Address(Address::from_word(word)),
            number.bit_len() <= 160,
        ),
        _ => return Err(malformed()),
    };
    match is_exact {
        true => Ok(value),
        false => Err(invalid("a value of its ABI encoding does not fit its type")),
    }
}

fn malformed() -> Error {
    invalid("the ABI encoding of its values is not one of its types")
}

#[cfg(test)]
mod tests;
