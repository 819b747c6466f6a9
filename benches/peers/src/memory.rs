//! How much memory a key takes.

use anyhow::{Result, ensure};
use kms_signer::{KeyInput, KeyType, RawSignature, Verifier, provider::aws_kms::AwsKmsSigner};
use stats_alloc::Region as Allocations;

use crate::{
    ALLOCATOR,
    end_to_end::client,
    key::{ARN, HOT_AFTER, Key},
    table::Row,
};

const SIGNERS: usize = 1_000;

pub fn rows() -> Result<Vec<Row>> {
    let cold = cold_signer()?;
    let secp256k1 = table(KeyType::Secp256k1)?;
    let p256 = table(KeyType::P256)?;
    let row = |row, bytes, most| Row::limit(row, "bytes", bytes, Some(most));
    Ok(vec![
        row(
            "memory of a cold AWS KMS signer beside its client",
            cold,
            2048.0,
        ),
        row(
            "memory of a hot key's table, secp256k1",
            secp256k1,
            131_072.0,
        ),
        row("memory of a hot key's table, P-256", p256, 131_072.0),
    ])
}

/// Bytes allocated since `region` began.
pub fn held(region: &Allocations<'_, std::alloc::System>) -> f64 {
    let change = region.change();
    change.bytes_allocated as f64 - change.bytes_deallocated as f64
}

fn cold_signer() -> Result<f64> {
    // Pinning makes no call, so no server is needed.
    let client = client("http://127.0.0.1:1");
    let public_key = Key::new(KeyType::Secp256k1, 1, 0)?.public_key;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let build = || {
        let builder = AwsKmsSigner::builder(ARN).client(client.clone());
        runtime.block_on(builder.connect_lazy(public_key.clone()))
    };
    build()?;
    let mut signers = Vec::with_capacity(SIGNERS);
    let region = Allocations::new(ALLOCATOR);
    for _ in 0..SIGNERS {
        signers.push(build()?);
    }
    let heap = held(&region) / SIGNERS as f64;
    Ok(heap + size_of_val(&signers[0]) as f64)
}

fn table(key_type: KeyType) -> Result<f64> {
    let key = Key::new(key_type, 1, 1)?;
    let signed = &key.signatures[0];
    let input = KeyInput::EcdsaPrehash(&signed.digest);
    let accept = |verifier: &Verifier, count: usize| -> Result<()> {
        for _ in 0..count {
            verifier.accept(&input, RawSignature::Fixed(&signed.fixed))?;
        }
        Ok(())
    };
    // The first hot key also builds the generator's table, which is not part of its own memory.
    let first = Verifier::new(key.public_key.clone());
    accept(&first, HOT_AFTER + 1)?;
    let second = Verifier::new(key.public_key.clone());
    accept(&second, HOT_AFTER - 1)?;
    let region = Allocations::new(ALLOCATOR);
    accept(&second, 2)?;
    let bytes = held(&region);
    ensure!(bytes > 10_000.0, "no table was built: {bytes} bytes");
    Ok(bytes)
}
