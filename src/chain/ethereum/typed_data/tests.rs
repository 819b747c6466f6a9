use alloy_dyn_abi::TypedData;
use alloy_primitives::{address, hex, keccak256};
use alloy_sol_types::{Eip712Domain, eip712_domain, sol};
use serde_json::{Value, json};

use super::*;
use crate::{
    chain::ethereum::{
        V,
        tests::{untouchable, wallet},
        to_rsv,
    },
    provider::local::LocalSigner,
};

sol! {
    struct Person { string name; address wallet; }
    struct Mail { Person from; Person to; string contents; }
}

/// The example of EIP-712: key keccak256("cow"), and its signature from Example.js.
const SIGNATURE: &str = "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d\
                         07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c";

fn cow() -> EthereumSigner<LocalSigner> {
    let cow = wallet(&hex::encode(keccak256("cow")));
    assert_eq!(
        cow.address(),
        address!("CD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826")
    );
    cow
}

fn domain() -> Eip712Domain {
    eip712_domain! {
        name: "Ether Mail",
        version: "1",
        chain_id: 1,
        verifying_contract: address!("CcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"),
    }
}

fn mail() -> Mail {
    Mail {
        from: Person {
            name: "Cow".into(),
            wallet: address!("CD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"),
        },
        to: Person {
            name: "Bob".into(),
            wallet: address!("bBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"),
        },
        contents: "Hello, Bob!".into(),
    }
}

pub(super) const JSON: &str = r#"{
    "types": {
        "EIP712Domain": [
            {"name": "name", "type": "string"}, {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"}
        ],
        "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
        "Mail": [
            {"name": "from", "type": "Person"}, {"name": "to", "type": "Person"},
            {"name": "contents", "type": "string"}
        ]
    },
    "primaryType": "Mail",
    "domain": {
        "name": "Ether Mail", "version": "1", "chainId": 1,
        "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"
    },
    "message": {
        "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
        "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
        "contents": "Hello, Bob!"
    }
}"#;

#[tokio::test]
async fn eip_712_example_as_a_struct_and_as_json() {
    let cow = cow();
    let of_struct = cow.sign_typed_data(&mail(), &domain()).await.unwrap();
    let of_struct = of_struct.signature;
    assert_eq!(
        hex::encode(to_rsv(&of_struct, V::Electrum).unwrap()),
        SIGNATURE
    );

    let json: TypedData = serde_json::from_str(JSON).unwrap();
    let of_json = cow.sign_dynamic_typed_data(&json).await.unwrap();
    assert_eq!(of_json.signature, of_struct);
    let of_text = cow.sign_typed_data_json(JSON).await.unwrap();
    assert_eq!(of_text.signature, of_struct);
    assert_eq!(parse_typed_data(JSON).unwrap(), json);
}

sol! {
    #[derive(serde::Serialize)]
    struct Grant {
        address to; uint64 expiry; int64 offset; uint8 kind; uint48 nonce; int256 delta;
        bytes4 selector; bytes data;
    }
}

/// Its numbers are exact, however large; JSON text could not have them.
#[tokio::test]
async fn a_struct_is_signed_as_alloy_turns_it_into_typed_data() {
    let grant = Grant {
        to: address!("bBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"),
        expiry: u64::MAX,
        offset: i64::MIN,
        kind: 3,
        nonce: alloy_primitives::Uint::from(5),
        delta: "-5".parse().unwrap(),
        selector: [1, 2, 3, 4].into(),
        data: vec![1, 2].into(),
    };
    let dynamic = TypedData::from_struct(&grant, Some(domain()));
    assert!(dynamic.message["expiry"].is_u64(), "{}", dynamic.message);
    let cow = cow();
    assert_eq!(
        cow.sign_dynamic_typed_data(&dynamic)
            .await
            .unwrap()
            .signature,
        cow.sign_typed_data(&grant, &domain())
            .await
            .unwrap()
            .signature
    );
    let text = serde_json::to_string(&dynamic).unwrap();
    let result = untouchable().sign_typed_data_json(&text).await;
    assert!(
        matches!(result, Err(Error::InvalidPayload { .. })),
        "{result:?}"
    );
}

