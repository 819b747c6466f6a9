//! ethers, viem and eth-account decode, hash and recover what this crate signed, and agree with it.

use alloy_consensus::{SignableTransaction as _, Transaction as _, TypedTransaction};
use alloy_dyn_abi::TypedData;
use alloy_eips::{eip2718::Typed2718 as _, eip7702::Authorization};
use alloy_primitives::{B256, TxKind, U256, hex, keccak256};
use kms_signer::{chain::ethereum::EthereumSigner, provider::aws_kms::AwsKmsSigner};
use serde_json::{Value, json};

use crate::{
    tools::{Oracle, account},
    transactions::{self, RECIPIENT},
};

/// Each type with ordinary and with extreme fields. Some are valid but useless on a chain.
async fn all_transactions(wallet: &EthereumSigner<AwsKmsSigner>) -> Vec<TypedTransaction> {
    let mut all: Vec<TypedTransaction> = Vec::new();
    for (chain_id, nonce) in [(1, 0), (137, 1), (31337, 0x7f), (11_155_111, 0x80)] {
        all.push(transactions::legacy(None, nonce).into());
        all.push(transactions::legacy(Some(chain_id), nonce).into());
        all.push(transactions::eip2930(chain_id, nonce).into());
        all.push(transactions::eip1559(chain_id, nonce).into());
        let sidecar = transactions::cancun_sidecar();
        all.push(transactions::eip4844(chain_id, nonce, &sidecar).into());
        let mut list = Vec::new();
        for authorization_chain in [0, chain_id] {
            let authorization = Authorization {
                chain_id: U256::from(authorization_chain),
                address: RECIPIENT,
                nonce: 0,
            };
            let signed = wallet.sign_authorization(authorization).await.unwrap();
            list.push(signed.authorization);
        }
        all.push(transactions::eip7702(chain_id, nonce, list).into());
    }
    // A contract creation, an empty transaction, and large calldata.
    let mut creation = transactions::eip1559(1, 3);
    creation.to = TxKind::Create;
    all.push(creation.into());
    let mut empty = transactions::eip1559(1, 0);
    empty.value = U256::ZERO;
    empty.input = Default::default();
    empty.access_list = Default::default();
    all.push(empty.into());
    let mut large = transactions::eip1559(1, 4);
    large.input = vec![0xab; 100_000].into();
    large.value = U256::MAX;
    all.push(large.into());
    all
}

#[tokio::test]
async fn three_libraries_read_every_transaction_type() {
    let (_emulator, wallet) = account().await;
    let mut oracles = Oracle::all();
    for tx in all_transactions(&wallet).await {
        let signing_hash = tx.signature_hash();
        let unsigned = json!({"op": "unsigned", "tx": transactions::fields(&tx)});
        let signed = wallet.sign_typed_transaction(tx.clone()).await.unwrap();
        let decode = json!({"op": "decode", "raw": signed.raw});
        let expected = json!({
            "type": tx.ty(),
            "from": wallet.address().to_string(),
            "hash": signed.hash,
            "signingHash": signing_hash,
            "chainId": tx.chain_id(),
            "nonce": tx.nonce(),
            "to": tx.to().map(|to| to.to_string()),
            "value": tx.value().to_string(),
            "r": B256::from(signed.envelope.signature().r()),
            "s": B256::from(signed.envelope.signature().s()),
            "yParity": u8::from(signed.envelope.signature().v()),
        });
        for oracle in &mut oracles {
            assert_eq!(oracle.ask(&decode).await, expected, "{}", oracle.name);
            let answer = oracle.ask(&unsigned).await;
            assert_eq!(
                answer,
                json!({"signingHash": signing_hash}),
                "{}: {unsigned}",
                oracle.name
            );
        }
    }
}

