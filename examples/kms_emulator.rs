//! Runs the KMS emulator until Ctrl-C, for clients in other processes.
//!
//! ```console
//! $ cargo run --example kms_emulator -- --port 4599 --region eu-central-1 --seed 1
//! ```

use anyhow::Context as _;
use clap::Parser;
use kms_signer::emulator::KmsEmulator;

/// An emulator of AWS KMS on 127.0.0.1.
#[derive(Parser)]
struct Arguments {
    /// The port to listen on; any free one by default.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The region to stand for.
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// Makes keys and key ids the same in each run.
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut builder = KmsEmulator::builder()
        .port(arguments.port)
        .region(&arguments.region);
    if let Some(seed) = arguments.seed {
        builder = builder.seed(seed);
    }
    let emulator = builder
        .start()
        .await
        .context("the emulator did not start")?;

    println!("{}", emulator.endpoint_url());
    println!();
    println!("Try, with any credentials:");
    println!();
    println!("export AWS_ACCESS_KEY_ID=AKIAFAKEFAKEFAKEFAKE AWS_SECRET_ACCESS_KEY=fake");
    println!(
        "aws kms create-key --endpoint-url {} --region {} \\",
        emulator.endpoint_url(),
        emulator.region(),
    );
    println!("    --key-spec ECC_SECG_P256K1 --key-usage SIGN_VERIFY");
    println!();
    println!("Ctrl-C stops it.");

    tokio::signal::ctrl_c().await?;
    emulator.stop().await;
    Ok(())
}
