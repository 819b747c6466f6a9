//! A provider of your own, written with only the public API, and the suite that checks it.
//!
//! ```console
//! $ cargo run --example custom_provider
//! ```
//!
//! The key store is a small server on loopback, in `service.rs`: a stand-in for an HSM behind a
//! socket, a signing sidecar, or a key service over HTTP. `provider.rs` is the part that you write
//! for yours.

mod provider;
mod service;

use std::time::Duration;

use kms_signer::{SignRequest, Signer as _, conformance::SignerSuite};

use self::{
    provider::SocketSigner,
    service::{KeyService, Trouble},
};

const TOKEN: &str = "token-that-nothing-may-show";
const TIMEOUT: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = KeyService::start(TOKEN).await?;
    let signer = SocketSigner::connect(service.address(), TOKEN, TIMEOUT).await?;

    let request = SignRequest::keccak256(b"the bytes of a transaction");
    let signed = signer.sign(&request).await?;
    println!("signed: {}", signed.receipt);

    // Print the errors that an operator sees and a retry acts on.
    let troubles = [
        (Trouble::Denied, false),
        (Trouble::Busy, true),
        (Trouble::Silent, true),
        (Trouble::Cut, true),
    ];
    for (trouble, is_retryable) in troubles {
        let service = KeyService::start(TOKEN).await?;
        let timeout = Duration::from_millis(200);
        let signer = SocketSigner::connect(service.address(), TOKEN, timeout).await?;
        service.set_trouble(trouble);
        match signer.sign(&request).await {
            Ok(_) => anyhow::bail!("signed despite {trouble:?}"),
            Err(error) => {
                anyhow::ensure!(error.is_retryable() == is_retryable, "{trouble:?}: {error}");
                println!("retryable: {is_retryable}, {error}");
            }
        }
    }

    // In your project this is a test.
    let down = KeyService::start(TOKEN).await?;
    let failing = SocketSigner::connect(down.address(), TOKEN, TIMEOUT).await?;
    down.set_trouble(Trouble::Busy);
    let report = SignerSuite::new("socket", signer)
        .count_calls(service.counter())
        .failing(failing)
        .secret(TOKEN)
        .run()
        .await;
    print!("{report}");
    anyhow::ensure!(report.is_passed(), "the provider breaks the contract");
    Ok(())
}
