//! Keys in AWS KMS: ECC_SECG_P256K1, ECC_NIST_P256 and ECC_NIST_EDWARDS25519.
//!
//! # Permissions
//!
//! | IAM action | needed for |
//! |---|---|
//! | `kms:Sign` | every signature |
//! | `kms:GetPublicKey` | [`AwsKmsSignerBuilder::connect`]; not for [`AwsKmsSignerBuilder::connect_lazy`] |
//!
//! Restrict the action to the key's ARN. The condition key `kms:RequestAlias` works, because the
//! signer sends an alias to KMS as you gave it.
//!
//! [`AwsKmsSigner::check`] also uses `kms:DescribeKey` where it is granted.
//!
//! # Timeouts and retries
//!
//! | what | default | set by |
//! |---|---|---|
//! | one attempt | 3 s, or 3/10 of a `timeout` below 10 s | [`attempt_timeout`](AwsKmsSignerBuilder::attempt_timeout) |
//! | a call, with all attempts | 10 s | [`timeout`](AwsKmsSignerBuilder::timeout) |
//! | a [`check`](AwsKmsSigner::check) | 1 s | [`check_timeout`](AwsKmsSignerBuilder::check_timeout) |
//! | retries | 2, after random pauses of up to 25 ms and 50 ms | [`retries`](AwsKmsSignerBuilder::retries) |
//!
//! The SDK's own retries are off, and so is their process-wide budget. [`Error::is_retryable`]
//! decides what is retried, and tells the caller the same. There is one exception: when KMS rejects
//! a request because this machine's clock is wrong, its answer says by how much, and the signer
//! sends the request once more at once, with KMS's time. No other answer changes the clock.
//!
//! The timeout of an attempt starts when the request is sent; loading credentials may take as long
//! as the call. Dropping the future of a call ends the call. A connection whose attempt ended
//! without an answer is not used again, with HTTP/1.1 or HTTP/2. The signer reads at most 64 KB of
//! an answer.
//!
//! ```no_run
//! # async fn example(arn: &str) -> kms_signer::Result<()> {
//! use std::time::Duration;
//! use kms_signer::{Retries, provider::aws_kms::AwsKmsSigner};
//!
//! let signer = AwsKmsSigner::builder(arn)
//!     .attempt_timeout(Duration::from_millis(800))
//!     .timeout(Duration::from_secs(2))
//!     .retries(Retries::default().max_retries(3))
//!     .connect()
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Tracing and metrics
//!
//! See [`telemetry`](crate::telemetry). It shows only the digest of what is signed, unless
//! [`trace_preimage`](AwsKmsSignerBuilder::trace_preimage) is on. The SDK emits events of its own,
//! which at level TRACE show access key ids and the bodies of requests.
//!
//! # What is checked
//!
//! - On connecting: key spec, key usage, signing algorithms and the public key itself must agree.
//! - On every signature: the key ARN and the algorithm in the answer are the expected ones, and the
//!   signature verifies under the pinned public key.
//!
//! ECDSA in KMS is not deterministic: signing the same bytes twice gives two different signatures,
//! both valid. Do not derive keys or other secrets from a signature.
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
mod builder;
mod caller;
mod client_state;
mod clock;
mod code;
mod credentials;
mod endpoint;
mod failure;
mod health;
mod key_id;
mod protocol;
mod remedy;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;

pub use {aws_config, aws_sdk_kms};

pub use self::builder::AwsKmsSignerBuilder;
use self::{
    caller::Caller,
    key_id::{KeyId, check_key},
    protocol::{SignAnswer, ToSign, missing},
};
use crate::{
    Error, KeyInput, PublicKey, RawSignature, Receipt, Result, SignRequest, Signed, Signer,
    Verifier, call::Subject, error::AnswerFault, health::Health,
};

/// A signer whose key is in AWS KMS. Cheap to clone; clones share the client and the pin.
#[derive(Clone)]
pub struct AwsKmsSigner {
    caller: Caller,
    /// As the user gave it, so that IAM conditions on an alias work.
    key_id: Arc<str>,
    /// The ARN of the pinned key, once known; with some emulators its bare id.
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
    /// It shares this signer's client with its connections and credentials, its timeouts, and its
    /// retry budget, so thousands of keys cost no more memory than their public keys.
    /// [`Bulk::run`](crate::bulk::Bulk::run) opens many at the same time:
    ///
    /// ```no_run
    /// # async fn example(hot: kms_signer::provider::aws_kms::AwsKmsSigner, key_ids: Vec<String>) {
    /// use kms_signer::bulk::Bulk;
    ///
    /// let connecting = key_ids.iter().map(|key_id| hot.another_key(key_id).connect());
    /// for (key_id, opened) in key_ids.iter().zip(Bulk::new().run(connecting).await) {
    ///     println!("{key_id}: {opened:?}");
    /// }
    /// # }
    /// ```
    ///
    /// To limit their rate too, put each `connect()` into `layer::rate_limit::RateLimit::run`.
    /// [`connect_lazy`](AwsKmsSignerBuilder::connect_lazy) makes no call at all.
    pub fn another_key(&self, key_id: impl Into<String>) -> AwsKmsSignerBuilder {
        AwsKmsSignerBuilder::with_caller(key_id.into(), &self.caller)
    }

    /// The key's ARN once known, and until then the id it was configured with.
    ///
    /// The ARN is known after [`connect`](AwsKmsSignerBuilder::connect). After
    /// [`connect_lazy`](AwsKmsSignerBuilder::connect_lazy) without the ARN, the signer learns it
    /// from its first verified signature.
    pub fn key(&self) -> &str {
        self.arn.get().unwrap_or(&self.key_id)
    }

