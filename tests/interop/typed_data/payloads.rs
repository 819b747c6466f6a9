//! Typed data of real applications: this crate must sign all of it, with the hash that ethers and
//! eth-sig-util have.
//!
//! Each file under `payloads/` has the types and the domain of a deployed contract, or of a service
//! that checks signatures. The hash of the primary type, published by the contract or standard,
//! shows that the types are theirs.

use alloy_primitives::{B256, b256, hex};
use kms_signer::{
    KeyType,
    chain::ethereum::{EthereumSigner, V, parse_typed_data, to_rsv},
    provider::local::LocalSigner,
};
use serde_json::{Value, json};

use super::{Readers, Verdict};

const MAIL: &str = include_str!("payloads/mail.json");
const SEAPORT_ORDER: &str = include_str!("payloads/seaport_order.json");
const USD_SEND: &str = include_str!("payloads/hyperliquid_usd_send.json");

/// The application that signs it, the text, and the hash of its primary type.
const PAYLOADS: [(&str, &str, B256); 6] = [
    (
        "the example of EIP-712",
        MAIL,
        b256!("a0cedeb2dc280ba39b857546d74f5549c3a1d7bdc2dd96bf881f76108e23dac2"),
    ),
    (
        "EIP-2612, with USDC (PERMIT_TYPEHASH)",
        include_str!("payloads/permit.json"),
        b256!("6e71edae12b1b97f4d1f60370fef10105fa2faae0126114a169c64845d6126c9"),
    ),
    (
        "Permit2 (PermitHash._PERMIT_SINGLE_TYPEHASH)",
        include_str!("payloads/permit_single.json"),
        b256!("f3841cd1ff0085026a6327b620b67997ce40f282c88a8e905a7a5626e310f3d0"),
    ),
    (
        "Seaport 1.6, from OpenSea (_ORDER_TYPEHASH)",
        SEAPORT_ORDER,
        b256!("fa445660b7e21515a59617fcd68910b487aa5808b8abda3d78bc85df364b2c2f"),
    ),
    (
        "Safe 1.3 and later (SAFE_TX_TYPEHASH)",
        include_str!("payloads/safe_tx.json"),
        b256!("bb8310d486368db6bd6f849402fdd73ad53d316b5a4b2644ad6efe0f941286d8"),
    ),
    (
        "CoW Protocol (GPv2Order.TYPE_HASH)",
        include_str!("payloads/cow_order.json"),
        b256!("d5a25ba2e97094ad7d83dc28a6572da797d6b3e7fc6663bd93efb789fc17e489"),
    ),
];

#[tokio::test]
async fn typed_data_of_applications_is_signed_as_two_libraries_read_it() {
    let mut readers = Readers::new();
    for (source, json, type_hash) in PAYLOADS {
        let typed_data = parse_typed_data(json).unwrap();
        assert_eq!(typed_data.type_hash().unwrap(), type_hash, "{source}");
        assert_eq!(readers.verdict(json).await, Verdict::Signed, "{source}");
    }
    assert_eq!(readers.verdict(USD_SEND).await, Verdict::Signed);
}

/// From the tests of Hyperliquid's own Python client (`test_sign_usd_transfer_action`), whose service
/// hashes the type's name with the colon.
#[tokio::test]
async fn hyperliquid_accepts_the_signature_of_a_transfer() {
    let key = hex!("0123456789012345678901234567890123456789012345678901234567890123");
    let key = LocalSigner::from_bytes(KeyType::Secp256k1, &key).unwrap();
    let account = EthereumSigner::new(key).unwrap();
    let signed = account.sign_typed_data_json(USD_SEND).await.unwrap();
    assert_eq!(
        hex::encode(to_rsv(&signed.signature, V::Electrum).unwrap()),
        "637b37dd731507cdd24f46532ca8ba6eec616952c56218baeff04144e4a77073\
         11a6a24900e6e314136d2592e2f8d502cd89b7c15b198e1bee043c9589f9fad71b"
    );
}

/// 2^`height` of Seaport's orders in one signature, in the form that OpenSea uses.
fn bulk(height: usize) -> String {
    let order: Value = serde_json::from_str(SEAPORT_ORDER).unwrap();
    let orders = (0..1_usize << height).map(|index| {
        let mut order = order["message"].clone();
        order["offer"][0]["identifierOrCriteria"] = json!(index.to_string());
        order
    });
    let mut level: Vec<Value> = orders.collect();
    for _ in 0..height {
        level = level.chunks(2).map(|pair| json!(pair)).collect();
    }
    let mut bulk = order;
    let tree = format!("OrderComponents{}", "[2]".repeat(height));
    bulk["types"]["BulkOrder"] = json!([{"name": "tree", "type": tree}]);
    bulk["primaryType"] = json!("BulkOrder");
    bulk["message"] = json!({"tree": level.remove(0)});
    bulk.to_string()
}

#[tokio::test]
async fn orders_in_bulk_are_signed_as_two_libraries_read_them() {
    let mut readers = Readers::new();
    for height in 1..=6 {
        let json = bulk(height);
        assert_eq!(readers.verdict(&json).await, Verdict::Signed, "{height}");
    }
}
