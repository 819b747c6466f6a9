//! A signer that does as it is told, and tells what was asked of it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kms_signer::{
    Error, KeyType, PublicKey, Receipt, Result, SignRequest, Signed, Signer, async_trait,
    error::{AnswerFault, KeyStoreFault, SignatureFault},
    provider::local::LocalSigner,
};
use tokio::time::{Instant, sleep};

/// What becomes of one request.
#[derive(Clone, Copy, Debug)]
pub enum Turn {
    /// A signature after this time.
    Sign(Duration),
    /// A failure after this time, and the wait that the key store asks for.
    Fail(Duration, KeyStoreFault, Option<Duration>),
    /// Any error after this time.
    Err(Duration, fn() -> Error),
    /// Rejected by a client-side limit further in.
    Full,
    /// No answer.
    Hang,
}

pub const NOW: Duration = Duration::ZERO;

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn fail(fault: KeyStoreFault) -> Turn {
    Turn::Fail(NOW, fault, None)
}

/// Each error that is an alarm, as a signer returns it.
pub const ALARMS: [fn() -> Error; 4] = [
    || Error::SignatureNotVerified { receipt: None },
    || Error::InvalidSignature {
        fault: SignatureFault::Zero,
        receipt: None,
    },
    || Error::KeyMoved {
        pinned: "pinned".into(),
        returned: "returned".into(),
        receipt: None,
    },
    || Error::UnusableAnswer {
        fault: AnswerFault::Algorithm {
            actual: "actual".into(),
            expected: "expected".into(),
        },
        receipt: None,
    },
];

/// Clones share the script and what was seen.
#[derive(Clone, Debug)]
pub struct Scripted {
    key: LocalSigner,
    name: Arc<str>,
    seen: Arc<Seen>,
}

#[derive(Debug)]
struct Seen {
    script: Mutex<VecDeque<Turn>>,
    /// What is done when the script is at its end.
    otherwise: Mutex<Turn>,
    starts: Mutex<Vec<Instant>>,
    labels: Mutex<Vec<String>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    dropped: AtomicUsize,
}

impl Scripted {
    /// Signs at once until told otherwise.
    pub fn new() -> Self {
        Self::with_key("scripted", LocalSigner::random(KeyType::Secp256k1).unwrap())
    }

    pub fn with_key(name: &str, key: LocalSigner) -> Self {
        Self {
            key,
            name: name.into(),
            seen: Arc::new(Seen {
                script: Mutex::default(),
                otherwise: Mutex::new(Turn::Sign(NOW)),
                starts: Mutex::default(),
                labels: Mutex::default(),
                in_flight: AtomicUsize::new(0),
                most_in_flight: AtomicUsize::new(0),
                dropped: AtomicUsize::new(0),
            }),
        }
    }

    /// Adds to what the next requests meet.
    pub fn then(&self, turns: impl IntoIterator<Item = Turn>) {
        lock(&self.seen.script).extend(turns);
    }

    /// What every request meets that the script does not mention.
    pub fn otherwise(&self, turn: Turn) {
        *lock(&self.seen.otherwise) = turn;
    }

    pub fn calls(&self) -> usize {
        lock(&self.seen.starts).len()
    }

    /// When each request arrived here.
    pub fn starts(&self) -> Vec<Instant> {
        lock(&self.seen.starts).clone()
    }

    /// The labels of the requests in the order of their arrival.
    pub fn labels(&self) -> Vec<String> {
        lock(&self.seen.labels).clone()
    }

    pub fn in_flight(&self) -> usize {
        self.seen.in_flight.load(Ordering::SeqCst)
    }

    pub fn most_in_flight(&self) -> usize {
        self.seen.most_in_flight.load(Ordering::SeqCst)
    }

    /// How many requests were dropped before they were answered.
    pub fn dropped(&self) -> usize {
        self.seen.dropped.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Signer for Scripted {
    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        lock(&self.seen.starts).push(Instant::now());
        lock(&self.seen.labels).push(request.label().unwrap_or_default().to_owned());
        let mut under_way = UnderWay::start(&self.seen);
        let scripted = lock(&self.seen.script).pop_front();
        let turn = scripted.unwrap_or_else(|| *lock(&self.seen.otherwise));
        let answer = match turn {
            Turn::Sign(after) => {
                wait(after).await;
                let signed = self.key.sign(request).await?;
                Ok(Signed::new(
                    signed.signature,
                    Receipt::new("Sign", self.name.clone()),
                ))
            }
            Turn::Fail(after, fault, retry_after) => {
                wait(after).await;
                Err(Error::KeyStore {
                    fault,
                    code: None,
                    retry_after,
                    remedy: "read the script".into(),
                    receipt: Some(Box::new(Receipt::new("Sign", self.name.clone()))),
                    source: "scripted".into(),
                })
            }
            Turn::Err(after, error) => {
                wait(after).await;
                Err(error().with_receipt(Receipt::new("Sign", self.name.clone())))
            }
            Turn::Full => Err(Error::QueueFull {
                capacity: 0,
                retry_after: ms(1),
            }),
            Turn::Hang => std::future::pending().await,
        };
        under_way.is_answered = true;
        answer
    }
}

async fn wait(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

struct UnderWay<'a> {
    seen: &'a Seen,
    is_answered: bool,
}

impl<'a> UnderWay<'a> {
    fn start(seen: &'a Seen) -> Self {
        let in_flight = seen.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most_in_flight.fetch_max(in_flight, Ordering::SeqCst);
        Self {
            seen,
            is_answered: false,
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.seen.in_flight.fetch_sub(1, Ordering::SeqCst);
        if !self.is_answered {
            self.seen.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

/// Signs once; the error, if there was one.
pub async fn sign(signer: &impl Signer) -> Result<Signed> {
    signer.sign(&SignRequest::keccak256(b"preimage")).await
}

/// Signs in a task of its own, labelled.
pub fn spawn_sign<S: Signer + Clone + 'static>(
    signer: &S,
    label: impl ToString,
) -> tokio::task::JoinHandle<Result<Signed>> {
    let (signer, label) = (signer.clone(), label.to_string());
    tokio::spawn(async move {
        let request = SignRequest::keccak256(b"preimage").with_label(&label);
        signer.sign(&request).await
    })
}

/// Polls `sign` so many times, a millisecond apart, and drops it. Whether it was still pending.
pub async fn sign_and_drop_after(signer: &impl Signer, polls: usize) -> bool {
    let request = SignRequest::keccak256(b"dropped");
    let mut future = signer.sign(&request);
    for _ in 0..polls {
        if futures_util::poll!(&mut future).is_ready() {
            return false;
        }
        sleep(ms(1)).await;
    }
    true
}

/// Lets every task that can run do so.
pub async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}
