//! Records of signatures: their members, that no signature is returned without one, and that an
//! adapter's refusals have one.

#[cfg(feature = "alloy")]
mod account;
mod file;
mod record;
mod refusal;
mod release;

use std::sync::Arc;

use kms_signer::{
    Error, KeyType, PublicKey, Receipt, Result, SignRequest, Signed, Signer, async_trait,
    error::KeyStoreFault,
    layer::audit::{Audit, MemorySink},
    provider::local::LocalSigner,
};
use serde_json::Value;

/// The members of a record, in their order. They are an interface.
const MEMBERS: [&str; 16] = [
    "time",
    "outcome",
    "code",
    "label",
    "kind",
    "digest",
    "signature",
    "recovery_id",
    "key_type",
    "public_key",
    "operation",
    "key",
    "region",
    "request_id",
    "attempts",
    "elapsed_us",
];

/// A signer whose key store always fails.
#[derive(Debug)]
struct FailingSigner(LocalSigner);

#[async_trait]
impl Signer for FailingSigner {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    async fn sign(&self, _: &SignRequest<'_>) -> Result<Signed> {
        let receipt = Receipt::new("Sign", "arn:aws:kms:eu-west-1:1:key/2")
            .with_region(Some("eu-west-1".into()))
            .with_request_id(Some("request-1".into()))
            .with_attempts(3);
        let source = "canary in the source";
        let error = Error::key_store(KeyStoreFault::Throttled, "wait", source);
        Err(error.with_code("ThrottlingException").with_receipt(receipt))
    }
}

fn local() -> LocalSigner {
    LocalSigner::from_bytes(KeyType::Secp256k1, &[7; 32]).unwrap()
}

/// A sink that keeps its records in memory, and a way to read them.
fn in_memory<S: Signer>(signer: S) -> (Audit<S, Arc<MemorySink>>, Arc<MemorySink>) {
    let sink = Arc::new(MemorySink::new());
    (Audit::new(signer, Arc::clone(&sink)), sink)
}

async fn sign(signer: &impl Signer, label: &str) -> Result<Signed> {
    let request = SignRequest::keccak256(b"preimage").with_label(label);
    signer.sign(&request).await
}

#[track_caller]
fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[track_caller]
fn label(record: &Value) -> String {
    assert_eq!(record.as_object().unwrap().len(), MEMBERS.len());
    record["label"].as_str().unwrap().to_owned()
}
