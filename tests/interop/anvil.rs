//! A node mines transactions that this crate signed, through alloy's provider and wallet.

use std::{process::Stdio, time::Duration};

use alloy_consensus::{Transaction as _, TypedTransaction};
use alloy_eips::{eip2718::Typed2718 as _, eip7702::Authorization};
use alloy_network::TransactionBuilder as _;
use alloy_primitives::{Address, B256, U256, uint};
use alloy_provider::{Provider, ProviderBuilder};
use alloy_rpc_types_eth::{TransactionReceipt, TransactionRequest};
use kms_signer::{
    Error, chain::ethereum::EthereumSigner, emulator::aws_kms::Operation,
    provider::aws_kms::AwsKmsSigner,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{
    tools::{account, tool},
    transactions::{self, RECIPIENT},
};

/// anvil's chain id.
const CHAIN_ID: u64 = 31337;
/// Half the order of secp256k1, the highest s that EIP-2 allows.
const HALF_ORDER: U256 =
    uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);
const PATIENCE: Duration = Duration::from_secs(30);

/// A running anvil. Dropping this ends it.
struct Anvil {
    _process: Child,
    url: String,
}

impl Anvil {
    async fn start() -> Self {
        let mut process =
            Command::new(tool("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"))
                .args(["--host", "127.0.0.1", "--port", "0"])
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(address) = line.strip_prefix("Listening on ") {
                    return address.to_owned();
                }
            }
            panic!("anvil ended before it listened");
        });
        let url = format!(
            "http://{}",
            address.await.expect("anvil did not listen in time")
        );
        // Keep reading its log: a full pipe would block it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            _process: process,
            url,
        }
    }

    fn provider(&self) -> impl Provider + use<> {
        ProviderBuilder::new().connect_http(self.url.parse().unwrap())
    }

    async fn fund(&self, address: Address) {
        let balance = U256::from(10).pow(U256::from(20));
        let provider = self.provider();
        let () = provider
            .raw_request("anvil_setBalance".into(), (address, balance))
            .await
            .unwrap();
    }

    /// After anvil has accepted a transaction, it has no receipt for a moment.
    async fn receipt(&self, hash: B256) -> TransactionReceipt {
        let provider = self.provider();
        let receipt = timeout(PATIENCE, async {
            loop {
                if let Some(receipt) = provider.get_transaction_receipt(hash).await.unwrap() {
                    return receipt;
                }
                sleep(Duration::from_millis(10)).await;
            }
        });
        receipt
            .await
            .unwrap_or_else(|_| panic!("no receipt for {hash}"))
    }

    /// Sends the raw bytes and checks what the node read from them.
    async fn mine(&self, wallet: &EthereumSigner<AwsKmsSigner>, tx: TypedTransaction) {
        let ty = tx.ty();
        let signed = wallet.sign_typed_transaction(tx).await.unwrap();
        assert!(
            signed.envelope.signature().s() <= HALF_ORDER,
            "type {ty}: s is high"
        );
        let provider = self.provider();
        let pending = provider.send_raw_transaction(&signed.raw).await;
        let pending = pending.unwrap_or_else(|error| panic!("type {ty}: {error}"));
        assert_eq!(*pending.tx_hash(), signed.hash, "type {ty}");
        let receipt = self.receipt(signed.hash).await;
        assert!(receipt.status(), "type {ty} was reverted");
        assert_eq!(receipt.from, wallet.address(), "type {ty}");
        assert_eq!(u8::from(receipt.transaction_type()), ty);
    }
}

