//! The cases for every signer.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio::task::JoinSet;

use super::{
    independent,
    report::{CASE_TIMEOUT, Checked, Report, Run, failed, require, shown, skipped},
    requests,
    secrets::Secrets,
};
use crate::{Error, KeyType, PublicKey, Receipt, SignRequest, Signed, Signer, health::Health};

/// Lengths around the 32 bytes of a digest, and up to the longest message that AWS KMS accepts.
const SIZES: [usize; 6] = [1, 31, 32, 33, 300, 4096];

/// Checks that a signer keeps the contract of [`Signer`]: see the table in [`conformance`](super).
///
/// It signs some 200 requests. The name is for the report.
///
/// ```no_run
/// # async fn example(signer: kms_signer::provider::local::LocalSigner) {
/// use kms_signer::conformance::SignerSuite;
///
/// let report = SignerSuite::new("my provider", signer).run().await;
/// println!("{report}");
/// report.assert_passed();
/// # }
/// ```
pub struct SignerSuite {
    name: String,
    signer: Arc<dyn Signer>,
    /// The public key before the first request.
    public_key: PublicKey,
    failing: Option<Arc<dyn Signer>>,
    signs_empty: bool,
    longest_message: usize,
    calls: Option<Box<dyn Fn() -> u64 + Send + Sync>>,
    secrets: Secrets,
    timeout: Duration,
}

impl SignerSuite {
    /// Makes a suite for `signer`. It must be `'static`, as services need it.
    pub fn new(name: impl Into<String>, signer: impl Signer + 'static) -> Self {
        Self {
            name: name.into(),
            public_key: signer.public_key().clone(),
            signer: Arc::new(signer),
            failing: None,
            signs_empty: true,
            longest_message: usize::MAX,
            calls: None,
            secrets: Secrets::default(),
            timeout: CASE_TIMEOUT,
        }
    }

    /// Expects the signer to reject an empty message with [`Error::MessageLength`], for a key store
    /// that cannot sign one, such as AWS KMS.
    #[must_use]
    pub fn rejects_empty_messages(mut self) -> Self {
        self.signs_empty = false;
        self
    }

    /// For a key store that does not sign messages of 4 KiB: the most bytes of one message that it
    /// signs. A longer one is signed or rejected with [`Error::MessageLength`].
    #[must_use]
    pub fn longest_message(mut self, bytes: usize) -> Self {
        self.longest_message = bytes;
        self
    }

    /// Adds a counter of the signatures that the key store was asked for, such as that of a test
    /// server. The suite then checks that a rejected request makes no call.
    #[must_use]
    pub fn count_calls(mut self, calls: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.calls = Some(Box::new(calls));
        self
    }

    /// Adds another signer of the same type whose key store fails each request, for example because
    /// it is down. The suite then checks the errors.
    #[must_use]
    pub fn failing(mut self, signer: impl Signer + 'static) -> Self {
        self.failing = Some(Arc::new(signer));
        self
    }

