//! Tests that a KMS key can sign for Ethereum, and prints what to fix when it cannot.
//!
//! ```sh
//! cargo run --example kms_test -- -r eu-central-1 -k hot-wallet
//! ```
//!
//! It makes two calls to KMS, GetPublicKey and Sign, and sends nothing to any chain.

use std::{error::Error as _, process::ExitCode};

use clap::Parser;
use kms_signer::{Result, chain::ethereum::EthereumSigner, provider::aws_kms::AwsKmsSigner};

/// Prints the Ethereum address of a KMS key, signs a message with it and verifies the signature.
#[derive(Parser)]
struct Arguments {
    /// AWS region of the key.
    #[arg(short, long)]
    region: String,
    /// Key id, key ARN, alias ARN, or alias with or without `alias/`.
    #[arg(short, long)]
    key: String,
    /// Another endpoint, such as that of an emulator.
    #[arg(long)]
    endpoint_url: Option<String>,
}

const MESSAGE: &[u8] = b"kms-signer test";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match test(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            if error.is_retryable() {
                eprintln!("This error is retryable: the same call may succeed later.");
            }
            ExitCode::FAILURE
        }
    }
}

async fn test(arguments: Arguments) -> Result<()> {
    let mut builder = AwsKmsSigner::builder(key_id(&arguments.key)).region(arguments.region);
    if let Some(url) = arguments.endpoint_url {
        builder = builder.endpoint_url(url);
    }
    let wallet = EthereumSigner::new(builder.connect().await?)?;
    println!("Key:                     {}", wallet.signer().key());
    println!("Ethereum signer address: {}", wallet.address());

    let signature = wallet.sign_message(MESSAGE).await?.signature;
    println!(
        "Signature:               0x{}",
        alloy_primitives::hex::encode(signature.as_bytes())
    );
    match signature.recover_address_from_msg(MESSAGE) {
        Ok(signer) if signer == wallet.address() => println!("Verified: the address signed it."),
        // Cannot happen: the signer returns only signatures that verify.
        other => println!("NOT verified: {other:?}"),
    }
    Ok(())
}

/// Accepts an alias by its bare name, which KMS would mistake for a key id.
fn key_id(key: &str) -> String {
    let is_uuid = key.len() == 36 && key.bytes().filter(|byte| *byte == b'-').count() == 4;
    let is_key_id = is_uuid || key.starts_with("mrk-");
    match is_key_id || key.starts_with("arn:") || key.starts_with("alias/") {
        true => key.to_owned(),
        false => format!("alias/{key}"),
    }
}
