//! Wrong layers.

use kms_signer::{
    Error, PublicKey, Receipt, Result, SignRequest, Signed, Signer, async_trait,
    conformance::{LayerSuite, ScriptedSigner},
    hazmat,
    health::Health,
};

use super::failed;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mutation {
    None,
    HasAnotherPublicKey,
    DropsTheLabel,
    SignsABareDigest,
    WritesItsOwnReceipt,
    SwallowsErrors,
    RenamesErrors,
    KeepsRefusals,
    SignsRefusals,
    AnswersChecks,
    ForgetsWhatChecksFound,
    EvadesRules,
    PanicsWhenBuilt,
    WorksInATask,
}

/// The wrong layers, each with the cases that find it.
pub const MUTANTS: &[(Mutation, &[&str])] = &[
    (Mutation::None, &[]),
    (
        Mutation::HasAnotherPublicKey,
        &[
            "public_key_is_delegated",
            "signatures_verify",
            "signatures_are_canonical",
            "public_key_is_stable",
            "requests_do_not_mix",
            "labels_are_not_signed",
            "unsupported_requests_are_rejected",
            "empty_input_is_signed_or_rejected",
            "long_input_is_signed_or_rejected",
            "dropped_futures_leave_it_usable",
        ],
    ),
    (Mutation::DropsTheLabel, &["requests_arrive_unchanged"]),
    (Mutation::SignsABareDigest, &["requests_arrive_unchanged"]),
    (
        Mutation::WritesItsOwnReceipt,
        &["signatures_return_unchanged"],
    ),
    (
        Mutation::SwallowsErrors,
        &["errors_return_unchanged", "failures_are_reported"],
    ),
    (
        Mutation::RenamesErrors,
        &["errors_return_unchanged", "failures_are_reported"],
    ),
    (Mutation::KeepsRefusals, &["refusals_are_passed_on"]),
    (Mutation::SignsRefusals, &["refusals_are_passed_on"]),
    (Mutation::AnswersChecks, &["checks_are_passed_on"]),
    (Mutation::ForgetsWhatChecksFound, &["checks_are_passed_on"]),
    (Mutation::EvadesRules, &["errors_return_unchanged"]),
    (
        Mutation::PanicsWhenBuilt,
        &[
            "public_key_is_delegated",
            "requests_arrive_unchanged",
            "signatures_return_unchanged",
            "errors_return_unchanged",
            "refusals_are_passed_on",
            "checks_are_passed_on",
            "dropping_reaches_the_signer",
            "signatures_verify",
        ],
    ),
    (Mutation::WorksInATask, &["dropping_reaches_the_signer"]),
];

#[derive(Debug)]
struct Mutant {
    mutation: Mutation,
    inner: ScriptedSigner,
    other: ScriptedSigner,
}

#[async_trait]
impl Signer for Mutant {
    fn public_key(&self) -> &PublicKey {
        match self.mutation {
            Mutation::HasAnotherPublicKey => self.other.public_key(),
            _ => self.inner.public_key(),
        }
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        // The signer inside rejects what the key cannot sign.
        let Ok(input) = request.input_for(self.public_key().key_type()) else {
            return self.inner.sign(request).await;
        };
        let preimage = request.preimage().unwrap_or_default();
        match self.mutation {
            Mutation::DropsTheLabel => {
                let unlabelled = match request.label() {
                    Some(_) if preimage == b"preimage" => SignRequest::blake2b256(preimage),
                    _ => request.clone(),
                };
                self.inner.sign(&unlabelled).await
            }
            Mutation::SignsABareDigest => match input.as_bytes().try_into() {
                Ok(digest) if request.label().is_none() => {
                    let bare = [hazmat::prehashed(digest), hazmat::prehashed_message(digest)];
                    let key_type = self.public_key().key_type();
                    let fits = |bare: &&SignRequest<'_>| bare.input_for(key_type).is_ok();
                    self.inner.sign(bare.iter().find(fits).unwrap()).await
                }
                _ => self.inner.sign(request).await,
            },
            Mutation::WritesItsOwnReceipt => {
                let signed = self.inner.sign(request).await?;
                Ok(Signed::new(signed.signature, Receipt::new("Sign", "layer")))
            }
            Mutation::SwallowsErrors => match self.inner.sign(request).await {
                Err(_) => self.inner.replica("again").sign(request).await,
                signed => signed,
            },
            Mutation::EvadesRules => match self.inner.sign(request).await {
                Err(Error::Refused { .. }) => self.inner.replica("again").sign(request).await,
                signed => signed,
            },
            Mutation::RenamesErrors => {
                let signed = self.inner.sign(request).await;
                signed.map_err(|_| Error::invalid_config("it failed", "read the log"))
            }
            Mutation::WorksInATask => {
                let (inner, request) = (self.inner.clone(), request.clone().into_owned());
                tokio::spawn(async move { inner.sign(&request).await })
                    .await
                    .unwrap()
            }
            _ => self.inner.sign(request).await,
        }
    }

    async fn check(&self) -> Health {
        match self.mutation {
            Mutation::AnswersChecks => Health::default(),
            Mutation::ForgetsWhatChecksFound => {
                let _ = self.inner.check().await;
                Health::default()
            }
            _ => self.inner.check().await,
        }
    }

    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        match self.mutation {
            Mutation::KeepsRefusals => {}
            Mutation::SignsRefusals => {
                self.inner.note_refusal(request, error).await;
                self.inner.sign(request).await.unwrap();
            }
            _ => self.inner.note_refusal(request, error).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_layers_are_found() {
    for (mutation, cases) in MUTANTS {
        let build = |inner: ScriptedSigner| {
            assert_ne!(*mutation, Mutation::PanicsWhenBuilt);
            Mutant {
                other: ScriptedSigner::new(inner.public_key().key_type()).unwrap(),
                mutation: *mutation,
                inner,
            }
        };
        let report = LayerSuite::new("mutant", build).run().await;
        let expected = cases.iter().copied().collect();
        assert_eq!(failed(&report), expected, "{mutation:?}:\n{report}");
    }
}
