//! Keys in AWS KMS: ECC_SECG_P256K1, ECC_NIST_P256 and ECC_NIST_EDWARDS25519.
//!
//! # Permissions
//!
//! | IAM action | needed for |
//! |---|---|
//! | `kms:Sign` | every signature |
//! | `kms:GetPublicKey` | [`AwsKmsSignerBuilder::connect`]; not for [`AwsKmsSignerBuilder::pinned`] |
//!
//! Restrict the action to the key's ARN. The condition key `kms:RequestAlias` works, because an
//! alias is sent to KMS as it was given.
//!
//! # Timeouts and retries
//!
//! They are those of the SDK: three attempts, and no limit for an answer that never comes. Set one,
//! as a server that hangs would hang its callers:
//!
//! ```no_run
//! # async fn example(arn: &str) -> kms_signer::Result<()> {
//! use std::time::Duration;
//! use kms_signer::provider::aws_kms::{
//!     AwsKmsSigner,
//!     aws_config::{self, BehaviorVersion, timeout::TimeoutConfig},
//! };
//!
//! let timeouts = TimeoutConfig::builder()
//!     .operation_attempt_timeout(Duration::from_secs(5))
//!     .build();
//! let config = aws_config::defaults(BehaviorVersion::latest())
//!     .timeout_config(timeouts)
//!     .load()
//!     .await;
//! let signer = AwsKmsSigner::builder(arn).sdk_config(&config).connect().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Tracing
//!
//! Each call is one event of `tracing` at level DEBUG, target `kms_signer::provider::aws_kms::call`,
//! with the fields `operation`, `key`, `request_id`, `attempts`, `elapsed_us`, `ok` and `code`.
//! Nothing of what is signed is in it. The SDK has events of its own.
//!
//! # What is checked
//!
//! - On connecting: key spec, key usage, signing algorithms and the public key itself must agree.
//! - On every signature: the key ARN and the algorithm in the answer are the expected ones, and the
//!   signature verifies under the pinned public key.
//!
//! ECDSA in KMS is not deterministic: signing the same bytes twice gives two different signatures,
//! both valid. Nothing may be derived from a signature.
//!
//! # Example
//!
//! ```no_run
//! # async fn example() -> kms_signer::Result<()> {
//! use kms_signer::{SignRequest, Signer, provider::aws_kms::AwsKmsSigner};
//!
//! let signer = AwsKmsSigner::builder("alias/hot-wallet")
//!     .region("eu-central-1")
//!     .connect()
//!     .await?;
//! let signed = signer.sign(&SignRequest::keccak256(b"preimage")).await?;
//! println!("CloudTrail requestID {:?}", signed.receipt.request_id());
//! # Ok(())
//! # }
//! ```

mod admission;
mod builder;
mod call;
mod failure;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use aws_sdk_kms::{
    Client,
    operation::sign::SignOutput,
    primitives::Blob,
    types::{MessageType, SigningAlgorithmSpec},
};

pub use {aws_config, aws_sdk_kms};

pub use self::builder::AwsKmsSignerBuilder;
use self::call::Call;
use crate::{
    Error, KeyInput, KeyType, PublicKey, RawSignature, Result, SignRequest, Signature, Signed,
    Signer, Verifier, error::AnswerFault,
};

/// The most bytes KMS signs as a RAW message, which Ed25519 requires (AWS API: Sign, `Message`).
const MAX_RAW_MESSAGE: usize = 4096;

/// A signer whose key is in AWS KMS. Cheap to clone; clones share the client and the pin.
#[derive(Clone)]
pub struct AwsKmsSigner {
    client: Client,
    /// As the user gave it: with an alias in the request, IAM conditions on the alias still hold.
    key_id: Arc<str>,
    /// The ARN of the key that is pinned, once known.
    arn: Arc<OnceLock<Arc<str>>>,
    region: Option<Arc<str>>,
    verifier: Verifier,
}

impl AwsKmsSigner {
    /// Starts to configure a signer for a key.
    ///
    /// `key_id` is a key id, a key ARN, an alias name (`alias/…`) or an alias ARN.
    pub fn builder(key_id: impl Into<String>) -> AwsKmsSignerBuilder {
        AwsKmsSignerBuilder::new(key_id.into())
    }

    /// The key: its ARN once known, and until then the id it was configured with.
    ///
    /// The ARN is known after [`connect`](AwsKmsSignerBuilder::connect). A
    /// [`pinned`](AwsKmsSignerBuilder::pinned) signer that was not given the ARN learns it from its
    /// first verified signature.
    pub fn key(&self) -> &str {
        self.arn.get().unwrap_or(&self.key_id)
    }

    /// The key id, ARN or alias it was configured with, which is what KMS is asked for.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The region of the client.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    fn new(client: Client, key_id: Arc<str>, arn: Option<String>, public_key: PublicKey) -> Self {
        let region = client
            .config()
            .region()
            .map(|region| region.as_ref().into());
        let lock = OnceLock::new();
        if let Some(arn) = arn {
            lock.get_or_init(|| arn.into());
        }
        Self {
            client,
            key_id,
            arn: Arc::new(lock),
            region,
            verifier: Verifier::new(public_key),
        }
    }

    /// Everything that must hold before a signature leaves this file.
    fn release(
        &self,
        output: &SignOutput,
        input: &KeyInput<'_>,
        algorithm: &SigningAlgorithmSpec,
    ) -> Result<Signature> {
        let returned = output.key_id().ok_or_else(|| missing("KeyId"))?;
        check_key(self.key(), returned)?;
        let used = output
            .signing_algorithm()
            .ok_or_else(|| missing("SigningAlgorithm"))?;
        if used != algorithm {
            return Err(Error::UnusableAnswer {
                fault: AnswerFault::Algorithm {
                    actual: used.as_str().to_owned(),
                    expected: algorithm.as_str().to_owned(),
                },
                receipt: None,
            });
        }
        let bytes = output
            .signature()
            .map(Blob::as_ref)
            .filter(|bytes| !bytes.is_empty())
            .ok_or_else(|| missing("Signature"))?;
        let raw = match input {
            KeyInput::EcdsaPrehash(_) => RawSignature::Der(bytes),
            KeyInput::Ed25519Message(_) => RawSignature::Fixed(bytes),
        };
        let signature = self.verifier.accept(input, raw)?;
        self.arn.get_or_init(|| returned.into());
        Ok(signature)
    }
}

