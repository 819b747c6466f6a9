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
//! Signers of different types go in as `Arc<dyn Signer>`.
//!
//! # When the next signer is asked
//!
//! After an error that [`may_succeed_elsewhere`](crate::Error::may_succeed_elsewhere):
//!
//! - The retryable ones: throttled, unavailable, not reached, too late.
//! - What someone has to correct at that signer alone: access is denied, the key is not found, it
//!   is disabled, or it is in a wrong state, as a replica of a multi-Region key may be; what
//!   answers at its endpoint is not the key store, or its answer is too long for one. The request
//!   goes on to the next signer. The WARN event `failed over` and the counter
//!   `kms_signer_failovers_total` have the kind of the error: alert on these kinds, or you find
//!   out about the first region when you need the second. With
//!   [`ask_elsewhere(false)`](FailoverBuilder::ask_elsewhere) such an error returns at once.
//!
//! Any other error returns at once: the request or the caller would fail everywhere. So does an
//! [alarm](crate::Error::is_alarm), such as a signature that does not verify: a good answer from
//! the next region would hide it. An ERROR event and a counter report it as well.
//!
//! If all fail, a retryable error is returned if there is one, since the request may succeed later,
//! and among those one that says [when](crate::Error::retry_after). Of several it is that of the
//! signer you prefer, which is the first in the list, in whatever order they were asked.
//!
//! A signer that hangs fails only once its time is up. Give each one a limit that leaves time for
//! the others: see [the order of layers](crate::layer#order).
//!
//! # Circuits
//!
//! Each signer has a circuit, so that one that is down costs no time on every request:
//!
//! | state | when | what happens |
//! |---|---|---|
//! | closed | at first, and after a success | requests go to the signer |
//! | open | after 3 retryable failures in a row | requests skip it for 5 s, or for as long as the last failure asked, up to 1 min |
//! | half-open | when that time is over | one request probes it and the others skip it; a success closes the circuit, a retryable failure opens it again |
//!
//! Errors that are not retryable, and requests that were dropped, say nothing of the signer's
//! health: they count neither way, and a probe that ends so is taken by the next request. Neither
//! does the queue of a rate limit count, full or too slow, since the signer was not asked. And only what was asked
//! since the circuit last changed counts: a slow failure from before does not open it again.
//!
//! Before a request fails, the signers that it skipped are asked as well, in order: one of them may
//! be back, and an error would help nobody. Their success closes the circuit. Their failure leaves
//! it as it is: how long it stays open is settled, and a probe decides for itself.

mod builder;
mod circuit;

use std::{cmp::Ordering, ops::ControlFlow, sync::Arc};

use async_trait::async_trait;

pub use self::{builder::FailoverBuilder, circuit::CircuitState};
use self::{
    builder::no_signers,
    circuit::{Admission, Circuit, Settings},
};
use crate::{Error, PublicKey, Result, SignRequest, Signed, Signer, telemetry};

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

    /// Asks one signer. Continues if the next one may do better.
    async fn ask(
        &self,
        member: &Member<'_, S>,
        admission: Admission<'_>,
        request: &SignRequest<'_>,
        failures: &mut Failures,
    ) -> ControlFlow<Result<Signed>> {
        if let Some((from, kind)) = failures.latest {
            telemetry::failed_over(kind);
            let to = member.index;
            tracing::warn!(target: "kms_signer::failover", from, to, kind, "failed over");
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
            false => error.is_retryable(),
        }
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

/// How the signers failed that were asked so far.
#[derive(Default)]
struct Failures {
    /// Index and kind.
    latest: Option<(usize, &'static str)>,
    /// The error that is returned if no signer signs, with the index of its signer.
    worth_returning: Option<(usize, Error)>,
}

impl Failures {
    fn add(&mut self, index: usize, error: Error) {
        self.latest = Some((index, error.kind()));
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

/// How much an error helps a caller who wants to come back.
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
            // It was rejected on this side, so nothing is known of the signer.
            Err(Error::QueueFull { .. } | Error::QueuedTooLong { .. }) => None,
            Err(error) if error.is_retryable() => admission.failed(error.retry_after(), settings),
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

    /// The receipt tells which signer it was, by its key and region.
    ///
    /// # Errors
    ///
    /// At once the first one that cannot succeed elsewhere. If all signers fail otherwise, a
    /// retryable error if there is one, rather with [`retry_after`](Error::retry_after) than without;
    /// of several that of the signer that comes first in the list.
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

    /// Only the first signer takes note of it: one refusal, one record.
    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        if let Some(first) = self.signers.first() {
            first.note_refusal(request, error).await;
        }
    }
}