/// Signed without the sidecar and sent with it: either form of sidecar gives the same hash.
#[tokio::test]
async fn a_blob_transaction_is_hashed_without_its_sidecar() {
    let (_emulator, wallet) = account().await;
    let mut oracles = Oracle::all();
    for (sidecar, is_osaka) in [
        (transactions::cancun_sidecar(), false),
        (transactions::osaka_sidecar(), true),
    ] {
        let mut tx = transactions::eip4844(1, 5, &sidecar);
        // eth-account cannot recover a sender from an access list beside a sidecar.
        tx.access_list = Default::default();
        let signing_hash = tx.signature_hash();
        let signed = wallet
            .sign_typed_transaction(transactions::with_sidecar(tx, sidecar))
            .await
            .unwrap();
        assert!(signed.raw.len() > 131_072, "the raw bytes lack the blob");
        for oracle in &mut oracles {
            let answer = oracle
                .ask(&json!({"op": "decode", "raw": signed.raw}))
                .await;
            if is_osaka && oracle.name == "viem" {
                assert!(
                    answer.get("unsupported").is_some(),
                    "viem reads EIP-7594 now: {answer}"
                );
                continue;
            }
            assert_eq!(
                answer["from"],
                json!(wallet.address().to_string()),
                "{}",
                oracle.name
            );
            assert_eq!(answer["hash"], json!(signed.hash), "{}", oracle.name);
            assert_eq!(
                answer["signingHash"],
                json!(signing_hash),
                "{}",
                oracle.name
            );
        }
    }
}

#[tokio::test]
async fn three_libraries_recover_messages_hashes_and_typed_data() {
    let (_emulator, wallet) = account().await;
    let typed_data = json!({
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"}, {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"}
            ],
            "Order": [
                {"name": "maker", "type": "address"}, {"name": "amounts", "type": "uint256[]"},
                {"name": "memo", "type": "string"}, {"name": "salt", "type": "bytes32"}
            ]
        },
        "primaryType": "Order",
        "domain": {
            "name": "Gateway", "version": "1", "chainId": 137,
            "verifyingContract": RECIPIENT.to_string()
        },
        "message": {
            "maker": RECIPIENT.to_string(), "amounts": ["1", "340282366920938463463374607431768211456"],
            "memo": "héllo", "salt": B256::repeat_byte(9)
        }
    });
    let parsed: TypedData = serde_json::from_value(typed_data.clone()).unwrap();

    let mut questions: Vec<Value> = Vec::new();
    for message in [&b""[..], b"hello", "żółć ✓".as_bytes(), &[0xff; 1000]] {
        let signature = wallet.sign_message(message).await.unwrap().signature;
        questions.push(json!({
            "op": "recover_message",
            "message": hex::encode_prefixed(message),
            "signature": hex::encode_prefixed(signature.as_bytes()),
        }));
    }
    let signature = wallet
        .sign_dynamic_typed_data(&parsed)
        .await
        .unwrap()
        .signature;
    questions.push(json!({
        "op": "recover_typed_data",
        "typed_data": typed_data,
        "signature": hex::encode_prefixed(signature.as_bytes()),
    }));
    let hash = keccak256(b"anything");
    let signature = alloy_signer::Signer::sign_hash(&wallet, &hash)
        .await
        .unwrap();
    questions.push(json!({
        "op": "recover_hash",
        "hash": hash,
        "signature": hex::encode_prefixed(signature.as_bytes()),
    }));

    for mut oracle in Oracle::all() {
        for question in &questions {
            let answer = oracle.ask(question).await;
            let expected = json!({"address": wallet.address().to_string()});
            assert_eq!(answer, expected, "{}: {question}", oracle.name);
        }
    }
}

#[tokio::test]
async fn three_libraries_recover_authorizations() {
    let (_emulator, wallet) = account().await;
    let mut oracles = Oracle::all();
    for (chain_id, nonce) in [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 127),
        (1, 128),
        (11_155_111, 4_000_000),
    ] {
        let authorization = Authorization {
            chain_id: U256::from(chain_id),
            address: RECIPIENT,
            nonce,
        };
        let signed = wallet.sign_authorization(authorization).await.unwrap();
        let question = json!({
            "op": "recover_authorization",
            "authorization": transactions::authorization(&signed.authorization),
        });
        for oracle in &mut oracles {
            let answer = oracle.ask(&question).await;
            let expected = json!({"address": wallet.address().to_string()});
            assert_eq!(answer, expected, "{}: {question}", oracle.name);
        }
    }
}
