//! Wrong providers.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use kms_signer::{
    Error, KeyType, PublicKey, RawSignature, Receipt, Result, SignRequest, Signature, Signed,
    Signer, Verifier, async_trait, conformance::SignerSuite, error::KeyStoreFault, hazmat,
    health::Health, provider::local::LocalSigner,
};
use tokio::sync::Semaphore;

use super::failed;
use crate::KEY_TYPES;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mutation {
    None,
    ReturnsHighS,
    SignsAnotherDigest,
    SignsTheLabel,
    FailsNowAndThen,
    MixesRequests,
    NamesAnotherKeyLater,
    CallsBeforeItChecks,
    RetriesWhatItCannotSign,
    SignsAnyMessage,
    CutsMessages,
    SignsNoEmptyMessage,
    NamesNoKey,
    CountsNoAttempt,
    ForgetsTheReceiptOfErrors,
    RaisesAlarms,
    IsNeverReady,
    ChecksForever,
    ShowsItsTokenInChecks,
    HasAnotherRemedy,
    ShowsItsToken,
    ShowsWhatItRejects,
    KeepsThePermitOfADroppedFuture,
    Panics,
}

const ALL_THAT_SIGN: &[&str] = &[
    "signatures_verify",
    "signatures_are_canonical",
    "public_key_is_stable",
    "requests_do_not_mix",
    "labels_are_not_signed",
    "unsupported_requests_are_rejected",
    "empty_input_is_signed_or_rejected",
    "long_input_is_signed_or_rejected",
    "receipts_are_filled",
    "checks_answer",
    "nothing_secret_is_shown",
    "dropped_futures_leave_it_usable",
];

/// The wrong providers, each with the cases that find it.
pub const MUTANTS: &[(Mutation, &[&str])] = &[
    (Mutation::None, &[]),
    // The verifier replaces it by the low s, so no provider can return a high one.
    (Mutation::ReturnsHighS, &[]),
    (
        Mutation::SignsAnotherDigest,
        &[
            "signatures_verify",
            "signatures_are_canonical",
            "requests_do_not_mix",
            "labels_are_not_signed",
            "unsupported_requests_are_rejected",
            "empty_input_is_signed_or_rejected",
            "long_input_is_signed_or_rejected",
            "dropped_futures_leave_it_usable",
        ],
    ),
    (Mutation::SignsTheLabel, &["labels_are_not_signed"]),
    (Mutation::FailsNowAndThen, &["signatures_are_canonical"]),
    (Mutation::MixesRequests, &["requests_do_not_mix"]),
    (Mutation::NamesAnotherKeyLater, &["public_key_is_stable"]),
    (
        Mutation::CallsBeforeItChecks,
        &[
            "unsupported_requests_are_rejected",
            "ambiguous_messages_are_rejected",
            "nothing_secret_is_shown",
        ],
    ),
    (
        Mutation::RetriesWhatItCannotSign,
        &[
            "unsupported_requests_are_rejected",
            "ambiguous_messages_are_rejected",
            "nothing_secret_is_shown",
        ],
    ),
    (
        Mutation::SignsAnyMessage,
        &["ambiguous_messages_are_rejected"],
    ),
    (
        Mutation::CutsMessages,
        &["long_input_is_signed_or_rejected"],
    ),
    (
        Mutation::SignsNoEmptyMessage,
        &["empty_input_is_signed_or_rejected"],
    ),
    (Mutation::NamesNoKey, &["receipts_are_filled"]),
    (Mutation::CountsNoAttempt, &["receipts_are_filled"]),
    (
        Mutation::ForgetsTheReceiptOfErrors,
        &["failures_are_reported"],
    ),
    (Mutation::RaisesAlarms, &["failures_are_reported"]),
    (Mutation::IsNeverReady, &["checks_answer"]),
    (Mutation::ChecksForever, &["checks_answer"]),
    (Mutation::ShowsItsTokenInChecks, &["checks_answer"]),
    (Mutation::HasAnotherRemedy, &["failures_are_reported"]),
    (Mutation::ShowsItsToken, &["nothing_secret_is_shown"]),
    (
        Mutation::ShowsWhatItRejects,
        &[
            "unsupported_requests_are_rejected",
            "ambiguous_messages_are_rejected",
            "nothing_secret_is_shown",
        ],
    ),
    (
        Mutation::KeepsThePermitOfADroppedFuture,
        &["dropped_futures_leave_it_usable"],
    ),
    (Mutation::Panics, ALL_THAT_SIGN),
];