#[tokio::test]
async fn a_node_mines_all_five_types_and_a_delegation() {
    let anvil = Anvil::start().await;
    let (_emulator, wallet) = account().await;
    let wallet = wallet.with_chain_id(CHAIN_ID);
    anvil.fund(wallet.address()).await;

    anvil
        .mine(&wallet, transactions::legacy(Some(CHAIN_ID), 0).into())
        .await;
    anvil
        .mine(&wallet, transactions::eip2930(CHAIN_ID, 1).into())
        .await;
    anvil
        .mine(&wallet, transactions::eip1559(CHAIN_ID, 2).into())
        .await;
    let sidecar = transactions::osaka_sidecar();
    let tx = transactions::eip4844(CHAIN_ID, 3, &sidecar);
    anvil
        .mine(&wallet, transactions::with_sidecar(tx, sidecar))
        .await;

    // The account sends its own authorization, so the authorization's nonce is one ahead.
    let authorization = Authorization {
        chain_id: U256::from(CHAIN_ID),
        address: RECIPIENT,
        nonce: 5,
    };
    let authorization = wallet.sign_authorization(authorization).await.unwrap();
    anvil
        .mine(
            &wallet,
            transactions::eip7702(CHAIN_ID, 4, vec![authorization.authorization]).into(),
        )
        .await;
    let code = anvil
        .provider()
        .get_code_at(wallet.address())
        .await
        .unwrap();
    assert_eq!(
        code[..],
        [&[0xef, 0x01, 0x00], RECIPIENT.as_slice()].concat()
    );
}

#[tokio::test]
async fn a_node_applies_an_authorization_for_every_chain_at_nonce_0() {
    let anvil = Anvil::start().await;
    let (_emulator, sponsor) = account().await;
    let (_other_emulator, authority) = account().await;
    anvil.fund(sponsor.address()).await;
    let authorization = Authorization {
        chain_id: U256::ZERO,
        address: RECIPIENT,
        nonce: 0,
    };
    let authorization = authority.sign_authorization(authorization).await.unwrap();
    anvil
        .mine(
            &sponsor,
            transactions::eip7702(CHAIN_ID, 0, vec![authorization.authorization]).into(),
        )
        .await;
    let code = anvil
        .provider()
        .get_code_at(authority.address())
        .await
        .unwrap();
    assert_eq!(
        code[..],
        [&[0xef, 0x01, 0x00], RECIPIENT.as_slice()].concat()
    );
}

#[tokio::test]
async fn a_legacy_transaction_without_replay_protection_is_mined() {
    let anvil = Anvil::start().await;
    let (_emulator, wallet) = account().await;
    anvil.fund(wallet.address()).await;
    anvil
        .mine(&wallet, transactions::legacy(None, 0).into())
        .await;
}

/// As in an alloy application: a provider with the signer as its wallet fills in, signs and sends.
#[tokio::test]
async fn a_provider_with_the_signer_as_wallet_just_works() {
    let anvil = Anvil::start().await;
    let (emulator, wallet) = account().await;
    let address = wallet.address();
    anvil.fund(address).await;
    let provider = ProviderBuilder::new()
        .wallet(wallet.with_chain_id(CHAIN_ID))
        .connect_http(anvil.url.parse().unwrap());

    for nonce in 0..5 {
        let request = TransactionRequest::default()
            .with_to(RECIPIENT)
            .with_value(U256::from(1));
        let pending = provider.send_transaction(request).await.unwrap();
        let receipt = anvil.receipt(*pending.tx_hash()).await;
        assert!(receipt.status());
        assert_eq!(
            (receipt.from, u8::from(receipt.transaction_type())),
            (address, 2)
        );
        let mined = provider
            .get_transaction_by_hash(receipt.transaction_hash)
            .await
            .unwrap();
        let mined = mined.unwrap();
        assert_eq!(mined.nonce(), nonce);
        assert!(mined.inner.signature().s() <= HALF_ORDER, "s is high");
    }
    assert_eq!(
        emulator.calls(Operation::Sign),
        5,
        "one Sign for each transaction"
    );
}

#[tokio::test]
async fn a_provider_returns_the_error_of_the_signer() {
    let anvil = Anvil::start().await;
    let (emulator, wallet) = account().await;
    anvil.fund(wallet.address()).await;
    let provider = ProviderBuilder::new()
        .wallet(wallet.with_chain_id(1))
        .connect_http(anvil.url.parse().unwrap());
    let request = TransactionRequest::default().with_to(RECIPIENT);
    let error = provider.send_transaction(request).await.unwrap_err();

    match Error::from_alloy(&error) {
        Some(Error::Refused { rule, reason, .. }) => {
            assert_eq!(rule, "chain_id");
            assert!(reason.contains(&format!("chain {CHAIN_ID}")), "{reason}");
        }
        other => panic!("{other:?} in {error:?}"),
    }
    assert_eq!(
        emulator.calls(Operation::Sign),
        0,
        "rejected before the network"
    );
}
