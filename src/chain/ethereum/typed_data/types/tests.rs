use alloy_dyn_abi::TypedData;
use serde_json::json;

use super::*;
use crate::{Error, chain::ethereum::typed_data::check};

/// A message of type `primary`, with these types and no members.
fn typed_data(primary: &str, types: serde_json::Value) -> TypedData {
    let json = json!({"types": types, "primaryType": primary, "domain": {}, "message": {}});
    serde_json::from_value(json).unwrap()
}

#[track_caller]
fn assert_refused(payload: &TypedData, reason: &str) {
    let Err(Error::InvalidPayload { source, .. }) = check(payload) else {
        panic!("accepted: {payload:?}");
    };
    assert!(source.to_string().contains(reason), "{source}");
}

fn with_member(member_type: &str) -> TypedData {
    typed_data("M", json!({"M": [{"name": "x", "type": member_type}]}))
}

#[test]
fn elementary_types_are_read() {
    for (text, base, lengths) in [
        ("bool", Base::Bool, vec![]),
        ("uint8", Base::Uint(8), vec![]),
        ("int256", Base::Int(256), vec![]),
        ("bytes", Base::Bytes, vec![]),
        ("bytes32[]", Base::FixedBytes(32), vec![None]),
        ("Person[2][]", Base::Struct("Person"), vec![Some(2), None]),
        ("integer", Base::Struct("integer"), vec![]),
        ("bytesOf", Base::Struct("bytesOf"), vec![]),
        ("int8a", Base::Struct("int8a"), vec![]),
    ] {
        assert_eq!(read_type(text).unwrap(), (base, lengths), "{text}");
    }
}

#[test]
fn types_that_libraries_read_differently_are_refused() {
    for member_type in [
        "uint",
        "int[]",
        "uint08",
        "uint0",
        "uint264",
        "int7",
        "bytes0",
        "bytes33",
        "bytes01",
        "function",
        "uint8[02]",
    ] {
        assert_refused(&with_member(member_type), "libraries disagree on the type");
    }
    for member_type in ["(uint8,bool)", "tuple(bool)[]", "Contract.Enum"] {
        assert_refused(&with_member(member_type), "cannot be the name");
    }
    assert_refused(&with_member("Missing"), "no type Missing");
}

#[test]
fn what_looks_elementary_names_no_struct() {
    for name in [
        "uint256",
        "uint",
        "int7",
        "bytes",
        "bytes99",
        "address",
        "function",
        "__proto__",
    ] {
        let types = json!({"M": [{"name": "x", "type": "bool"}], name: []});
        assert_refused(&typed_data("M", types), "cannot be the name of a struct");
    }
}

/// eth-sig-util takes `A:B` for `A` wherever it looks for types.
#[test]
fn a_name_with_a_colon_can_only_stand_for_a_message_without_structs() {
    const NAME: &str = "Exchange:Order";
    let flat = json!([{"name": "x", "type": "bool"}]);
    for (primary, types, is_fine) in [
        (NAME, json!({NAME: []}), true),
        (
            NAME,
            json!({NAME: [{"name": "s", "type": "S"}], "S": flat}),
            false,
        ),
        (
            "S",
            json!({"S": [{"name": "x", "type": NAME}], NAME: flat}),
            false,
        ),
        ("A$", json!({"A$": []}), true),
        ("$", json!({"$": []}), true),
        // Nor may the part that it takes name anything by itself.
        (NAME, json!({NAME: flat, "Exchange": flat}), false),
        (
            "EIP712Domain:Order",
            json!({"EIP712Domain": [], "EIP712Domain:Order": flat}),
            false,
        ),
        (
            "constructor:Order",
            json!({"constructor:Order": flat}),
            false,
        ),
        ("__proto__$", json!({"__proto__$": flat}), false),
    ] {
        let payload = typed_data(primary, types);
        match is_fine {
            true => drop(check(&payload).unwrap()),
            false => assert_refused(&payload, "disagree on the type name"),
        }
    }
}

#[test]
fn members_have_names_of_their_own() {
    let twice = json!({"M": [{"name": "x", "type": "bool"}, {"name": "x", "type": "uint8"}]});
    assert_refused(&typed_data("M", twice), "M has two members named x");
    // Hashed as if it were two members.
    let disguised = json!({"M": [{"name": "x,bool y", "type": "bool"}]});
    assert_refused(&typed_data("M", disguised), "no comma or parenthesis");
    // JavaScript sets what the object inherits instead.
    let prototype = json!({"M": [{"name": "__proto__", "type": "bool"}]});
    assert_refused(&typed_data("M", prototype), "a member named __proto__");
}

/// ethers takes the one type that no other uses for the primary type, whatever the JSON says.
#[test]
fn the_primary_type_uses_every_other_type() {
    let flat = json!([{"name": "x", "type": "string"}]);
    for (primary, types, unused) in [
        ("M", json!({"M": flat, "U": []}), "U"),
        (
            "M",
            json!({"M": flat, "U": [{"name": "a", "type": "Missing"}]}),
            "U",
        ),
        (
            "B",
            json!({"B": flat, "A": [{"name": "b", "type": "B"}]}),
            "A",
        ),
        (
            "M",
            json!({"M": flat, "U": [{"name": "u", "type": "U"}]}),
            "U",
        ),
    ] {
        let reason = format!("{primary} does not use the type {unused}; remove it");
        assert_refused(&typed_data(primary, types), &reason);
    }
}

/// ethers has no such type, since it makes the domain's by itself.
#[test]
fn the_domain_is_not_part_of_the_message() {
    let domain = json!([]);
    assert_refused(
        &typed_data("EIP712Domain", json!({"EIP712Domain": domain})),
        "that of the domain alone",
    );
    assert_refused(
        &typed_data("EIP712Domain", json!({})),
        "that of the domain alone",
    );
    let types = json!({"EIP712Domain": domain, "M": [{"name": "x", "type": "EIP712Domain"}]});
    assert_refused(&typed_data("M", types), "that of the domain alone");
}

#[test]
fn the_primary_type_is_declared() {
    let types = json!({"M": []});
    check(&typed_data("M", types.clone())).unwrap();
    for primary in ["N", "", "M[]", "bool"] {
        assert_refused(&typed_data(primary, types.clone()), "it has no type");
    }
}