const TOKEN: &str = "a token of the key store";

struct Mutant {
    mutation: Mutation,
    key: LocalSigner,
    other: LocalSigner,
    has_signed: AtomicBool,
    calls: Arc<AtomicU64>,
    last: Mutex<Option<SignRequest<'static>>>,
    permits: Semaphore,
    is_failing: bool,
}

impl Mutant {
    fn new(mutation: Mutation, key_type: KeyType) -> Self {
        Self {
            mutation,
            key: LocalSigner::random(key_type).unwrap(),
            other: LocalSigner::random(key_type).unwrap(),
            has_signed: AtomicBool::new(false),
            calls: Arc::default(),
            last: Mutex::default(),
            permits: Semaphore::new(8),
            is_failing: false,
        }
    }

    /// What the key store does with a request that its key can sign.
    async fn call(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let calls = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let key_type = self.key.public_key().key_type();
        let preimage = request.preimage().unwrap_or_default();
        let other = SignRequest::blake2b256(b"something else");
        match self.mutation {
            Mutation::SignsAnotherDigest => self.key.sign(&other).await,
            Mutation::SignsTheLabel if request.label().is_some() => self.key.sign(&other).await,
            Mutation::FailsNowAndThen if calls == 50 => self.key.sign(&other).await,
            Mutation::MixesRequests => {
                *self.last.lock().unwrap() = Some(request.clone().into_owned());
                tokio::task::yield_now().await;
                let last = self.last.lock().unwrap().clone();
                self.key.sign(&last.unwrap()).await
            }
            Mutation::CutsMessages if preimage.len() > 4096 => {
                let cut = SignRequest::blake2b256(&preimage[..4096]);
                self.key.sign(&cut).await
            }
            Mutation::SignsNoEmptyMessage if preimage.is_empty() && calls > 1 => {
                match request.kind().is_bare_digest() {
                    true => self.key.sign(request).await,
                    false => Err(Error::Cancelled),
                }
            }
            Mutation::KeepsThePermitOfADroppedFuture => {
                self.permits.acquire().await.unwrap().forget();
                tokio::task::yield_now().await;
                let signed = self.key.sign(request).await;
                self.permits.add_permits(1);
                signed
            }
            Mutation::ReturnsHighS => {
                let signed = self.key.sign(request).await?;
                let input = request.input_for(key_type)?;
                let raw = with_high_s(&signed.signature);
                let raw = RawSignature::Fixed(&raw);
                Verifier::new(self.key.public_key().clone()).release(&input, raw, signed.receipt)
            }
            _ => self.key.sign(request).await,
        }
    }
}

/// The same signature with n − s, for ECDSA.
fn with_high_s(signature: &Signature) -> Vec<u8> {
    let bytes = signature.as_bytes();
    match signature.key_type() {
        KeyType::Secp256k1 => {
            let low = k256::ecdsa::Signature::from_slice(bytes).unwrap();
            let high = k256::ecdsa::Signature::from_scalars(low.r(), -low.s()).unwrap();
            assert_ne!(high, high.normalize_s());
            high.to_bytes().to_vec()
        }
        KeyType::P256 => {
            let low = p256::ecdsa::Signature::from_slice(bytes).unwrap();
            let high = p256::ecdsa::Signature::from_scalars(low.r(), -low.s()).unwrap();
            assert_ne!(high, high.normalize_s());
            high.to_bytes().to_vec()
        }
        _ => bytes.to_vec(),
    }
}

