//! Keys in memory, for tests and development.
//!
//! <div class="warning">
//!
//! The key is in the memory of your process: anyone who can read that memory, a core dump or a swap
//! file has the key. For keys that hold value use a key store, such as `provider::aws_kms`.
//!
//! </div>

use std::{fmt, sync::Arc, time::Instant};

use async_trait::async_trait;

use crate::{
    KeyType, PublicKey, RawSignature, Receipt, Result, SignRequest, Signed, Signer, Verifier,
    secret_key::SecretKey,
};

/// A signer with its key in memory. The key is wiped when the last clone is dropped, and `Debug`
/// never shows it.
///
/// ECDSA signatures are deterministic (RFC 6979), so that tests can compare them with vectors. Do
/// not rely on this in production: a key store such as AWS KMS returns a different one each time.
///
/// ```
/// # async fn example() -> kms_signer::Result<()> {
/// use kms_signer::{KeyType, SignRequest, Signer, provider::local::LocalSigner};
///
/// let signer = LocalSigner::random(KeyType::Secp256k1)?;
/// let signed = signer.sign(&SignRequest::keccak256(b"preimage")).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LocalSigner {
    /// Shared by clones, so that there is one copy in memory.
    secret_key: Arc<SecretKey>,
    verifier: Verifier,
    name: Arc<str>,
}

impl LocalSigner {
    /// Creates a signer with a new key from the operating system's random number generator.
    ///
    /// # Errors
    ///
    /// [`Error::Randomness`](crate::Error::Randomness) when the operating system gives no random
    /// bytes.
    pub fn random(key_type: KeyType) -> Result<Self> {
        Self::new(SecretKey::random(key_type)?)
    }

    /// Creates a signer from 32 bytes: a big-endian scalar from 1 to n − 1 for ECDSA, or the seed
    /// of RFC 8032 §5.1.5 for Ed25519. The caller has to wipe `bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSecretKey`](crate::Error::InvalidSecretKey) when they are not such a key.
    pub fn from_bytes(key_type: KeyType, bytes: &[u8]) -> Result<Self> {
        Self::new(SecretKey::from_bytes(key_type, bytes)?)
    }

    /// Creates a signer from an unencrypted DER PKCS#8 private key (RFC 5958), which names its own
    /// type. The caller has to wipe `der`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSecretKey`](crate::Error::InvalidSecretKey), also for another algorithm or
    /// curve.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self> {
        Self::new(SecretKey::from_pkcs8_der(der)?)
    }

    fn new(secret_key: SecretKey) -> Result<Self> {
        let verifier = Verifier::new(secret_key.public_key()?);
        Ok(Self {
            secret_key: Arc::new(secret_key),
            verifier,
            name: "local".into(),
        })
    }

    /// Names the key; the default is `local`. Receipts and audit records show the name as
    /// [`Receipt::key`].
    ///
    /// ```
    /// # async fn example() -> kms_signer::Result<()> {
    /// # use kms_signer::{KeyType, SignRequest, Signer, provider::local::LocalSigner};
    /// let treasury = LocalSigner::random(KeyType::Secp256k1)?.with_name("treasury");
    /// let signed = treasury.sign(&SignRequest::keccak256(b"preimage")).await?;
    /// assert_eq!(signed.receipt.key(), "treasury");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The verifier of this signer, for [`Verifier::warm`].
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

#[async_trait]
impl Signer for LocalSigner {
    fn public_key(&self) -> &PublicKey {
        self.verifier.public_key()
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let start = Instant::now();
        let input = request.input_for(self.public_key().key_type())?;
        let raw = self.secret_key.sign(&input, &[])?;
        let receipt = Receipt::new("Sign", Arc::clone(&self.name)).with_elapsed(start.elapsed());
        let raw = RawSignature::Fixed(&raw);
        self.verifier.release(&input, raw, receipt)
    }
}

impl fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSigner")
            .field("name", &self.name)
            .field("public_key", self.public_key())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
