//! The key of all rows, and its signatures.

use anyhow::{Result, ensure};
use kms_signer::{KeyType, PublicKey, SignRequest, Signer as _, provider::local::LocalSigner};

pub const ARN: &str = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000000";

/// How many signatures make a key hot.
pub const HOT_AFTER: usize = 16;

/// How many digests are signed in turn: enough to read every part of the tables.
pub const SIGNATURES: usize = 512;

pub struct Key {
    pub public_key: PublicKey,
    pub signatures: Vec<Signed>,
}

#[derive(Clone)]
pub struct Signed {
    pub digest: [u8; 32],
    /// `r‖s`, low-s.
    pub fixed: [u8; 64],
    /// As KMS returns it: with a high `s` in every second one.
    pub der: Vec<u8>,
}

impl Key {
    /// Half of the signatures have a nonce point with an odd y, and half of each half have a high
    /// `s`, as from a key store. Recovery by trial needs one trial for an even y and two for an odd
    /// one.
    pub fn new(key_type: KeyType, number: u32, signatures: usize) -> Result<Self> {
        let mut secret = [7; 32];
        secret[28..].copy_from_slice(&number.to_be_bytes());
        let signer = LocalSigner::from_bytes(key_type, &secret)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let mut wanted = [signatures.div_ceil(2), signatures / 2];
        let mut chosen = Vec::with_capacity(signatures);
        for count in 0..64 * (signatures as u64 + 1) {
            if wanted == [0, 0] {
                break;
            }
            let mut digest = [0x42; 32];
            digest[..8].copy_from_slice(&count.to_be_bytes());
            let request = kms_signer::hazmat::prehashed(digest);
            let signature = runtime.block_on(signer.sign(&request))?.signature;
            let parity = signature
                .as_secp256k1()
                .map(|signature| signature.y_is_odd());
            let left = &mut wanted[usize::from(parity.unwrap_or(count % 2 == 1))];
            if *left > 0 {
                *left -= 1;
                let fixed = signature.as_bytes().try_into()?;
                chosen.push(Signed {
                    digest,
                    fixed,
                    der: der(key_type, &fixed, *left % 2 == 1)?,
                });
            }
        }
        ensure!(
            wanted == [0, 0],
            "too few signatures: {wanted:?} are missing"
        );
        Ok(Self {
            public_key: signer.public_key().clone(),
            signatures: chosen,
        })
    }
}

fn der(key_type: KeyType, fixed: &[u8; 64], s_is_high: bool) -> Result<Vec<u8>> {
    macro_rules! der {
        ($curve:ident) => {{
            let signature = $curve::ecdsa::Signature::from_slice(fixed)?;
            let (r, s) = signature.split_scalars();
            let s = if s_is_high { -*s } else { *s };
            let signature = $curve::ecdsa::Signature::from_scalars(*r, s)?;
            signature.to_der().as_bytes().to_vec()
        }};
    }
    Ok(match key_type {
        KeyType::P256 => der!(p256),
        _ => der!(k256),
    })
}

pub fn sign(signer: &LocalSigner, request: &SignRequest<'_>) -> Result<[u8; 64]> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let signature = runtime.block_on(signer.sign(request))?.signature;
    Ok(signature.as_bytes().try_into()?)
}