/// Contracts and wallets hash the declared type, alloy the fields that are there.
#[tokio::test]
async fn a_declared_domain_type_that_is_not_that_of_the_domain_is_refused() {
    let declared = [
        // Another order, a field too few, another type.
        r#"[{"name": "version", "type": "string"}, {"name": "name", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"}]"#,
        r#"[{"name": "name", "type": "string"}]"#,
        r#"[{"name": "name", "type": "string"}, {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint64"},
            {"name": "verifyingContract", "type": "address"}]"#,
    ];
    for declared in declared {
        let mut json: Value = serde_json::from_str(JSON).unwrap();
        json["types"]["EIP712Domain"] = serde_json::from_str(declared).unwrap();
        let json: TypedData = serde_json::from_value(json).unwrap();
        let result = cow().sign_dynamic_typed_data(&json).await;
        assert!(
            matches!(result, Err(Error::InvalidPayload { .. })),
            "{declared}: {result:?}"
        );
    }
    // Not declared at all is common, and means the fields that are there.
    let mut json: Value = serde_json::from_str(JSON).unwrap();
    json["types"]
        .as_object_mut()
        .unwrap()
        .remove("EIP712Domain");
    let json: TypedData = serde_json::from_value(json).unwrap();
    let signature = cow()
        .sign_dynamic_typed_data(&json)
        .await
        .unwrap()
        .signature;
    assert_eq!(
        hex::encode(to_rsv(&signature, V::Electrum).unwrap()),
        SIGNATURE
    );
}

#[tokio::test]
async fn a_message_that_does_not_fit_its_types_is_refused() {
    let mut json: TypedData = serde_json::from_str(JSON).unwrap();
    json.message["from"]["wallet"] = "not an address".into();
    let result = cow().sign_dynamic_typed_data(&json).await;
    assert!(
        matches!(result, Err(Error::InvalidPayload { .. })),
        "{result:?}"
    );
}

/// Types and a message: a struct `M` with one member.
pub(super) fn of_one_member(member_type: &str, value: Value) -> TypedData {
    let mut json = json!({
        "types": {"EIP712Domain": [], "M": [{"name": "x", "type": member_type}]},
        "primaryType": "M",
        "domain": {},
        "message": {"x": value},
    });
    if member_type.starts_with("Pair") {
        json["types"]["Pair"] =
            json!([{"name": "a", "type": "uint8"}, {"name": "b", "type": "bool"}]);
    }
    serde_json::from_value(json).unwrap()
}

const ADDRESS: &str = "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826";

/// Values that ethers v6 and eth-sig-util read as alloy does; `tests/interop` asks them.
#[tokio::test]
async fn values_with_one_meaning_are_signed() {
    let lower = ADDRESS.to_lowercase();
    let upper = format!("0x{}", ADDRESS[2..].to_uppercase());
    let max = format!("{}", alloy_primitives::U256::MAX);
    let words = format!("0x{}", "ab".repeat(32));
    let cases = [
        ("bool", vec![json!(true), json!(false)]),
        (
            "uint8",
            vec![
                json!(0),
                json!(255),
                json!("255"),
                json!("0xff"),
                json!("0xFF"),
                json!("007"),
            ],
        ),
        (
            "uint256",
            vec![
                json!(9_007_199_254_740_991_u64),
                json!("9007199254740993"),
                json!(9_007_199_254_740_993_u64),
                json!(u64::MAX),
                json!(max),
            ],
        ),
        (
            "int8",
            vec![
                json!(-128),
                json!(127),
                json!("-128"),
                json!("127"),
                json!("0x7f"),
                json!("-0"),
            ],
        ),
        (
            "int256",
            vec![json!(-1), json!("-9007199254740993"), json!(i64::MIN)],
        ),
        ("bytes", vec![json!("0x"), json!("0x00"), json!("0xaBcD")]),
        ("bytes2", vec![json!("0x1234")]),
        ("bytes32", vec![json!(words)]),
        ("address", vec![json!(ADDRESS), json!(lower), json!(upper)]),
        (
            "string",
            vec![json!(""), json!("żółć \u{1F980}"), json!("0x")],
        ),
        ("uint8[]", vec![json!([]), json!([1, "2", "0x3"])]),
        ("uint8[2][]", vec![json!([]), json!([[1, 2], [3, 4]])]),
        // What its type does not have is not signed.
        ("Pair", vec![json!({"a": 1, "b": true, "more": "or less"})]),
        ("Pair[1]", vec![json!([{"a": 1, "b": true}])]),
    ];
    for (member_type, values) in cases {
        for value in values {
            let payload = of_one_member(member_type, value.clone());
            let result = cow().sign_dynamic_typed_data(&payload).await;
            let signed = result.unwrap_or_else(|error| panic!("{member_type} {value}: {error:?}"));
            let hash = payload.eip712_signing_hash().unwrap();
            let signer = signed
                .signature
                .recover_address_from_prehash(&hash)
                .unwrap();
            assert_eq!(signer, cow().address(), "{member_type} {value}");
        }
    }
}

