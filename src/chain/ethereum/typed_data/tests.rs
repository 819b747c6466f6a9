use alloy_dyn_abi::TypedData;
use alloy_primitives::{address, hex, keccak256};
use alloy_sol_types::{Eip712Domain, eip712_domain, sol};

use super::*;
use crate::{
    chain::ethereum::{V, tests::wallet, to_rsv},
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

const JSON: &str = r#"{
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
    assert_eq!(
        hex::encode(to_rsv(&of_struct, V::Electrum).unwrap()),
        SIGNATURE
    );

    let json: TypedData = serde_json::from_str(JSON).unwrap();
    assert_eq!(cow.sign_dynamic_typed_data(&json).await.unwrap(), of_struct);
}

/// A message that is the domain itself is hashed without a second part: alloy agrees.
#[tokio::test]
async fn the_domain_alone_can_be_signed() {
    let mut json: TypedData = serde_json::from_str(JSON).unwrap();
    json.primary_type = "EIP712Domain".into();
    let cow = cow();
    let signature = cow.sign_dynamic_typed_data(&json).await.unwrap();
    let hash = json.eip712_signing_hash().unwrap();
    assert_eq!(
        signature.recover_address_from_prehash(&hash).unwrap(),
        cow.address()
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
        let mut json: serde_json::Value = serde_json::from_str(JSON).unwrap();
        json["types"]["EIP712Domain"] = serde_json::from_str(declared).unwrap();
        let json: TypedData = serde_json::from_value(json).unwrap();
        let result = cow().sign_dynamic_typed_data(&json).await;
        assert!(
            matches!(result, Err(Error::InvalidPayload { .. })),
            "{declared}: {result:?}"
        );
    }
    // Not declared at all is common, and means the fields that are there.
    let mut json: serde_json::Value = serde_json::from_str(JSON).unwrap();
    json["types"]
        .as_object_mut()
        .unwrap()
        .remove("EIP712Domain");
    let json: TypedData = serde_json::from_value(json).unwrap();
    let signature = cow().sign_dynamic_typed_data(&json).await.unwrap();
    assert_eq!(
        hex::encode(to_rsv(&signature, V::Electrum).unwrap()),
        SIGNATURE
    );
}

#[tokio::test]
async fn a_message_that_does_not_fit_its_types_is_refused() {
    let mut json: TypedData = serde_json::from_str(JSON).unwrap();
    json.message["from"]["wallet"] = "nobody".into();
    let result = cow().sign_dynamic_typed_data(&json).await;
    assert!(
        matches!(result, Err(Error::InvalidPayload { .. })),
        "{result:?}"
    );
}
