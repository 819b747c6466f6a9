//! Runs the KMS emulator until Ctrl-C, for clients in other processes.
//!
//! ```console
//! $ cargo run --example kms_emulator -- --port 4599 --region eu-central-1 --seed 1
//! ```

use std::io::Write as _;

use anyhow::Context as _;
use clap::Parser;
use kms_signer::emulator::aws_kms::KmsEmulator;

/// An emulator of AWS KMS on 127.0.0.1.
#[derive(Parser)]
struct Arguments {
    /// The port to listen on; by default any free port.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The region to emulate.
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// The account to emulate, 12 digits.
    #[arg(long, default_value = "000000000000")]
    account_id: String,
    /// Makes keys and key ids the same in each run.
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut builder = KmsEmulator::builder()
        .port(arguments.port)
        .region(&arguments.region)
        .account_id(&arguments.account_id);
    if let Some(seed) = arguments.seed {
        builder = builder.seed(seed);
    }
    let emulator = builder
        .start()
        .await
        .context("the emulator did not start")?;

    // Closing stdout does not stop the emulator: Ctrl-C does.
    let _ = std::io::stdout().write_all(instructions(&emulator).as_bytes());

    tokio::signal::ctrl_c().await?;
    emulator.stop().await;
    Ok(())
}

/// Lines for a shell. NO_PROXY is for clients that would use a proxy for 127.0.0.1.
fn instructions(emulator: &KmsEmulator) -> String {
    let (url, region) = (emulator.endpoint_url(), emulator.region());
    format!(
        "An emulator of AWS KMS is at {url}

For any client, with any credentials:

export AWS_ENDPOINT_URL_KMS={url} AWS_REGION={region} AWS_DEFAULT_REGION={region}
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test NO_PROXY=127.0.0.1
aws kms create-key --key-spec ECC_SECG_P256K1 --key-usage SIGN_VERIFY

Ctrl-C stops it.
"
    )
}
