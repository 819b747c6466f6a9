//! Every provider, and every layer and pointer around one of them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kms_signer::{
    KeyType, PublicKey, Result, SignRequest, Signed, Signer, async_trait,
    conformance::SignerSuite,
    emulator::aws_kms::{KmsEmulator, Operation},
    layer::{
        audit::{Audit, MemorySink},
        failover::Failover,
        hedge::Hedge,
        rate_limit::RateLimit,
        timeout::Timeout,
    },
    provider::{aws_kms::AwsKmsSigner, local::LocalSigner},
};

const MINUTE: Duration = Duration::from_secs(60);

/// A signer that every case runs against.
pub struct Subject {
    pub name: &'static str,
    suite: SignerSuite,
    /// How many second attempts it made, if it makes any.
    second_attempts: Option<Arc<AtomicU64>>,
}

impl Subject {
    fn new(name: &'static str, suite: SignerSuite) -> Self {
        Self {
            name,
            suite,
            second_attempts: None,
        }
    }

    fn local(name: &'static str, signer: impl Signer + 'static) -> Self {
        Self::new(name, SignerSuite::new(name, signer))
    }

    fn in_kms(
        name: &'static str,
        signer: impl Signer + 'static,
        emulator: &Arc<KmsEmulator>,
    ) -> Self {
        let emulator = Arc::clone(emulator);
        let suite = SignerSuite::new(name, signer)
            .rejects_empty_messages()
            .count_calls(move || emulator.calls(Operation::Sign));
        Self::new(name, suite)
    }

    /// Panics if a case failed, or if it should have made second attempts and did not.
    pub async fn check(self) {
        self.suite.run().await.assert_passed();
        if let Some(attempts) = self.second_attempts {
            let attempts = attempts.load(Ordering::Relaxed);
            assert!(attempts > 0, "{}: no second attempt was made", self.name);
        }
    }
}

/// One line for each provider, pointer and layer.
pub async fn of_key_type(emulator: &Arc<KmsEmulator>, key_type: KeyType) -> Vec<Subject> {
    let local = LocalSigner::random(key_type).unwrap();
    let boxed: Box<dyn Signer> = Box::new(local.clone());

    let arn = emulator.create_key(key_type).unwrap();
    let builder = AwsKmsSigner::builder(arn).emulator(emulator.endpoint_url(), emulator.region());
    let kms = builder.clone().connect().await.unwrap();
    let pinned = builder
        .connect_lazy(kms.public_key().clone())
        .await
        .unwrap();

    let mut subjects = vec![
        Subject::local("local", local.clone()),
        Subject::local("&local", leaked(local.clone())),
        Subject::local("Arc<local>", Arc::new(local)),
        Subject::local("Box<dyn local>", boxed),
        Subject::in_kms("aws_kms pinned", pinned, emulator),
    ];
    subjects.extend(layered(&kms, emulator));
    let mut kms = Subject::in_kms("aws_kms", kms, emulator);
    kms.suite = kms.suite.failing(disabled(emulator, key_type).await);
    subjects.push(kms);
    subjects
}

/// A signer whose key was disabled after it connected.
async fn disabled(emulator: &KmsEmulator, key_type: KeyType) -> AwsKmsSigner {
    let arn = emulator.create_key(key_type).unwrap();
    let builder = AwsKmsSigner::builder(&*arn);
    let builder = builder.emulator(emulator.endpoint_url(), emulator.region());
    let signer = builder.connect().await.unwrap();
    emulator.set_enabled(&arn, false).unwrap();
    signer
}