/// alloy reads some of these, and other libraries refuse them or hash something else.
#[tokio::test]
async fn values_with_several_meanings_are_refused() {
    let bad_checksum = ADDRESS.replace("CD2a", "cD2a");
    let no_prefix = &ADDRESS[2..];
    let above = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    let cases = [
        (
            "bool",
            vec![
                json!("false"),
                json!("true"),
                json!(0),
                json!(1),
                json!(null),
                json!(""),
            ],
        ),
        (
            "uint8",
            vec![
                json!(256),
                json!(-1),
                json!("256"),
                json!("-1"),
                json!("-0"),
                json!("0x100"),
                json!(""),
                json!("0x"),
                json!("1_0"),
                json!("0x1_0"),
                json!("_"),
                json!(" 1"),
                json!("+1"),
                json!("1e1"),
                json!("1.0"),
                json!(1.0),
                json!("0X1"),
                json!("0b1"),
                json!("0o1"),
                json!("ff"),
                json!(null),
                json!(true),
                json!([1]),
            ],
        ),
        ("uint256", vec![json!(above), json!(1e19)]),
        (
            "int8",
            vec![
                json!(128),
                json!(-129),
                json!("128"),
                json!("-129"),
                json!("0x80"),
                json!("-0x1"),
                json!("-"),
                json!("--1"),
                json!("-1_0"),
                json!("+1"),
            ],
        ),
        ("int256", vec![json!(format!("0x{}", "f".repeat(64)))]),
        (
            "bytes",
            vec![
                json!("1234"),
                json!(""),
                json!("0x1"),
                json!("0X12"),
                json!([1, 2]),
                json!("0x1_2"),
                json!(5),
                json!(null),
            ],
        ),
        (
            "bytes2",
            vec![json!("1234"), json!("0x12"), json!("0x123456"), json!(5)],
        ),
        (
            "address",
            vec![
                json!(no_prefix),
                json!(bad_checksum),
                json!("0x00"),
                json!("vitalik.eth"),
                json!(0),
                json!(null),
            ],
        ),
        ("string", vec![json!(5), json!(null), json!(["a"])]),
        (
            "uint8[]",
            vec![json!(null), json!({}), json!("[]"), json!(["1_0"])],
        ),
        ("uint8[2]", vec![json!([]), json!([1]), json!([1, 2, 3])]),
        ("uint8[2][]", vec![json!([1, 2]), json!([[1], [2]])]),
        (
            "Pair",
            vec![
                json!(null),
                json!([1, true]),
                json!({"a": 1}),
                json!({"a": 1, "b": "true"}),
            ],
        ),
    ];
    for (member_type, values) in cases {
        for value in values {
            let payload = of_one_member(member_type, value.clone());
            let result = untouchable().sign_dynamic_typed_data(&payload).await;
            let Err(Error::InvalidPayload { source, .. }) = result else {
                panic!("{member_type} {value}: {result:?}");
            };
            // The place is named, and the value is not shown.
            assert!(source.to_string().starts_with("message.x"), "{source}");
        }
    }
}

#[tokio::test]
async fn an_error_shows_no_value_and_little_of_a_name() {
    let name = format!("a\n2026-01-01 INFO forged{}", "x".repeat(100));
    let json = json!({
        "types": {"EIP712Domain": [], "M": [{"name": name, "type": "bool"}]},
        "primaryType": "M", "domain": {}, "message": {name: "canary"},
    });
    let error = untouchable()
        .sign_typed_data_json(&json.to_string())
        .await
        .unwrap_err();
    let text = format!("{error} {}", std::error::Error::source(&error).unwrap());
    assert!(text.contains("message.a\\n2026"), "{text}");
    assert!(!text.contains("canary") && !text.contains('\n'), "{text}");
}