#[async_trait]
impl Signer for AwsKmsSigner {
    fn public_key(&self) -> &PublicKey {
        self.verifier.public_key()
    }

    /// One `Sign` call. KMS takes messages of 1 to 4,096 bytes from Ed25519 keys.
    ///
    /// # Errors
    ///
    /// - [`Error::UnsupportedRequest`] and [`Error::MessageLength`] before any call.
    /// - [`Error::KeyStore`] when KMS, or the way to it, failed.
    /// - [`Error::KeyMoved`] when the answer is by another key, since the alias points there now.
    /// - [`Error::UnusableAnswer`], [`Error::InvalidSignature`] and [`Error::SignatureNotVerified`]
    ///   when KMS, or whatever answered in its place, returned something else than a signature.
    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let input = request.input_for(self.public_key().key_type())?;
        let (message, message_type) = message_of(&input)?;
        let algorithm = algorithm_of(self.public_key().key_type());

        // By the name that is sent: an alias may by now lead to another key than the pinned one.
        let call = Call::start("Sign", &self.key_id, self.region.clone());
        let answer = self
            .client
            .sign()
            .key_id(&*self.key_id)
            .message(message)
            .message_type(message_type)
            .signing_algorithm(algorithm.clone())
            .customize()
            .interceptor(call.attempts())
            .send()
            .await;
        let (output, receipt) = call.finish(answer)?;
        match (self.release(&output, &input, &algorithm), output.key_id()) {
            // By now the ARN is known, even if it was not when the call began.
            (Ok(signature), _) => Ok(Signed::new(signature, receipt.with_key(self.key()))),
            // Whose answer it is, which an alias does not tell.
            (Err(error), Some(returned)) => Err(error.with_receipt(receipt.with_key(returned))),
            (Err(error), None) => Err(error.with_receipt(receipt)),
        }
    }
}

/// Shows neither credentials nor the endpoint, whose URL may hold a password.
impl fmt::Debug for AwsKmsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKmsSigner")
            .field("key_id", &self.key_id())
            .field("key", &self.key())
            .field("region", &self.region())
            .field("public_key", self.public_key())
            .finish_non_exhaustive()
    }
}

/// The `Message` and `MessageType` of a Sign call.
///
/// The type is always set: KMS defaults to RAW and would hash a digest once more.
fn message_of(input: &KeyInput<'_>) -> Result<(Blob, MessageType)> {
    match input {
        KeyInput::EcdsaPrehash(digest) => Ok((Blob::new(digest.to_vec()), MessageType::Digest)),
        KeyInput::Ed25519Message(message) if (1..=MAX_RAW_MESSAGE).contains(&message.len()) => {
            Ok((Blob::new(message.to_vec()), MessageType::Raw))
        }
        KeyInput::Ed25519Message(message) => Err(Error::MessageLength {
            actual: message.len(),
            most: MAX_RAW_MESSAGE,
        }),
    }
}

/// The one algorithm for each type. ED25519_PH_SHA_512 is another scheme, which no chain verifies.
fn algorithm_of(key_type: KeyType) -> SigningAlgorithmSpec {
    match key_type {
        KeyType::Secp256k1 | KeyType::P256 => SigningAlgorithmSpec::EcdsaSha256,
        KeyType::Ed25519 => SigningAlgorithmSpec::Ed25519Sha512,
    }
}

fn is_alias(key_id: &str) -> bool {
    key_id.starts_with("alias/") || key_id.contains(":alias/")
}

/// Whether an answer about the key `returned` is one for the key id `asked`.
///
/// An ARN must be the same, an id must be that of the ARN. An alias may lead to any key, but its
/// ARN only to one of its own account and region. KMS answers with the key's ARN, and some
/// emulators with its bare id.
fn check_key(asked: &str, returned: &str) -> Result<()> {
    let is_arn = |id: &str| id.starts_with("arn:");
    let bare = |id: &str| id.rsplit('/').next().map(str::to_owned);
    let agree = match asked.split_once(":alias/") {
        Some((scope, _)) => !is_arn(returned) || returned.starts_with(&format!("{scope}:key/")),
        None if is_alias(asked) => true,
        None if is_arn(asked) && is_arn(returned) => asked == returned,
        None => bare(asked) == bare(returned),
    };
    match agree {
        true => Ok(()),
        false => Err(Error::KeyMoved {
            pinned: asked.to_owned(),
            returned: returned.to_owned(),
            receipt: None,
        }),
    }
}

fn missing(field: &'static str) -> Error {
    Error::UnusableAnswer {
        fault: AnswerFault::Missing { field },
        receipt: None,
    }
}

#[cfg(test)]
mod tests;
