//! A signer that does what a script says.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::time::sleep;

use crate::{
    Error, KeyType, PublicKey, RawSignature, Receipt, Result, SignRequest, Signed, Signer,
    Verifier, error::KeyStoreFault, health::Health, secret_key::SecretKey,
};

/// What happens to one request to a [`ScriptedSigner`].
///
/// ```
/// use std::time::Duration;
/// use kms_signer::{Error, conformance::Step, error::KeyStoreFault};
///
/// const SLOW: Step = Step::sign().after(Duration::from_millis(200));
/// const THROTTLED: Step = Step::fail(KeyStoreFault::Throttled).retry_after(Duration::from_secs(1));
/// const FORGED: Step = Step::error(Error::signature_not_verified);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Step {
    after: Duration,
    end: End,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Sign,
    Fail {
        fault: KeyStoreFault,
        retry_after: Option<Duration>,
    },
    Error(fn() -> Error),
    Hang,
}

impl Step {
    /// Returns a signature at once.
    pub const fn sign() -> Self {
        Self::new(End::Sign)
    }

    /// Returns [`Error::KeyStore`] with this fault and a receipt at once.
    pub const fn fail(fault: KeyStoreFault) -> Self {
        Self::new(End::Fail {
            fault,
            retry_after: None,
        })
    }

    /// Returns this error at once, with a receipt if its variant has one.
    pub const fn error(error: fn() -> Error) -> Self {
        Self::new(End::Error(error))
    }

    /// Never returns.
    pub const fn hang() -> Self {
        Self::new(End::Hang)
    }

    /// Makes the step wait this long first. Under tokio's paused clock this takes no real time.
    #[must_use]
    pub const fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }

    /// Sets [`Error::retry_after`] of a [`fail`](Self::fail). Has no effect on other steps.
    #[must_use]
    pub const fn retry_after(mut self, time: Duration) -> Self {
        if let End::Fail { retry_after, .. } = &mut self.end {
            *retry_after = Some(time);
        }
        self
    }

    const fn new(end: End) -> Self {
        Self {
            after: Duration::ZERO,
            end,
        }
    }
}

/// A signer for tests, with a key in memory: it signs, fails, waits or hangs as a script says, and
/// keeps the requests it got.
///
/// <div class="warning">
///
/// Not for production: each [`new`](Self::new) makes a key that is lost with the signer, and the
/// signer keeps every request in memory.
///
/// </div>
///
/// Signatures are deterministic and pass the [`Verifier`]. Clones share the script and the record
/// of requests. When the script is used up, [`otherwise`](Self::otherwise) decides.
///
/// ```
/// use kms_signer::{
///     KeyType, SignRequest, Signer,
///     conformance::{ScriptedSigner, Step},
///     error::KeyStoreFault,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> kms_signer::Result<()> {
/// let signer = ScriptedSigner::new(KeyType::Secp256k1)?;
/// signer.then([Step::fail(KeyStoreFault::Unavailable)]);
///
/// let request = SignRequest::keccak256(b"preimage").with_label("payout 4711");
/// assert!(signer.sign(&request).await.unwrap_err().is_retryable());
/// assert!(signer.sign(&request).await.is_ok());
/// assert_eq!(signer.calls(), 2);
/// assert_eq!(signer.requests()[0].label(), Some("payout 4711"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ScriptedSigner {
    secret_key: Arc<SecretKey>,
    verifier: Verifier,
    receipt: Receipt,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    script: VecDeque<Step>,
    otherwise: Step,
    health: fn() -> Health,
    requests: Vec<SignRequest<'static>>,
    starts: Vec<Instant>,
    refusals: Vec<Refusal>,
    checks: usize,
    in_flight: usize,
    most_in_flight: usize,
    dropped: usize,
}

/// A refusal that a [`ScriptedSigner`] got through [`Signer::note_refusal`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// The request that was not signed.
    pub request: SignRequest<'static>,
    /// [`Error::name`] of the reason.
    pub error: &'static str,
}

impl ScriptedSigner {
    /// Makes a signer with a fresh key, which signs at once until a script says otherwise. Its
    /// receipts name the operation `Sign` and the key `scripted`.
    ///
    /// # Errors
    ///
    /// [`Error::Randomness`] when the operating system returned no random bytes.
    pub fn new(key_type: KeyType) -> Result<Self> {
        let secret_key = SecretKey::random(key_type)?;
        Ok(Self {
            verifier: Verifier::new(secret_key.public_key()?),
            secret_key: Arc::new(secret_key),
            receipt: Receipt::new("Sign", "scripted"),
            state: Arc::new(Mutex::new(State::new())),
        })
    }

