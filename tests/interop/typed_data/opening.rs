//! Typed data written again from only what its opening shows.

use alloy_primitives::hex;
use kms_signer::chain::ethereum::{TypedDataOpening, alloy_dyn_abi::DynSolValue};
use serde_json::{Map, Value, json};

/// JSON text of the domain, the types and the values that a policy sees.
pub fn rewritten(opening: &TypedDataOpening) -> String {
    let (domain_type, domain) = domain(opening);
    let mut types = types(opening.encode_type());
    types.insert("EIP712Domain".into(), domain_type);
    json!({
        "types": types,
        "primaryType": opening.primary_type(),
        "domain": domain,
        "message": value(opening.message()),
    })
    .to_string()
}

fn domain(opening: &TypedDataOpening) -> (Value, Value) {
    let domain = opening.domain();
    let members = [
        (
            "name",
            "string",
            domain.name.as_ref().map(|name| json!(name)),
        ),
        (
            "version",
            "string",
            domain.version.as_ref().map(|version| json!(version)),
        ),
        (
            "chainId",
            "uint256",
            domain.chain_id.map(|id| json!(id.to_string())),
        ),
        (
            "verifyingContract",
            "address",
            domain.verifying_contract.map(|to| json!(to)),
        ),
        ("salt", "bytes32", domain.salt.map(|salt| json!(salt))),
    ];
    let members = members.into_iter().filter_map(|(name, of_type, value)| {
        value.map(|value| {
            (
                json!({"name": name, "type": of_type}),
                (name.to_owned(), value),
            )
        })
    });
    let (types, values): (Vec<Value>, Map<String, Value>) = members.unzip();
    (types.into(), values.into())
}

/// `A(B b,uint8 x)B(bool y)`, as JSON has it.
fn types(encode_type: &str) -> Map<String, Value> {
    let definitions = encode_type.split_terminator(')');
    let definition = |text: &str| {
        let (name, members) = text.split_once('(').unwrap();
        let members = members.split(',').filter(|member| !member.is_empty());
        let member = |member: &str| {
            let (of_type, name) = member.split_once(' ').unwrap();
            json!({"name": name, "type": of_type})
        };
        (name.to_owned(), members.map(member).collect())
    };
    definitions.map(definition).collect()
}

fn value(shown: &DynSolValue) -> Value {
    match shown {
        DynSolValue::Bool(value) => json!(value),
        DynSolValue::Int(value, _) => json!(value.to_string()),
        DynSolValue::Uint(value, _) => json!(value.to_string()),
        DynSolValue::FixedBytes(word, length) => json!(hex::encode_prefixed(&word[..*length])),
        DynSolValue::Address(address) => json!(address.to_string()),
        DynSolValue::Bytes(bytes) => json!(hex::encode_prefixed(bytes)),
        DynSolValue::String(text) => json!(text),
        DynSolValue::Array(values) | DynSolValue::FixedArray(values) => {
            values.iter().map(value).collect()
        }
        DynSolValue::CustomStruct {
            prop_names, tuple, ..
        } => {
            let members = prop_names.iter().cloned().zip(tuple.iter().map(value));
            Value::Object(members.collect())
        }
        other => panic!("EIP-712 has no {other:?}"),
    }
}
