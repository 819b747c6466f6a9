//! The struct types of typed data, where all libraries read them alike.

use std::collections::{BTreeMap, BTreeSet};

use alloy_dyn_abi::{
    DynSolType,
    eip712::{Eip712Types, PropertyDef},
};
use alloy_sol_types::Eip712Domain;

use super::{invalid, shown};
use crate::Result;

/// The types of a message, by name: the primary type, and those that it leads to.
///
/// Every struct that one of them names is there, and no other is declared but `EIP712Domain`. So
/// the primary type is the one that no other names, which ethers takes for it whatever the JSON
/// says.
#[derive(Debug)]
pub(super) struct Types<'a>(BTreeMap<&'a str, Vec<Member<'a>>>);

/// A member of a struct.
#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    /// The text of its type.
    type_name: &'a str,
    pub(super) base: Base<'a>,
    /// The lengths of its arrays from the inside out; `None` for any length. Empty for no array.
    pub(super) lengths: Vec<Option<usize>>,
}

impl<'a> Member<'a> {
    /// The struct that it is, or that its arrays have.
    fn struct_name(&self) -> Option<&'a str> {
        match self.base {
            Base::Struct(name) => Some(name),
            _ => None,
        }
    }
}

/// The type of a value, without its arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base<'a> {
    Bool,
    /// The width in bits.
    Uint(usize),
    /// The width in bits.
    Int(usize),
    Address,
    Bytes,
    /// The length in bytes.
    FixedBytes(usize),
    String,
    Struct(&'a str),
}

impl<'a> Types<'a> {
    /// Reads what `primary` leads to, which must be all that is declared.
    pub(super) fn read(declared: &'a Eip712Types, primary: &'a str) -> Result<Self> {
        for name in declared.keys() {
            check_type_name(name)?;
        }
        let mut types = BTreeMap::new();
        let mut next = vec![primary];
        while let Some(name) = next.pop() {
            if types.contains_key(name) {
                continue;
            }
            // ethers keeps the domain's type apart from the others.
            if name == Eip712Domain::NAME {
                return Err(invalid(
                    "its type EIP712Domain is that of the domain alone; name the struct of the \
                     message otherwise",
                ));
            }
            let Some(definition) = declared.get(name) else {
                return Err(invalid(format!("it has no type {}", shown(name))));
            };
            let members = members(name, definition)?;
            let structs = members.iter().filter_map(Member::struct_name);
            let queued = next.len();
            next.extend(structs);
            let is_alone = name == primary && next.len() == queued;
            let is_plain = name.bytes().all(is_word);
            if !is_plain && (!is_alone || leads_elsewhere(name, declared)) {
                return Err(invalid(format!(
                    "libraries disagree on the type name {}; use letters, digits and _ alone",
                    shown(name)
                )));
            }
            types.insert(name, members);
        }
        let is_unused = |name: &&String| {
            name.as_str() != Eip712Domain::NAME && !types.contains_key(name.as_str())
        };
        match declared.keys().find(is_unused) {
            Some(name) => Err(invalid(format!(
                "{} does not use the type {}; remove it from types",
                shown(primary),
                shown(name)
            ))),
            None => Ok(Self(types)),
        }
    }

    /// The names of all structs.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.0.keys().copied()
    }

    /// The members of a struct; none if there is no such struct.
    pub(super) fn members(&self, name: &str) -> &[Member<'a>] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Answers the questions of alloy's `Resolver`, which reads the types again for each answer.
impl Types<'_> {
    /// `encodeType` (EIP-712): the struct's definition, and those it leads to in the order of
    /// names.
    pub(super) fn encode_type(&self, name: &str) -> String {
        let mut reached = BTreeSet::from([name]);
        let mut next = vec![name];
        while let Some(name) = next.pop() {
            let inner = self.members(name).iter().filter_map(Member::struct_name);
            next.extend(inner.filter(|inner| reached.insert(inner)));
        }
        reached.remove(name);
        let mut text = String::new();
        for name in std::iter::once(name).chain(reached) {
            self.define(name, &mut text);
        }
        text
    }

    fn define(&self, name: &str, text: &mut String) {
        text.push_str(name);
        text.push('(');
        for (index, member) in self.members(name).iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(member.type_name);
            text.push(' ');
            text.push_str(member.name);
        }
        text.push(')');
    }

    /// The type as alloy reads values by it, with each struct written out in place of its name.
    /// Call it for types whose size was checked.
    pub(super) fn layout(&self, name: &str) -> DynSolType {
        let members = self.members(name);
        DynSolType::CustomStruct {
            name: name.into(),
            prop_names: members.iter().map(|member| member.name.into()).collect(),
            tuple: members
                .iter()
                .map(|member| self.layout_of(member))
                .collect(),
        }
    }

    fn layout_of(&self, member: &Member<'_>) -> DynSolType {
        let element = match member.base {
            Base::Bool => DynSolType::Bool,
            Base::Uint(bits) => DynSolType::Uint(bits),
            Base::Int(bits) => DynSolType::Int(bits),
            Base::Address => DynSolType::Address,
            Base::Bytes => DynSolType::Bytes,
            Base::FixedBytes(length) => DynSolType::FixedBytes(length),
            Base::String => DynSolType::String,
            Base::Struct(name) => self.layout(name),
        };
        member.lengths.iter().fold(element, |inner, length| {
            let inner = Box::new(inner);
            match length {
                Some(length) => DynSolType::FixedArray(inner, *length),
                None => DynSolType::Array(inner),
            }
        })
    }
}