/// Each layer around the AWS KMS provider, which can fail in the most ways, and all layers
/// together.
fn layered(signer: &AwsKmsSigner, emulator: &Arc<KmsEmulator>) -> Vec<Subject> {
    let around = |name, signer: Box<dyn Signer>| Subject::in_kms(name, signer, emulator);
    let signer = || signer.clone();
    let limit = || RateLimit::per_second(1_000_000).build().unwrap();
    let in_time = Timeout::new(signer(), MINUTE).unwrap();
    let failover = Failover::builder([signer(), signer()]).build().unwrap();
    let audit = Audit::new(signer(), MemorySink::default());

    // As under "In production" in the README.
    let regions = [limit().limit(signer()), limit().limit(signer())];
    let stack = Timeout::new(Failover::builder(regions).build().unwrap(), MINUTE).unwrap();
    let stack = Audit::new(stack, MemorySink::default());

    // With a hedge where the documentation of `layer` has it.
    let hedge = Hedged::around(signer());
    let region = || {
        let region = Timeout::new(hedge.signer(), MINUTE).unwrap();
        limit().limit(hedge.layer(region))
    };
    let hedged_stack = Failover::builder([region(), region()]).build().unwrap();
    let hedged_stack = Timeout::new(hedged_stack, MINUTE).unwrap();
    let hedged_stack = Audit::new(hedged_stack, MemorySink::default());

    let alone = Hedged::around(signer());
    let hedged_alone = alone.layer(alone.signer());
    vec![
        around("audit", Box::new(audit)),
        around("timeout", Box::new(in_time)),
        around("failover", Box::new(failover)),
        around("rate_limit", Box::new(limit().limit(signer()))),
        around("stack", Box::new(stack)),
        alone.counted(around("hedge", Box::new(hedged_alone))),
        hedge.counted(around("stack with hedge", Box::new(hedged_stack))),
    ]
}

/// A hedge that makes second attempts, because each first attempt is slow.
struct Hedged<S> {
    slow: Slow<S>,
}

impl<S: Signer + Clone> Hedged<S> {
    fn around(signer: S) -> Self {
        Self {
            slow: Slow {
                signer,
                under_way: Arc::default(),
                second_attempts: Arc::default(),
            },
        }
    }

    fn signer(&self) -> Slow<S> {
        self.slow.clone()
    }

    fn layer<T: Signer>(&self, signer: T) -> Hedge<T> {
        let hedge = Hedge::after(signer, Duration::ZERO);
        hedge.max_extra(1.0).build().unwrap()
    }

    fn counted(self, subject: Subject) -> Subject {
        Subject {
            second_attempts: Some(self.slow.second_attempts),
            ..subject
        }
    }
}

/// Signs late, unless it is already signing the same request.
#[derive(Clone, Debug)]
struct Slow<S> {
    signer: S,
    under_way: Arc<Mutex<Vec<[u8; 32]>>>,
    second_attempts: Arc<AtomicU64>,
}

#[async_trait]
impl<S: Signer> Signer for Slow<S> {
    fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let Ok(input) = request.input_for(self.public_key().key_type()) else {
            return self.signer.sign(request).await;
        };
        let attempt = UnderWay::start(&self.under_way, input.fingerprint());
        match attempt.is_second {
            true => _ = self.second_attempts.fetch_add(1, Ordering::Relaxed),
            false => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        self.signer.sign(request).await
    }
}

/// An attempt in flight.
struct UnderWay<'a> {
    all: &'a Mutex<Vec<[u8; 32]>>,
    fingerprint: [u8; 32],
    is_second: bool,
}

impl<'a> UnderWay<'a> {
    fn start(all: &'a Mutex<Vec<[u8; 32]>>, fingerprint: [u8; 32]) -> Self {
        let mut under_way = all.lock().unwrap();
        let is_second = under_way.contains(&fingerprint);
        under_way.push(fingerprint);
        Self {
            all,
            fingerprint,
            is_second,
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut under_way = self.all.lock().unwrap();
        let at = under_way.iter().position(|one| *one == self.fingerprint);
        under_way.swap_remove(at.unwrap());
    }
}

/// A signer that is borrowed for the rest of the process: one wrapper is `&T`.
fn leaked(signer: LocalSigner) -> &'static LocalSigner {
    Box::leak(Box::new(signer))
}
