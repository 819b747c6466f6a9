//! Several signers of one key: when the first cannot sign, the next one does.
//!
//! For multi-Region keys of AWS KMS, whose ids begin with `mrk-`: the same key, in several regions.
//!
//! ```
//! # async fn example() -> kms_signer::Result<()> {
//! use std::time::Duration;
//! use kms_signer::{KeyType, SignRequest, Signer, layer::failover::Failover, provider::local::LocalSigner};
//!
//! // In production, one signer for each region.
//! let frankfurt = LocalSigner::random(KeyType::Secp256k1)?;
//! let dublin = frankfurt.clone();
//!
//! let signer = Failover::builder([frankfurt, dublin])
//!     .failures(5)
//!     .open_for(Duration::from_secs(10))
//!     .build()?;
//! let signed = signer.sign(&SignRequest::keccak256(b"preimage")).await?;
//! println!("signed in {:?}", signed.receipt.region());
//! # Ok(())
//! # }
//! ```
//!
//! To combine signers of different types, use `Arc<dyn Signer>`.
//!
//! # When the next signer is asked
//!
//! After an error that [`may_succeed_elsewhere`](crate::Error::may_succeed_elsewhere):
//!
//! - Retryable errors: throttled, unavailable, no connection, timeout.
//! - Errors that an operator has to fix at that signer alone: access is denied; the key is not
//!   found, disabled or in a wrong state, as a replica of a multi-Region key may be; a proxy or a
//!   wrong endpoint answers, or the answer is too long. The request goes to the next signer, and
//!   the WARN event `failed over` and the counter `kms_signer_failovers_total` have the name of the
//!   error. Alert on these errors: failing over would hide them until you need the second region.
//!   With [`ask_elsewhere(false)`](FailoverBuilder::ask_elsewhere) such an error is returned at
//!   once.
//!
//! Any other error is returned at once, since the request or the caller would fail everywhere. So
//! is an [alarm](crate::Error::is_alarm), such as a signature that does not verify: a good answer
//! from the next region would hide it. An ERROR event and a counter report it as well.
//!
//! If all signers fail, a retryable error is returned if there is one, since the request may
//! succeed later, and preferably one that says [when](crate::Error::retry_after). Of several the
//! error of the signer that is first in the list is returned, in whatever order they were asked.
//!
//! A signer that hangs fails only after its timeout. Choose timeouts that leave time for the next
//! signer: see [the order of layers](crate::layer#order).
//!
//! # Circuits
//!
//! Each signer has a circuit, so that a signer that is down does not delay each request:
//!
//! | state | when | what happens |
//! |---|---|---|
//! | closed | at first, and after a success | requests go to the signer |
//! | open | after 3 retryable failures in a row | requests skip the signer for 5 s, or for as long as its last failure asked, up to 1 min |
//! | half-open | after that time | one request probes the signer and the others skip it; a success closes the circuit, a retryable failure opens it again |
//!
//! Errors that are not retryable, and requests that were dropped, do not count, since they do not
//! show whether the signer works; after a probe that ends so, the next request probes. The errors
//! of a rate limit's queue do not count either, since the signer was not asked. Only requests that
//! were sent since the circuit last changed count: a slow failure from before does not open it
//! again.
//!
//! Before a request fails, the signers that it skipped are asked too, in order, since one of them
//! may work again. Their success closes the circuit. Their failure does not change it: how long it
//! stays open is settled, and a probe decides for itself.

mod builder;
mod circuit;

use std::{cmp::Ordering, ops::ControlFlow, sync::Arc};

use async_trait::async_trait;
use futures_util::future::join_all;

pub use self::{builder::FailoverBuilder, circuit::CircuitState};
use self::{
    builder::no_signers,
    circuit::{Admission, Circuit, Settings},
};
use crate::{Error, PublicKey, Result, SignRequest, Signed, Signer, health::Health, telemetry};

/// Asks the first of several signers of one key, and the next one if that fails.
///
/// Clones share the circuits.
#[derive(Clone, Debug)]
pub struct Failover<S> {
    /// Not empty.
    signers: Vec<S>,
    /// One for each signer.
    circuits: Arc<[Circuit]>,
    settings: Settings,
    asks_elsewhere: bool,
    public_key: PublicKey,
}

impl<S: Signer> Failover<S> {
    /// Starts to configure a failover over signers of one key, in the order in which to ask them.
    pub fn builder(signers: impl IntoIterator<Item = S>) -> FailoverBuilder<S> {
        FailoverBuilder::new(signers.into_iter().collect())
    }

    /// The signers inside, in the order in which they are asked.
    pub fn inner(&self) -> &[S] {
        &self.signers
    }

    /// Takes the layer off and returns the signers inside, in the order in which they were asked.
    pub fn into_inner(self) -> Vec<S> {
        self.signers
    }

    /// The state of each signer's circuit, in the same order.
    pub fn circuits(&self) -> Vec<CircuitState> {
        self.circuits.iter().map(Circuit::state).collect()
    }