    /// Adds a secret, such as a password, a token or a secret key, of at least 4 bytes. The suite
    /// then checks that nothing shows it: as it is, in hexadecimal, in base64, or as a list of
    /// numbers.
    #[must_use]
    pub fn secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.secrets.add(secret.as_ref());
        self
    }

    /// Sets how long one case may take, 60 seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs every case, one after the other.
    pub async fn run(&self) -> Report {
        let subject = format!("{} {}", self.name, self.key_type());
        let mut run = Run::new(subject, self.timeout);
        run.case("signatures_verify", self.signatures_verify())
            .await;
        run.case("signatures_are_canonical", self.signatures_are_canonical())
            .await;
        run.case("public_key_is_stable", self.public_key_is_stable())
            .await;
        run.case("requests_do_not_mix", self.requests_do_not_mix())
            .await;
        run.case("labels_are_not_signed", self.labels_are_not_signed())
            .await;
        run.case(
            "unsupported_requests_are_rejected",
            self.unsupported_requests_are_rejected(),
        )
        .await;
        run.case(
            "ambiguous_messages_are_rejected",
            self.ambiguous_messages_are_rejected(),
        )
        .await;
        run.case("empty_input_is_signed_or_rejected", self.empty_input())
            .await;
        run.case("long_input_is_signed_or_rejected", self.long_input())
            .await;
        run.case("receipts_are_filled", self.receipts_are_filled())
            .await;
        run.case("failures_are_reported", self.failures_are_reported())
            .await;
        run.case("checks_answer", self.checks_answer()).await;
        run.case("nothing_secret_is_shown", self.nothing_secret_is_shown())
            .await;
        // Last, because a key store may count dropped requests only later.
        run.case(
            "dropped_futures_leave_it_usable",
            self.dropped_futures_leave_it_usable(),
        )
        .await;
        run.finish()
    }

    async fn signatures_verify(&self) -> Checked {
        for size in SIZES {
            let preimage: Vec<u8> = (0..=u8::MAX).cycle().take(size).collect();
            for (request, signed_bytes) in requests::requests(self.key_type(), &preimage) {
                match signed_bytes.len() > self.longest_message {
                    true => self.sign_or_reject(&request, &signed_bytes).await?,
                    false => self.sign_and_verify(&request, &signed_bytes).await?,
                }
            }
        }
        Ok(())
    }

    /// About half of a key store's signatures have a high `s`.
    async fn signatures_are_canonical(&self) -> Checked {
        for at in 0..64 {
            let preimage = [at; 40];
            let (request, signed_bytes) = requests::any_key(&preimage);
            self.sign_and_verify(&request, &signed_bytes).await?;
        }
        Ok(())
    }

    async fn public_key_is_stable(&self) -> Checked {
        for preimage in [b"first", b"other"] {
            let (request, _) = requests::any_key(preimage);
            let signed = self.sign(&request).await?;
            let keys = [signed.signature.public_key(), self.signer.public_key()];
            for (key, of) in keys.into_iter().zip(["the signature", "the signer"]) {
                require(
                    *key == self.public_key,
                    "the public key from before",
                    || format!("{key:?} of {of}"),
                )?;
            }
        }
        Ok(())
    }

    /// Uses tasks, because a service shares one signer between the threads of its runtime.
    async fn requests_do_not_mix(&self) -> Checked {
        let mut tasks = JoinSet::new();
        for at in 0..32 {
            let signer = Arc::clone(&self.signer);
            tasks.spawn(async move {
                let preimage = [at; 32];
                let (request, signed_bytes) = requests::any_key(&preimage);
                (signer.sign(&request).await, signed_bytes)
            });
        }
        while let Some(ended) = tasks.join_next().await {
            let (signed, signed_bytes) =
                ended.map_err(|ended| failed("a signature", ended.to_string()))?;
            let signed = signed.map_err(|error| failed("a signature", shown(&error)))?;
            self.verify(&signed_bytes, &signed)?;
        }
        Ok(())
    }

    async fn labels_are_not_signed(&self) -> Checked {
        for label in ["", "payout 4711", "Auszahlung für Ülkü\n\u{202e}"] {
            for (request, signed_bytes) in requests::requests(self.key_type(), b"labelled") {
                let request = request.with_label(label);
                self.sign_and_verify(&request, &signed_bytes).await?;
            }
        }
        Ok(())
    }

    async fn unsupported_requests_are_rejected(&self) -> Checked {
        for request in requests::unsupported(self.key_type(), b"of another key type") {
            let error = self.reject(&request).await?;
            require(
                matches!(error, Error::UnsupportedRequest { .. }),
                "Error::UnsupportedRequest",
                || shown(&error),
            )?;
        }
        let (request, signed_bytes) = requests::any_key(b"afterwards");
        self.sign_and_verify(&request, &signed_bytes).await
    }

    async fn ambiguous_messages_are_rejected(&self) -> Checked {
        if self.key_type() != KeyType::Ed25519 {
            return Err(skipped("ECDSA keys sign no messages"));
        }
        let error = self.reject(&SignRequest::message(&[1; 32])).await?;
        let is_ambiguous = matches!(error, Error::AmbiguousMessage);
        require(is_ambiguous, "Error::AmbiguousMessage", || shown(&error))
    }

    async fn empty_input(&self) -> Checked {
        for (request, signed_bytes) in requests::requests(self.key_type(), b"") {
            if signed_bytes.is_empty() && !self.signs_empty {
                let error = self.reject(&request).await?;
                require(
                    matches!(error, Error::MessageLength { actual: 0, .. }),
                    "Error::MessageLength with 0 bytes",
                    || shown(&error),
                )?;
            } else {
                self.sign_and_verify(&request, &signed_bytes).await?;
            }
        }
        Ok(())
    }

    async fn long_input(&self) -> Checked {
        let preimage = vec![7; 64 * 1024];
        for (request, signed_bytes) in requests::requests(self.key_type(), &preimage) {
            self.sign_or_reject(&request, &signed_bytes).await?;
        }
        Ok(())
    }

    /// Drops more futures than a signer has permits or connections, so that a signer that does not
    /// free them runs out.
    async fn dropped_futures_leave_it_usable(&self) -> Checked {
        for at in 0..64_u8 {
            let preimage = [at; 8];
            let (request, _) = requests::any_key(&preimage);
            let mut future = self.signer.sign(&request);
            for _ in 0..at % 4 {
                if (&mut future).now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let (request, signed_bytes) = requests::any_key(b"afterwards");
        self.sign_and_verify(&request, &signed_bytes).await
    }

    async fn receipts_are_filled(&self) -> Checked {
        let (request, _) = requests::any_key(b"receipt");
        let signed = self.sign(&request).await?;
        check_receipt(&signed.receipt)?;
        let attempts = signed.receipt.attempts();
        require(attempts > 0, "a receipt of at least one attempt", || {
            format!("{attempts} attempts")
        })
    }

    async fn failures_are_reported(&self) -> Checked {
        let Some(failing) = &self.failing else {
            return Err(skipped("no `failing` signer was given"));
        };
        let (request, _) = requests::any_key(b"failing");
        let error = match failing.sign(&request).await {
            Ok(_) => return Err(failed("an error of the failing key store", "a signature")),
            Err(error) => error,
        };
        let Some(receipt) = error.receipt() else {
            return Err(failed("an error with a receipt", shown(&error)));
        };
        check_receipt(receipt)?;
        let is_no_alarm = !error.is_alarm();
        require(is_no_alarm, "an error that is no alarm", || shown(&error))?;
        require(
            asks_for_retry(&error.remedy()) == error.is_retryable(),
            "a remedy that says \"retry\" exactly when a retry may help",
            || format!("retryable: {}, {}", error.is_retryable(), shown(&error)),
        )?;
        self.secrets
            .check("an error", &format!("{error} {error:?}"))
    }

    async fn checks_answer(&self) -> Checked {
        let (request, _) = requests::any_key(b"check");
        self.sign(&request).await?;
        let health = self.signer.check().await;
        self.check_shown(&health)?;
        require(health.is_ready(), "a key that signs to be ready", || {
            health.to_string()
        })?;
        match &self.failing {
            Some(failing) => self.check_shown(&failing.check().await),
            None => Ok(()),
        }
    }

    fn check_shown(&self, health: &Health) -> Checked {
        self.secrets
            .check("a health", &format!("{health} {health:?}"))
    }

    async fn nothing_secret_is_shown(&self) -> Checked {
        let mut secrets = self.secrets.clone();
        let canary = b"canary: what is to be signed is shown by nothing";
        secrets.add(canary);
        let (request, _) = requests::any_key(canary);
        let signed = self.sign(&request).await?;
        secrets.check("Debug of the receipt", &format!("{:?}", signed.receipt))?;
        for request in requests::unsupported(self.key_type(), canary) {
            let error = self.reject(&request).await?;
            secrets.check("an error", &format!("{error} {error:?} {error:#?}"))?;
        }
        let signer = &self.signer;
        secrets.check("Debug of the signer", &format!("{signer:?} {signer:#?}"))
    }

    fn key_type(&self) -> KeyType {
        self.public_key.key_type()
    }

    fn calls(&self) -> Option<u64> {
        self.calls.as_ref().map(|calls| calls())
    }

    async fn sign_and_verify(&self, request: &SignRequest<'_>, signed_bytes: &[u8]) -> Checked {
        let signed = self.sign(request).await?;
        self.verify(signed_bytes, &signed)
    }

    /// For what a key store may find too long.
    async fn sign_or_reject(&self, request: &SignRequest<'_>, signed_bytes: &[u8]) -> Checked {
        let before = self.calls();
        let length = signed_bytes.len();
        match self.signer.sign(request).await {
            Ok(signed) => self.verify(signed_bytes, &signed),
            Err(error @ Error::MessageLength { actual, .. }) if actual == length => {
                self.check_rejected(&error, before)
            }
            Err(error) => Err(failed(
                format!("a signature, or Error::MessageLength with {length} bytes"),
                shown(&error),
            )),
        }
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Checked<Signed> {
        let signed = self.signer.sign(request).await;
        signed.map_err(|error| failed(format!("a signature for {request:?}"), shown(&error)))
    }

    fn verify(&self, signed_bytes: &[u8], signed: &Signed) -> Checked {
        independent::verify(&self.public_key, signed_bytes, &signed.signature)
    }

    async fn reject(&self, request: &SignRequest<'_>) -> Checked<Error> {
        let before = self.calls();
        match self.signer.sign(request).await {
            Ok(_) => Err(failed(
                format!("an error for {request:?}"),
                "a signature of it",
            )),
            Err(error) => {
                self.check_rejected(&error, before)?;
                Ok(error)
            }
        }
    }

    fn check_rejected(&self, error: &Error, calls_before: Option<u64>) -> Checked {
        let is_final = !error.is_retryable();
        require(is_final, "an error that is not retryable", || shown(error))?;
        require(
            self.calls() == calls_before,
            "no call to the key store for a request that is rejected",
            || format!("a call, and then {}", shown(error)),
        )
    }
}

fn asks_for_retry(remedy: &str) -> bool {
    let words = remedy.to_lowercase().replace("do not retry", "");
    words.contains("retry") || words.contains("sign again")
}

fn check_receipt(receipt: &Receipt) -> Checked {
    let parts = [
        ("an operation", receipt.operation()),
        ("a key", receipt.key()),
    ];
    for (part, text) in parts {
        let is_line = !text.trim().is_empty() && !text.contains(char::is_control);
        require(is_line, &format!("a receipt that names {part}"), || {
            format!("{text:?}")
        })?;
    }
    Ok(())
}

impl fmt::Debug for SignerSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignerSuite")
            .field("name", &self.name)
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}