#[async_trait]
impl Signer for Mutant {
    fn public_key(&self) -> &PublicKey {
        match self.mutation {
            Mutation::NamesAnotherKeyLater if self.has_signed.load(Ordering::SeqCst) => {
                self.other.public_key()
            }
            _ => self.key.public_key(),
        }
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let key_type = self.key.public_key().key_type();
        let receipt = Receipt::new("Sign", "mutant");
        if let Err(error) = request.input_for(key_type) {
            return match self.mutation {
                Mutation::CallsBeforeItChecks => {
                    self.calls.fetch_add(1, Ordering::SeqCst);
                    Err(error)
                }
                Mutation::RetriesWhatItCannotSign => Err(unavailable(Some(receipt))),
                Mutation::SignsAnyMessage if matches!(error, Error::AmbiguousMessage) => {
                    let digest = request.preimage().unwrap().try_into().unwrap();
                    self.key.sign(&hazmat::prehashed_message(digest)).await
                }
                Mutation::ShowsWhatItRejects => {
                    let reason = format!("{:?}", request.preimage());
                    Err(Error::invalid_config(reason, "read it"))
                }
                _ => Err(error),
            };
        }
        if self.is_failing {
            return Err(match self.mutation {
                Mutation::ForgetsTheReceiptOfErrors => unavailable(None),
                Mutation::RaisesAlarms => Error::signature_not_verified().with_receipt(receipt),
                Mutation::HasAnotherRemedy => {
                    let error =
                        Error::key_store(KeyStoreFault::Unavailable, "do not retry", "down");
                    error.with_receipt(receipt)
                }
                _ => unavailable(Some(receipt)),
            });
        }
        assert!(self.mutation != Mutation::Panics, "the library panicked");
        let signed = self.call(request).await?;
        self.has_signed.store(true, Ordering::SeqCst);
        let receipt = match self.mutation {
            Mutation::NamesNoKey => receipt.with_key(""),
            Mutation::CountsNoAttempt => receipt.with_attempts(0),
            _ => receipt,
        };
        Ok(Signed::new(signed.signature, receipt))
    }

    async fn check(&self) -> Health {
        let mut health = Health::default();
        match self.mutation {
            Mutation::IsNeverReady => health.may_sign = Err(unavailable(None)),
            Mutation::ChecksForever => std::future::pending().await,
            // Of a signer that is ready: it is no error of the key.
            Mutation::ShowsItsTokenInChecks => {
                let error = Error::key_store(KeyStoreFault::Unavailable, "retry", TOKEN);
                health.state = Err(error);
            }
            _ => {}
        }
        health
    }
}

fn unavailable(receipt: Option<Receipt>) -> Error {
    let error = Error::key_store(KeyStoreFault::Unavailable, "retry", "down");
    match receipt {
        Some(receipt) => error.with_receipt(receipt),
        None => error,
    }
}

impl fmt::Debug for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mutation {
            Mutation::ShowsItsToken => f.debug_list().entries(TOKEN.as_bytes()).finish(),
            _ => f.write_str("Mutant"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_providers_are_found() {
    for (mutation, cases) in MUTANTS {
        let mut found = BTreeSet::new();
        let mut reports = String::new();
        // The two types of ECDSA keys differ only in the form of their signatures.
        let is_about_s = *mutation == Mutation::ReturnsHighS;
        let key_types = KEY_TYPES.into_iter();
        for key_type in key_types.filter(|of| is_about_s || *of != KeyType::P256) {
            let signer = Mutant::new(*mutation, key_type);
            let mut failing = Mutant::new(*mutation, key_type);
            failing.is_failing = true;
            let calls = Arc::clone(&signer.calls);
            let report = SignerSuite::new("mutant", signer)
                .count_calls(move || calls.load(Ordering::SeqCst))
                .failing(failing)
                .secret(TOKEN)
                .timeout(Duration::from_secs(5))
                .run()
                .await;
            found.append(&mut failed(&report));
            reports.push_str(&report.to_string());
        }
        let expected = cases.iter().copied().collect();
        assert_eq!(found, expected, "{mutation:?}:\n{reports}");
    }
}

/// An HSM with buffers of 1 KiB: no mutant.
#[derive(Debug)]
struct SignsShortMessages(LocalSigner);

#[async_trait]
impl Signer for SignsShortMessages {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        match request.input_for(KeyType::Ed25519)?.as_bytes().len() {
            actual @ 1025.. => Err(Error::message_length(actual, 1024)),
            _ => self.0.sign(request).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_store_of_short_messages_passes_once_it_says_so() {
    let signer = || SignsShortMessages(LocalSigner::random(KeyType::Ed25519).unwrap());
    let suite = SignerSuite::new("HSM", signer()).longest_message(1024);
    suite.run().await.assert_passed();
    let suite = SignerSuite::new("HSM", signer()).longest_message(4096);
    let expected = BTreeSet::from(["signatures_verify"]);
    assert_eq!(failed(&suite.run().await), expected);
}