    fn members(&self) -> impl Iterator<Item = Member<'_, S>> {
        let pairs = self.signers.iter().zip(&*self.circuits);
        pairs.enumerate().map(|(index, (signer, circuit))| Member {
            index,
            signer,
            circuit,
        })
    }

    /// Asks one signer. Continues if the next one may succeed.
    async fn ask(
        &self,
        member: &Member<'_, S>,
        admission: Admission<'_>,
        request: &SignRequest<'_>,
        failures: &mut Failures,
    ) -> ControlFlow<Result<Signed>> {
        if let Some((from, error)) = failures.latest {
            telemetry::failed_over(error);
            let to = member.index;
            tracing::warn!(target: "kms_signer::failover", from, to, error, "failed over");
        }
        match member.ask(request, admission, &self.settings).await {
            Err(error) if self.moves_on_after(&error) => {
                failures.add(member.index, error);
                ControlFlow::Continue(())
            }
            answer => ControlFlow::Break(answer),
        }
    }

    fn moves_on_after(&self, error: &Error) -> bool {
        match self.asks_elsewhere {
            true => error.may_succeed_elsewhere(),
            false => passes(error),
        }
    }

    /// Whether a request to a signer of this health ends there or goes to the next one if it fails.
    fn goes_on_after(&self, health: &Health) -> bool {
        health.is_ready() || health.obstacles().all(|error| self.moves_on_after(error))
    }

    async fn ask_all(&self, request: &SignRequest<'_>) -> ControlFlow<Result<Signed>, Failures> {
        let mut failures = Failures::default();
        let mut skipped = Vec::new();
        for member in self.members() {
            match member.circuit.admit() {
                Some(admission) => {
                    self.ask(&member, admission, request, &mut failures).await?;
                }
                None => skipped.push(member),
            }
        }
        for member in skipped {
            let admission = member.circuit.insist();
            self.ask(&member, admission, request, &mut failures).await?;
        }
        ControlFlow::Continue(failures)
    }
}

/// The failures of the signers asked so far.
#[derive(Default)]
struct Failures {
    /// The index of the signer and [`Error::name`].
    latest: Option<(usize, &'static str)>,
    /// The error that is returned if no signer signs, with the index of its signer.
    worth_returning: Option<(usize, Error)>,
}

impl Failures {
    fn add(&mut self, index: usize, error: Error) {
        self.latest = Some((index, error.name()));
        let kept = self.worth_returning.as_ref();
        let is_better = kept.is_none_or(|(at, kept)| match worth(&error).cmp(&worth(kept)) {
            Ordering::Equal => index < *at,
            unequal => unequal.is_gt(),
        });
        if is_better {
            self.worth_returning = Some((index, error));
        }
    }
}

/// Whether a retry may succeed with any signer. Another signer must not be asked to evade a rule that
/// rejects a request for now, and such a rule does not show that its signer is down.
fn passes(error: &Error) -> bool {
    error.is_retryable() && error.may_succeed_elsewhere()
}

/// How much an error helps a caller who retries.
fn worth(error: &Error) -> impl Ord {
    (error.is_retryable(), error.retry_after().is_some())
}

/// One of the signers.
struct Member<'a, S> {
    index: usize,
    signer: &'a S,
    circuit: &'a Circuit,
}

impl<S: Signer> Member<'_, S> {
    async fn ask(
        &self,
        request: &SignRequest<'_>,
        admission: Admission<'_>,
        settings: &Settings,
    ) -> Result<Signed> {
        let answer = self.signer.sign(request).await;
        let changed = match &answer {
            Ok(_) => admission.succeeded(),
            // The request was not sent, so it does not show whether the signer works.
            Err(Error::QueueFull { .. } | Error::QueuedTooLong { .. }) => None,
            Err(error) if passes(error) => admission.failed(error.retry_after(), settings),
            Err(_) => None,
        };
        if let Some(state) = changed {
            let signer = self.index;
            tracing::warn!(target: "kms_signer::failover", signer, %state, "circuit");
        }
        answer
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Signer> Signer for Failover<S> {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The receipt names the key and region that signed.
    ///
    /// # Errors
    ///
    /// The first error that cannot succeed elsewhere, at once. If all signers fail, a retryable
    /// error if there is one, preferably with [`retry_after`](Error::retry_after); of several that
    /// of the signer that is first in the list.
    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let answer = match self.ask_all(request).await {
            ControlFlow::Break(answer) => answer,
            ControlFlow::Continue(failures) => match failures.worth_returning {
                Some((_, error)) => Err(error),
                None => Err(no_signers()),
            },
        };
        answer.inspect_err(|error| telemetry::alarm("failover", error))
    }

    /// Only the first signer is notified, so that one refusal has one record.
    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        if let Some(first) = self.signers.first() {
            first.note_refusal(request, error).await;
        }
    }

    /// Checks all signers at the same time, whatever their circuits. The health is that of the first
    /// one with the others as [`alternatives`](Health::alternatives), so ready if any of them is.
    ///
    /// Where a request would end with an error that is returned at once, no later signer is an
    /// alternative: a second region does not help when the credentials are rejected.
    async fn check(&self) -> Health {
        let checks = self.signers.iter().map(Signer::check);
        let mut checked = join_all(checks).await.into_iter();
        let mut health = checked.next().unwrap_or_else(|| Health {
            may_sign: Err(no_signers()),
            ..Health::default()
        });
        let mut goes_on = self.goes_on_after(&health);
        while goes_on && let Some(alternative) = checked.next() {
            goes_on = self.goes_on_after(&alternative);
            health.alternatives.push(alternative);
        }
        health
    }
}