/// Whether eth-sig-util finds a type by the part of the name up to the first `$` or `:`, which is
/// all that it reads. It would hash that type too.
fn leads_elsewhere(name: &str, declared: &Eip712Types) -> bool {
    let read = name.split(['$', ':']).next().unwrap_or_default();
    declared.contains_key(read) || MEMBERS_OF_EVERY_OBJECT.contains(&read)
}

/// What JavaScript finds in an object without members (ECMA-262, `Object.prototype`).
const MEMBERS_OF_EVERY_OBJECT: [&str; 12] = [
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    PROTOTYPE,
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
];

/// No key like others in JavaScript: to set it changes what the object inherits.
const PROTOTYPE: &str = "__proto__";

fn members<'a>(type_name: &str, definition: &'a [PropertyDef]) -> Result<Vec<Member<'a>>> {
    let mut names = BTreeSet::new();
    let read = |member: &'a PropertyDef| {
        let name = member.name();
        // Such a name could pass for several members in the text that is hashed.
        if name.contains([',', '(', ')']) {
            return Err(invalid(format!(
                "{} has a member named {}; a name has no comma or parenthesis",
                shown(type_name),
                shown(name)
            )));
        }
        // ethers signs another value than the one in the message.
        if name == PROTOTYPE {
            return Err(invalid(format!(
                "{} has a member named __proto__, which libraries read differently",
                shown(type_name)
            )));
        }
        if !names.insert(name) {
            return Err(invalid(format!(
                "{} has two members named {}",
                shown(type_name),
                shown(name)
            )));
        }
        let (base, lengths) = read_type(member.type_name())?;
        Ok(Member {
            name,
            type_name: member.type_name(),
            base,
            lengths,
        })
    };
    definition.iter().map(read).collect()
}

/// The name of a declared struct: an identifier that is no elementary type.
pub(super) fn check_type_name(name: &str) -> Result<()> {
    let is_identifier = name
        .starts_with(|first: char| first.is_ascii_alphabetic() || "_$".contains(first))
        && name
            .bytes()
            .all(|byte| is_word(byte) || b"$:".contains(&byte));
    if !is_identifier || elementary(name).is_some() || name == PROTOTYPE {
        return Err(invalid(format!(
            "{} cannot be the name of a struct",
            shown(name)
        )));
    }
    Ok(())
}

/// The type of a member: `Person[2][]` is a struct in arrays of 2 in an array.
fn read_type(text: &str) -> Result<(Base<'_>, Vec<Option<usize>>)> {
    let unknown = || invalid(format!("libraries disagree on the type {}", shown(text)));
    let (stem, arrays) = match text.find('[') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let base = match elementary(stem) {
        Some(Some(base)) => base,
        Some(None) => return Err(unknown()),
        None => {
            check_type_name(stem)?;
            Base::Struct(stem)
        }
    };
    let mut lengths = Vec::new();
    let mut rest = arrays;
    while !rest.is_empty() {
        let (length, after) = rest
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .ok_or_else(unknown)?;
        lengths.push(match length {
            "" => None,
            length => Some(canonical(length).ok_or_else(unknown)?),
        });
        rest = after;
    }
    Ok((base, lengths))
}

/// `None` for what can name a struct, `Some(None)` for what looks elementary and has no agreed
/// meaning: `uint`, which ethers hashes as `uint256`, a width that does not exist, `function`.
fn elementary(name: &str) -> Option<Option<Base<'_>>> {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let bits = |text: &str| canonical(text).filter(|bits| bits % 8 == 0 && *bits <= 256);
    match name {
        "bool" => return Some(Some(Base::Bool)),
        "address" => return Some(Some(Base::Address)),
        "bytes" => return Some(Some(Base::Bytes)),
        "string" => return Some(Some(Base::String)),
        "function" => return Some(None),
        _ => {}
    }
    if let Some(width) = name.strip_prefix("uint").filter(|width| is_number(width)) {
        return Some(bits(width).map(Base::Uint));
    }
    if let Some(width) = name.strip_prefix("int").filter(|width| is_number(width)) {
        return Some(bits(width).map(Base::Int));
    }
    let length = name
        .strip_prefix("bytes")
        .filter(|length| is_number(length))?;
    Some(
        canonical(length)
            .filter(|length| *length <= 32)
            .map(Base::FixedBytes),
    )
}

/// A positive number without leading zeros.
fn canonical(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => text.parse().ok(),
        _ => None,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests;