    /// The key id, ARN or alias it was configured with. Requests to KMS carry it.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The region of the client.
    pub fn region(&self) -> Option<&str> {
        self.caller.region()
    }

    /// The verifier that every signature passes. Call [`Verifier::warm`] on it at start-up.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
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

    /// The only way for a signature to leave this file: checks everything, then pins the key.
    fn release(
        &self,
        answer: &SignAnswer,
        input: &KeyInput<'_>,
        asked: &ToSign,
        receipt: Receipt,
    ) -> Result<Signed> {
        let (signed, pin) = self.verify(answer, input, asked, receipt)?;
        self.arn.get_or_init(|| pin.into());
        Ok(signed)
    }

    /// Checks the answer to a `Sign` call. Returns the signature, and the key to pin.
    fn verify(
        &self,
        answer: &SignAnswer,
        input: &KeyInput<'_>,
        asked: &ToSign,
        receipt: Receipt,
    ) -> Result<(Signed, String)> {
        match self.examine(answer, input, asked) {
            Ok((raw, pin)) => {
                // The answer names the ARN, even if it was unknown when the call began.
                let receipt = receipt.with_key(pin.as_str());
                Ok((self.verifier.release(input, raw, receipt)?, pin))
            }
            Err(error) => Err(match answer.key_id.as_deref().filter(|key| is_key(key)) {
                // Name the key that answered; an alias does not say which one it was.
                Some(key) => error.with_receipt(receipt.with_key(key)),
                None => error.with_receipt(receipt),
            }),
        }
    }

    /// Checks everything in the answer except the signature itself.
    fn examine<'a>(
        &self,
        answer: &'a SignAnswer,
        input: &KeyInput<'_>,
        asked: &ToSign,
    ) -> Result<(RawSignature<'a>, String)> {
        let pin = check_key(self.key(), self.region(), answer.key_id.as_deref())?;
        let used = (answer.algorithm.as_deref()).ok_or_else(|| missing("SigningAlgorithm"))?;
        if used != asked.algorithm() {
            return Err(Error::unusable_answer(AnswerFault::algorithm(
                used,
                asked.algorithm().to_owned(),
            )));
        }
        let bytes = (answer.signature.as_deref()).ok_or_else(|| missing("Signature"))?;
        let raw = match input {
            KeyInput::EcdsaPrehash(_) => RawSignature::Der(bytes),
            KeyInput::Ed25519Message(_) => RawSignature::Fixed(bytes),
        };
        Ok((raw, pin))
    }
}

#[async_trait]
impl Signer for AwsKmsSigner {
    fn public_key(&self) -> &PublicKey {
        self.verifier.public_key()
    }

    /// Makes one `Sign` call. For Ed25519 keys KMS accepts messages of 1 to 4,096 bytes.
    ///
    /// # Errors
    ///
    /// - [`Error::UnsupportedRequest`] and [`Error::MessageLength`] before any call.
    /// - [`Error::KeyStore`] when KMS returned an error or could not be reached.
    /// - [`Error::KeyMoved`] when another key answered, because the alias points to it now.
    /// - [`Error::UnusableAnswer`], [`Error::InvalidSignature`] and [`Error::SignatureNotVerified`]
    ///   when KMS, a proxy or a wrong endpoint returned anything but a valid signature.
    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let input = request.input_for(self.public_key().key_type())?;
        let asked = ToSign::new(&input)?;

        // The name that is sent: an alias may point to another key than the pinned one by now.
        let subject = Subject {
            operation: "Sign",
            key: &self.key_id,
            pinned_key: self.arn.get().cloned(),
            signs: Some((request, &input)),
            is_probe: false,
        };
        let send = |overrides| {
            let client = self.caller.client();
            protocol::sign(client, &self.key_id, &asked, overrides)
        };
        let accept =
            |answer: SignAnswer, receipt: Receipt| self.release(&answer, &input, &asked, receipt);
        let deadline = self.caller.deadline();
        self.caller.call(subject, deadline, send, accept).await
    }

    /// Checks whether the key could sign now, without signing.
    ///
    /// Makes three calls at the same time, one attempt each: `DescribeKey`, `GetPublicKey`, and
    /// `Sign` with `DryRun`. Returns within 1 s, or within
    /// [`check_timeout`](AwsKmsSignerBuilder::check_timeout); a call without an answer by then is
    /// an error in the [`Health`]. Only `kms:Sign` is required. `kms:DescribeKey` adds the key's
    /// state. `kms:GetPublicKey` lets the check compare the public key; without it the check
    /// compares the ARN from `DescribeKey`. The calls count against the account's quota, so check
    /// every few seconds rather than before each signature.
    ///
    /// A server that does not know `DryRun` signs a constant of this crate. The check verifies that
    /// signature like any other and discards it.
    ///
    /// ```no_run
    /// # async fn example(signer: kms_signer::provider::aws_kms::AwsKmsSigner) {
    /// use kms_signer::Signer;
    ///
    /// let health = signer.check().await;
    /// if !health.is_ready() {
    ///     eprintln!("{health}");
    /// }
    /// # }
    /// ```
    async fn check(&self) -> Health {
        self.ask_health().await
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

/// Whether it names a key, and not an alias.
fn is_key(text: &str) -> bool {
    KeyId::parse(text).is_some_and(|key_id| !key_id.is_alias())
}

#[cfg(test)]
mod tests;