    /// Makes a signer with the same key but its own script and record of requests, like the same
    /// key in another region. Its receipts name `key`.
    #[must_use]
    pub fn replica(&self, key: &str) -> Self {
        Self {
            receipt: self.receipt.clone().with_key(key),
            state: Arc::new(Mutex::new(State::new())),
            ..self.clone()
        }
    }

    /// Sets the receipt of each signature and error.
    #[must_use]
    pub fn with_receipt(mut self, receipt: Receipt) -> Self {
        self.receipt = receipt;
        self
    }

    /// Appends steps to the script, one for each request.
    pub fn then(&self, steps: impl IntoIterator<Item = Step>) {
        self.state().script.extend(steps);
    }

    /// Sets what happens to requests when the script is used up.
    pub fn otherwise(&self, step: Step) {
        self.state().otherwise = step;
    }

    /// Sets what [`Signer::check`] returns: by default [`Health::default`], which is ready.
    pub fn set_health(&self, health: fn() -> Health) {
        self.state().health = health;
    }

    /// How many requests began. It does not count requests that the key cannot sign, which are
    /// rejected before.
    pub fn calls(&self) -> usize {
        self.state().starts.len()
    }

    /// When each request began, by tokio's clock.
    pub fn starts(&self) -> Vec<Instant> {
        self.state().starts.clone()
    }

    /// The requests that began, in the order of their start.
    pub fn requests(&self) -> Vec<SignRequest<'static>> {
        self.state().requests.clone()
    }

    /// The refusals that [`Signer::note_refusal`] was called with.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.state().refusals.clone()
    }

    /// How often [`Signer::check`] was called.
    pub fn checks(&self) -> usize {
        self.state().checks
    }

    /// How many requests are in flight: begun, and neither ended nor dropped.
    pub fn in_flight(&self) -> usize {
        self.state().in_flight
    }

    /// The highest number of requests in flight at the same time.
    pub fn most_in_flight(&self) -> usize {
        self.state().most_in_flight
    }

    /// How many requests were dropped before they ended.
    pub fn dropped(&self) -> usize {
        self.state().dropped
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn new() -> Self {
        Self {
            script: VecDeque::new(),
            otherwise: Step::sign(),
            health: Health::default,
            requests: Vec::new(),
            starts: Vec::new(),
            refusals: Vec::new(),
            checks: 0,
            in_flight: 0,
            most_in_flight: 0,
            dropped: 0,
        }
    }

    fn start(&mut self, request: &SignRequest<'_>) -> Step {
        self.starts.push(tokio::time::Instant::now().into_std());
        self.requests.push(request.clone().into_owned());
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
        self.script.pop_front().unwrap_or(self.otherwise)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Signer for ScriptedSigner {
    fn public_key(&self) -> &PublicKey {
        self.verifier.public_key()
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let input = request.input_for(self.public_key().key_type())?;
        let step = self.state().start(request);
        let mut in_flight = InFlight {
            state: &self.state,
            has_ended: false,
        };
        if !step.after.is_zero() {
            sleep(step.after).await;
        }
        let answer = match step.end {
            End::Sign => {
                let raw = self.secret_key.sign(&input, &[])?;
                let raw = RawSignature::Fixed(&raw);
                self.verifier.release(&input, raw, self.receipt.clone())
            }
            End::Fail { fault, retry_after } => {
                let error = |remedy| Error::key_store(fault, remedy, "the script says so");
                let error = match error("").is_retryable() {
                    true => error("retry, or change the script"),
                    false => error("change the script"),
                };
                let error = error.with_receipt(self.receipt.clone());
                Err(match retry_after {
                    Some(wait) => error.with_retry_after(wait),
                    None => error,
                })
            }
            End::Error(error) => Err(error().with_receipt(self.receipt.clone())),
            End::Hang => std::future::pending().await,
        };
        in_flight.has_ended = true;
        answer
    }

    async fn note_refusal(&self, request: &SignRequest<'_>, error: &Error) {
        self.state().refusals.push(Refusal {
            request: request.clone().into_owned(),
            error: error.name(),
        });
    }

    /// Returns what [`set_health`](Self::set_health) set; the script does not matter.
    async fn check(&self) -> Health {
        let health = {
            let mut state = self.state();
            state.checks += 1;
            state.health
        };
        health()
    }
}

struct InFlight<'a> {
    state: &'a Mutex<State>,
    has_ended: bool,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut state = lock(self.state);
        state.in_flight -= 1;
        state.dropped += usize::from(!self.has_ended);
    }
}

/// Ignores poisoning: no foreign code runs under the lock, so a panic cannot leave the state
/// broken.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
