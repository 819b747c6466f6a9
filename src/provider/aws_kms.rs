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
//! [`AwsKmsSigner::check`] also uses `kms:DescribeKey` where it is granted.
//!
//! # Deadlines and retries
//!
//! | what | default | set by |
//! |---|---|---|
//! | one attempt | 3 s | [`attempt_timeout`](AwsKmsSignerBuilder::attempt_timeout) |
//! | a call, with all attempts | 10 s | [`deadline`](AwsKmsSignerBuilder::deadline) |
//! | attempts | 3, after random pauses of up to 25 ms and 50 ms | [`retries`](AwsKmsSignerBuilder::retries) |
//!
//! The SDK's own retries are off, and its process-wide budget for them is not used.
//! [`Error::is_retryable`] decides whether to try again, here and for the caller. There is one
//! exception: when KMS rejects a request for its time, its answer says by how much the clocks
//! differ, and the request is sent once more at once. No other answer shifts the clock.
//!
//! The time of an attempt begins when the request is sent; credentials may take as long as the
//! call. Dropping the future of a call ends the call. An attempt that ends without an answer leaves
//! its connection, with HTTP/1.1 and HTTP/2, and the next one takes another. At most 64 KB of an
//! answer are read.
//!
//! ```no_run
//! # async fn example(arn: &str) -> kms_signer::Result<()> {
//! use std::time::Duration;
//! use kms_signer::provider::aws_kms::{AwsKmsSigner, Retries};
//!
//! let signer = AwsKmsSigner::builder(arn)
//!     .attempt_timeout(Duration::from_millis(800))
//!     .deadline(Duration::from_secs(2))
//!     .retries(Retries::default().max_attempts(4))
//!     .connect()
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Tracing and metrics
//!
//! See [`telemetry`](crate::telemetry). Nothing of what is signed is in it, except its digest. The
//! SDK has events of its own, which at level TRACE show access key ids and what is sent.
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
mod attempt;
mod body;
mod budget;
mod builder;
mod call;
mod clock;
mod credentials;
mod endpoint;
mod failure;
mod health;
mod retries;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use aws_sdk_kms::{
    operation::sign::SignOutput,
    primitives::Blob,
    types::{MessageType, SigningAlgorithmSpec},
};

pub use {aws_config, aws_sdk_kms};

pub use self::{
    builder::AwsKmsSignerBuilder,
    health::{Health, PinCheck},
    retries::Retries,
};
use self::{
    call::{Caller, Subject},
    failure::printable,
};
use crate::{
    Error, KeyInput, KeyType, PublicKey, RawSignature, Receipt, Result, SignRequest, Signature,
    Signed, Signer, Verifier, error::AnswerFault,
};

/// The most bytes KMS signs as a RAW message, which Ed25519 requires (AWS API: Sign, `Message`).
const MAX_RAW_MESSAGE: usize = 4096;

/// A signer whose key is in AWS KMS. Cheap to clone; clones share the client and the pin.
#[derive(Clone)]
pub struct AwsKmsSigner {
    caller: Caller,
    /// As the user gave it: with an alias in the request, IAM conditions on the alias still hold.
    key_id: Arc<str>,
    /// The ARN of the key that is pinned, once known.
    arn: Arc<OnceLock<Arc<str>>>,
    verifier: Verifier,
}

impl AwsKmsSigner {
    /// Starts to configure a signer for a key.
    ///
    /// `key_id` is a key id, a key ARN, an alias name (`alias/…`) or an alias ARN.
    pub fn builder(key_id: impl Into<String>) -> AwsKmsSignerBuilder {
        AwsKmsSignerBuilder::new(key_id.into())
    }

    /// Starts to configure a signer for another key of the same account and region.
    ///
    /// It shares this signer's client, with its connections and credentials, its deadlines, and
    /// the budget of its retries. So thousands of keys cost no more than their public keys. With
    /// [`Bulk::run`](crate::bulk::Bulk::run) many are opened at once:
    ///
    /// ```no_run
    /// # async fn example(hot: kms_signer::provider::aws_kms::AwsKmsSigner, key_ids: Vec<String>) {
    /// use kms_signer::bulk::Bulk;
    ///
    /// let connecting = key_ids.iter().map(|key_id| hot.another_key(key_id).connect());
    /// for (key_id, opened) in key_ids.iter().zip(Bulk::new().concurrency(16).run(connecting).await) {
    ///     println!("{key_id}: {opened:?}");
    /// }
    /// # }
    /// ```
    ///
    /// So that they keep to a rate as well, put each `connect()` into
    /// `layer::rate_limit::RateLimit::run`. With [`pinned`](AwsKmsSignerBuilder::pinned) there is
    /// no call at all.
    pub fn another_key(&self, key_id: impl Into<String>) -> AwsKmsSignerBuilder {
        AwsKmsSignerBuilder::with_caller(key_id.into(), &self.caller)
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
        self.caller.region()
    }

    fn new(caller: Caller, key_id: Arc<str>, arn: Option<String>, public_key: PublicKey) -> Self {
        let lock = OnceLock::new();
        if let Some(arn) = arn {
            lock.get_or_init(|| arn.into());
        }
        Self {
            caller,
            key_id,
            arn: Arc::new(lock),
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
                    actual: printable(used.as_str()),
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
        let subject = Subject {
            operation: "Sign",
            key: &self.key_id,
            arn: self.arn.get().cloned(),
            signs: Some((request, &input)),
            is_probe: false,
        };
        let send = |overrides| {
            let request = (self.caller.client().sign())
                .key_id(&*self.key_id)
                .message(message.clone())
                .message_type(message_type.clone())
                .signing_algorithm(algorithm.clone());
            request.customize().config_override(overrides).send()
        };
        let accept = |output: SignOutput, receipt: Receipt| {
            match (self.release(&output, &input, &algorithm), output.key_id()) {
                // By now the ARN is known, even if it was not when the call began.
                (Ok(signature), _) => Ok(Signed::new(signature, receipt.with_key(self.key()))),
                // Whose answer it is, which an alias does not tell.
                (Err(error), Some(returned)) => Err(error.with_receipt(receipt.with_key(returned))),
                (Err(error), None) => Err(error.with_receipt(receipt)),
            }
        };
        let deadline = self.caller.deadline();
        self.caller.call(subject, deadline, send, accept).await
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
            returned: printable(returned),
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
