//! From a KMS key to a signed EIP-1559 transaction.
//!
//! ```sh
//! cargo run --example quickstart               # no AWS account: an emulator in this process
//! KMS_KEY_ID=alias/hot-wallet cargo run --example quickstart    # your key in AWS KMS
//! cargo run --example quickstart -- --json     # one JSON object for scripts
//! ```
//!
//! Nothing is sent to any chain.

use alloy_consensus::{TxEip1559, transaction::SignerRecoverable as _};
use alloy_primitives::{TxKind, U256, address, hex};
use clap::Parser;
use kms_signer::{
    KeyType, Signer as _, chain::ethereum::EthereumSigner, emulator::aws_kms::KmsEmulator,
    provider::aws_kms::AwsKmsSigner,
};

/// Signs one EIP-1559 transaction with a KMS key and recovers its sender.
#[derive(Parser)]
struct Arguments {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();

    // The emulator stops when it is dropped, at the end of `main`.
    let (key, _emulator) = match std::env::var("KMS_KEY_ID") {
        Ok(key_id) => (AwsKmsSigner::builder(key_id).connect().await?, None),
        Err(_) => {
            let emulator = KmsEmulator::start().await?;
            let arn = emulator.create_key(KeyType::Secp256k1)?;
            let key = AwsKmsSigner::builder(arn)
                .emulator(emulator.endpoint_url(), emulator.region())
                .connect()
                .await?;
            (key, Some(emulator))
        }
    };

    let wallet = EthereumSigner::new(key)?.with_chain_id(1);
    let signed = wallet
        .sign_eip1559(TxEip1559 {
            chain_id: 1,
            nonce: 0,
            gas_limit: 21_000,
            max_fee_per_gas: 30_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: TxKind::Call(address!("d8dA6BF26964aF9D7eEd9e03E53415D37aA96045")),
            value: U256::from(1_000_000_000_000_000u64),
            ..Default::default()
        })
        .await?;
    let recovered = signed.envelope.recover_signer()?;

    if arguments.json {
        let object = serde_json::json!({
            "address": wallet.address().to_string(),
            "raw_transaction": signed.raw,
            "transaction_hash": signed.hash,
            "recovered_sender": recovered.to_string(),
            "public_key": hex::encode_prefixed(wallet.signer().public_key().to_bytes()),
        });
        println!("{object}");
    } else {
        println!("key              {}", wallet.signer().key());
        println!("address          {}", wallet.address());
        println!("raw transaction  {}", signed.raw);
        println!("transaction hash {}", signed.hash);
        println!("recovered sender {recovered}");
        println!(
            "KMS request id   {}",
            signed.receipt.request_id().unwrap_or("none")
        );
    }
    anyhow::ensure!(
        recovered == wallet.address(),
        "the recovered sender is not the address"
    );
    Ok(())
}
