//! Several signers of one key: when the first cannot sign, the next one does.
//!
//! For multi-Region keys of AWS KMS, whose ids begin with `mrk-`: the same key, in several regions.
//!
//! ```
//! # async fn example() -> kms_signer::Result<()> {
//! use std::time::Duration;
//! use kms_signer::{KeyType, SignRequest, Signer, layer::failover::Failover, provider::local::LocalSigner};
//!
//! // In earnest, one signer for each region.
//! let frankfurt = LocalSigner::random(KeyType::Secp256k1)?;
//! let dublin = frankfurt.clone();
//!
//! let signer = Failover::new([frankfurt, dublin])?
//!     .failures(5)
//!     .open_for(Duration::from_secs(10));
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
//! Only after an error that [`is_retryable`](crate::Error::is_retryable): throttled, unavailable,
//! not reached, too late. Any other error returns at once, even if it holds for one region alone,
//! such as a replica that is disabled or that the caller may not use. Those are faults of the
//! set-up: if the next signer hid them, they would be found when it is needed. If all fail,
//! the error of the last one asked is returned.
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
//! | open | after 3 retryable failures in a row | requests pass it by for 5 s, or for as long as the last failure asked, up to 1 min |
//! | half-open | when that time is over | one request probes it and the others pass it by; a success closes the circuit, a retryable failure opens it again |
//!
//! Errors that are not retryable, and requests that were dropped, say nothing of the signer's
//! health: they count neither way, and a probe that ends so is taken by the next request. Neither
//! does the queue of a rate limit count, full or too slow, since the signer was not asked. And only what was asked
//! since the circuit last changed counts: a slow failure from before does not open it again.
//!
//! If no circuit lets a request through, all signers are asked in order anyway: a refusal would
//! help nobody.

mod circuit;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

pub use self::circuit::CircuitState;
use self::circuit::{Admission, Circuit, Settings};
use crate::{Error, PublicKey, Result, SignRequest, Signed, Signer, telemetry};

/// Asks the first of several signers of one key, and the next one if that fails.
///
/// Clones share the signers and their circuits.
#[derive(Debug)]
pub struct Failover<S> {
    /// Not empty.
    signers: Arc<[S]>,
    /// One for each signer.
    circuits: Arc<[Circuit]>,
    settings: Settings,
    public_key: PublicKey,
}

/// Not derived, which would ask for signers that can be cloned.
impl<S> Clone for Failover<S> {
    fn clone(&self) -> Self {
        Self {
            signers: self.signers.clone(),
            circuits: self.circuits.clone(),
            settings: self.settings.clone(),
            public_key: self.public_key.clone(),
        }
    }
}

impl<S: Signer> Failover<S> {
    /// Signers of one key, in the order in which to ask them.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] when there is none, or when they have different public keys.
    pub fn new(signers: impl IntoIterator<Item = S>) -> Result<Self> {
        let signers: Arc<[S]> = signers.into_iter().collect();
        let public_key = match signers.first() {
            Some(first) => first.public_key().clone(),
            None => return Err(no_signers()),
        };
        let mut keys = signers.iter().map(S::public_key).enumerate();
        if let Some((index, other)) = keys.find(|(_, key)| **key != public_key) {
            return Err(Error::InvalidConfig {
                reason: format!(
                    "signer {index} has the public key {} and signer 0 has {}; list signers of \
                     one key only, such as a multi-Region key and its replicas",
                    Short(other),
                    Short(&public_key),
                ),
            });
        }
        Ok(Self {
            circuits: signers.iter().map(|_| Circuit::default()).collect(),
            signers,
            settings: Settings::default(),
            public_key,
        })
    }

    /// After how many retryable failures in a row a signer is passed by. 3 by default; 0 is taken
    /// for 1.
    #[must_use]
    pub fn failures(mut self, failures: u32) -> Self {
        self.settings.failures = failures.max(1);
        self
    }

    /// How long it is passed by before one request probes it. 5 s by default.
    ///
    /// Longer if its last failure asked for more, up to 1 min.
    #[must_use]
    pub fn open_for(mut self, open_for: Duration) -> Self {
        self.settings.open_for = open_for;
        self
    }

    /// The signers, in the order in which they are asked.
    pub fn signers(&self) -> &[S] {
        &self.signers
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

    /// Asks those that `admit` lets through. `Err(None)` when it was none of them.
    async fn ask<'a>(
        &'a self,
        request: &SignRequest<'_>,
        admit: impl Fn(&'a Circuit) -> Option<Admission<'a>> + Send,
    ) -> Result<Signed, Option<Error>> {
        let mut failed: Option<(usize, Error)> = None;
        for member in self.members() {
            let Some(admission) = admit(member.circuit) else {
                continue;
            };
            if let Some((from, error)) = &failed {
                telemetry::failed_over();
                tracing::warn!(
                    target: "kms_signer::failover",
                    from,
                    to = member.index,
                    kind = error.kind(),
                    "failed over",
                );
            }
            match member.ask(request, admission, &self.settings).await {
                Err(error) if error.is_retryable() => failed = Some((member.index, error)),
                answer => return answer.map_err(Some),
            }
        }
        Err(failed.map(|(_, error)| error))
    }
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
            // It was refused on this side, so nothing is known of the signer.
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
    /// The first one that is not retryable; otherwise that of the last signer that was asked.
    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let answer = match self.ask(request, Circuit::admit).await {
            Err(None) => self.ask(request, |circuit| Some(circuit.insist())).await,
            answer => answer,
        };
        answer.map_err(|error| error.unwrap_or_else(no_signers))
    }

    /// Only the first signer takes note of it: one refusal, one record.
    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        if let Some(first) = self.signers.first() {
            first.note_refusal(request, error).await;
        }
    }
}

fn no_signers() -> Error {
    Error::InvalidConfig {
        reason: "there is no signer to ask; list at least one".into(),
    }
}

/// Displays enough of a public key to tell it from another one.
struct Short<'a>(&'a PublicKey);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = base16ct::lower::encode_string(&self.0.to_bytes());
        let last = key.get(key.len().saturating_sub(8)..).unwrap_or_default();
        write!(f, "{} {key:.12}…{last}", self.0.key_type())
    }
}
