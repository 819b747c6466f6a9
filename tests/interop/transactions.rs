//! Transactions of every type, for the encoders and for the node.

use alloy_consensus::{
    BlobTransactionSidecar, EthereumTypedTransaction, Transaction as _, TxEip1559, TxEip2930,
    TxEip4844, TxEip4844Variant, TxEip4844WithSidecar, TxEip7702, TxLegacy, TypedTransaction,
};
use alloy_eips::{
    eip2718::Typed2718 as _,
    eip2930::{AccessList, AccessListItem},
    eip4844::{Blob, Bytes48},
    eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant, CELLS_PER_EXT_BLOB},
    eip7702::SignedAuthorization,
};
use alloy_primitives::{Address, B256, TxKind, U256, address, bytes};
use serde_json::{Value, json};

pub const RECIPIENT: Address = address!("d8dA6BF26964aF9D7eEd9e03E53415D37aA96045");

pub fn access_list() -> AccessList {
    AccessList(vec![AccessListItem {
        address: RECIPIENT,
        storage_keys: vec![B256::ZERO, B256::repeat_byte(7)],
    }])
}

pub fn legacy(chain_id: Option<u64>, nonce: u64) -> TxLegacy {
    TxLegacy {
        chain_id,
        nonce,
        gas_price: 20_000_000_000,
        gas_limit: 60_000,
        to: TxKind::Call(RECIPIENT),
        value: U256::from(1u64),
        input: bytes!("c0ffee"),
    }
}

pub fn eip2930(chain_id: u64, nonce: u64) -> TxEip2930 {
    TxEip2930 {
        chain_id,
        nonce,
        gas_price: 20_000_000_000,
        gas_limit: 60_000,
        to: TxKind::Call(RECIPIENT),
        value: U256::from(1u64),
        access_list: access_list(),
        input: bytes!("c0ffee"),
    }
}

pub fn eip1559(chain_id: u64, nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id,
        nonce,
        gas_limit: 60_000,
        max_fee_per_gas: 20_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(RECIPIENT),
        value: U256::from(1u64),
        access_list: access_list(),
        input: bytes!("c0ffee"),
    }
}

pub fn eip4844(chain_id: u64, nonce: u64, sidecar: &BlobTransactionSidecarVariant) -> TxEip4844 {
    TxEip4844 {
        chain_id,
        nonce,
        gas_limit: 60_000,
        max_fee_per_gas: 20_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: RECIPIENT,
        value: U256::from(1u64),
        access_list: access_list(),
        blob_versioned_hashes: sidecar.versioned_hashes().collect(),
        max_fee_per_blob_gas: 1_000_000_000,
        input: bytes!("c0ffee"),
    }
}

pub fn eip7702(chain_id: u64, nonce: u64, list: Vec<SignedAuthorization>) -> TxEip7702 {
    TxEip7702 {
        chain_id,
        nonce,
        gas_limit: 120_000,
        max_fee_per_gas: 20_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: RECIPIENT,
        value: U256::from(1u64),
        access_list: access_list(),
        authorization_list: list,
        input: bytes!("c0ffee"),
    }
}

/// The commitment to the polynomial 0, and every proof about it, is the point at infinity; so a
/// blob of zeros is a valid one without any KZG library.
fn infinity() -> Bytes48 {
    let mut point = [0; 48];
    point[0] = 0xc0;
    point.into()
}

/// One blob with one proof, as of Cancun (EIP-4844).
pub fn cancun_sidecar() -> BlobTransactionSidecarVariant {
    BlobTransactionSidecarVariant::Eip4844(BlobTransactionSidecar {
        blobs: vec![Blob::ZERO],
        commitments: vec![infinity()],
        proofs: vec![infinity()],
    })
}

/// One blob with a proof for each of its cells, as of Osaka (EIP-7594).
pub fn osaka_sidecar() -> BlobTransactionSidecarVariant {
    BlobTransactionSidecarVariant::Eip7594(BlobTransactionSidecarEip7594 {
        blobs: vec![Blob::ZERO],
        commitments: vec![infinity()],
        cell_proofs: vec![infinity(); CELLS_PER_EXT_BLOB],
    })
}

pub fn with_sidecar(tx: TxEip4844, sidecar: BlobTransactionSidecarVariant) -> TypedTransaction {
    EthereumTypedTransaction::Eip4844(TxEip4844Variant::TxEip4844WithSidecar(
        TxEip4844WithSidecar { tx, sidecar },
    ))
}

/// The transaction's fields for an oracle's `unsigned` request.
pub fn fields(tx: &TypedTransaction) -> Value {
    let mut fields = json!({
        "type": tx.ty(),
        "chainId": tx.chain_id().map(|id| id.to_string()),
        "nonce": tx.nonce().to_string(),
        "to": tx.to(),
        "value": tx.value().to_string(),
        "gas": tx.gas_limit().to_string(),
        "data": tx.input(),
    });
    let mut set = |name: &str, value: Value| fields[name] = value;
    if tx.ty() >= 1 {
        set(
            "accessList",
            json!(
                tx.access_list()
                    .unwrap()
                    .0
                    .iter()
                    .map(|item| {
                        json!({"address": item.address, "storageKeys": item.storage_keys})
                    })
                    .collect::<Vec<_>>()
            ),
        );
    }
    match tx.ty() {
        0 | 1 => set("gasPrice", json!(tx.gas_price().unwrap().to_string())),
        _ => {
            let tip = tx.max_priority_fee_per_gas().unwrap();
            set("maxFeePerGas", json!(tx.max_fee_per_gas().to_string()));
            set("maxPriorityFeePerGas", json!(tip.to_string()));
        }
    }
    if let Some(hashes) = tx.blob_versioned_hashes() {
        set("blobVersionedHashes", json!(hashes));
        set(
            "maxFeePerBlobGas",
            json!(tx.max_fee_per_blob_gas().unwrap().to_string()),
        );
    }
    if let Some(list) = tx.authorization_list() {
        set(
            "authorizationList",
            list.iter().map(authorization).collect(),
        );
    }
    fields
}

/// A signed authorization as the oracles read it.
pub fn authorization(signed: &SignedAuthorization) -> Value {
    json!({
        "chainId": signed.chain_id.to_string(),
        "address": signed.address,
        "nonce": signed.nonce.to_string(),
        "r": format!("{:#x}", signed.r()),
        "s": format!("{:#x}", signed.s()),
        "yParity": signed.y_parity(),
    })
}
