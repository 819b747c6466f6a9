//! The key that all rows sign with, and signatures by it.

use anyhow::Result;
use kms_signer::{KeyType, PublicKey, SignRequest, Signer as _, provider::local::LocalSigner};

/// What everybody signs.
pub const DIGEST: [u8; 32] = [0x42; 32];

pub const ARN: &str = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000000";

/// As many signatures as make a key hot.
pub const HOT_AFTER: usize = 16;

pub struct Key {
    pub public_key: PublicKey,
    /// `r‖s` over [`DIGEST`], low-s.
    pub fixed: [u8; 64],
}

impl Key {
    pub fn new(key_type: KeyType, number: u32) -> Result<Self> {
        let mut secret = [7; 32];
        secret[28..].copy_from_slice(&number.to_be_bytes());
        let signer = LocalSigner::from_bytes(key_type, &secret)?;
        Ok(Self {
            public_key: signer.public_key().clone(),
            fixed: sign(&signer, &kms_signer::hazmat::prehashed(DIGEST))?,
        })
    }

    /// As KMS returns it: DER, and `s` high, as it is half of the time.
    pub fn der_with_high_s(&self) -> Result<Vec<u8>> {
        Ok(match self.public_key.key_type() {
            KeyType::P256 => {
                let signature = p256::ecdsa::Signature::from_slice(&self.fixed)?;
                let (r, s) = signature.split_scalars();
                p256::ecdsa::Signature::from_scalars(*r, -*s)?
                    .to_der()
                    .as_bytes()
                    .to_vec()
            }
            _ => {
                let signature = k256::ecdsa::Signature::from_slice(&self.fixed)?;
                let (r, s) = signature.split_scalars();
                k256::ecdsa::Signature::from_scalars(*r, -*s)?
                    .to_der()
                    .as_bytes()
                    .to_vec()
            }
        })
    }
}

pub fn sign(signer: &LocalSigner, request: &SignRequest<'_>) -> Result<[u8; 64]> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    Ok(runtime.block_on(signer.sign(request))?.signature.to_bytes())
}
