//! `check` reaches the signer inside every layer and pointer, and uses nothing of a limit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use kms_signer::{
    Error, KeyType, PublicKey, Receipt, Result, SignRequest, Signed, Signer, async_trait,
    conformance::{ScriptedSigner, Step},
    error::KeyStoreFault,
    health::{Health, KeyState},
    layer::{
        audit::{Audit, MemorySink},
        failover::Failover,
        hedge::Hedge,
        rate_limit::RateLimit,
        timeout::Timeout,
    },
    provider::local::LocalSigner,
};
use tokio::time::{Instant, sleep};

use super::scripted::ms;

/// A signer that only reports this health, after a while.
#[derive(Clone, Debug)]
struct Checked {
    key: LocalSigner,
    is_enabled: bool,
    after: Duration,
    checks: Arc<AtomicU32>,
}

#[async_trait]
impl Signer for Checked {
    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    async fn sign(&self, _: &SignRequest<'_>) -> Result<Signed> {
        std::future::pending().await
    }

    async fn check(&self) -> Health {
        self.checks.fetch_add(1, Ordering::Relaxed);
        sleep(self.after).await;
        let mut health = Health::default();
        if !self.is_enabled {
            health.state = Ok(KeyState::Disabled);
            health.may_sign =
                Err(
                    Error::key_store(KeyStoreFault::Disabled, "enable it", "disabled")
                        .with_receipt(Receipt::new("Sign", "key")),
                );
        }
        health
    }
}

fn checked(is_enabled: bool) -> Checked {
    Checked {
        key: LocalSigner::from_bytes(KeyType::Secp256k1, &[7; 32]).unwrap(),
        is_enabled,
        after: ms(10),
        checks: Arc::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn every_layer_and_pointer_asks_the_signer_inside_once() {
    for is_enabled in [true, false] {
        let inner = checked(is_enabled);
        let limit = || RateLimit::per_second(1_000).build().unwrap();
        let leaked: &'static Checked = Box::leak(Box::new(inner.clone()));
        let stacks: [Arc<dyn Signer>; 8] = [
            Arc::new(Arc::new(inner.clone())),
            Arc::new(leaked),
            Arc::new(Box::new(inner.clone()) as Box<dyn Signer>),
            Arc::new(Audit::new(inner.clone(), MemorySink::default())),
            Arc::new(Timeout::new(inner.clone(), ms(1_000)).unwrap()),
            Arc::new(Hedge::after(inner.clone(), ms(1)).build().unwrap()),
            Arc::new(limit().limit(inner.clone())),
            Arc::new(Failover::builder([inner.clone()]).build().unwrap()),
        ];
        for (count, signer) in (1..).zip(stacks) {
            let health = signer.check().await;
            assert_eq!(health.is_ready(), is_enabled, "{signer:?}: {health}");
            assert_eq!(inner.checks.load(Ordering::Relaxed), count, "{signer:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_signer_with_nothing_to_ask_is_ready() {
    let signer: Arc<dyn Signer> = Arc::new(LocalSigner::random(KeyType::Ed25519).unwrap());
    assert!(signer.check().await.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_failover_is_ready_with_one_signer_and_asks_all_at_once() {
    let signers = [false, true, false].map(checked);
    let start = Instant::now();
    let health = Failover::builder(signers).build().unwrap().check().await;
    assert_eq!(start.elapsed(), ms(10));
    assert!(health.is_ready(), "{health}");
    assert_eq!(health.errors().count(), 2);
    assert_eq!(health.alternatives.len(), 2);
    assert_eq!(health.state.unwrap(), KeyState::Disabled);

    let health = Failover::builder([false, false].map(checked))
        .build()
        .unwrap();
    assert!(!health.check().await.is_ready());
}

fn credentials() -> Error {
    Error::key_store(KeyStoreFault::Credentials, "renew them", "expired")
}

fn denied() -> Error {
    Error::key_store(KeyStoreFault::AccessDenied, "allow it", "denied")
}

fn moved() -> Error {
    Error::key_moved("pinned", "other")
}

fn may_not_sign(error: Error) -> Health {
    let mut health = Health::default();
    health.may_sign = Err(error);
    health
}

#[tokio::test(start_paused = true)]
async fn a_failover_is_ready_with_the_signers_that_a_request_gets_to() {
    type Case = (fn() -> Error, fn() -> Health, bool, bool);
    let cases: [Case; 4] = [
        (credentials, || may_not_sign(credentials()), true, false),
        (moved, || may_not_sign(moved()), true, false),
        (denied, || may_not_sign(denied()), true, true),
        (denied, || may_not_sign(denied()), false, false),
    ];
    for (error, health, asks_elsewhere, is_ready) in cases {
        let first = ScriptedSigner::new(KeyType::P256).unwrap();
        let second = first.replica("second");
        first.otherwise(Step::error(error));
        first.set_health(health);
        let failover = Failover::builder([first, second]).ask_elsewhere(asks_elsewhere);
        let failover = failover.build().unwrap();
        let health = failover.check().await;
        let signed = failover.sign(&SignRequest::sha256(b"tx")).await;
        assert_eq!(health.is_ready(), is_ready, "{health}");
        assert_eq!(signed.is_ok(), is_ready, "{signed:?}");
    }
}

/// A probe that waits in a queue would report a busy service as not ready, and make it busier.
#[tokio::test(start_paused = true)]
async fn a_check_takes_no_turn_under_a_rate_limit() {
    let limit = RateLimit::per_second(1_000).in_flight(1).build().unwrap();
    let signer = Arc::new(limit.limit(checked(true)));
    let busy = signer.clone();
    let busy = tokio::spawn(async move { busy.sign(&SignRequest::keccak256(b"tx")).await });
    sleep(ms(1)).await;
    let start = Instant::now();
    assert!(signer.check().await.is_ready());
    assert_eq!(start.elapsed(), ms(10));
    busy.abort();
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_ends_with_the_timeout_and_is_not_ready() {
    let mut hangs = checked(true);
    hangs.after = ms(60_000);
    let start = Instant::now();
    let health = Timeout::new(hangs, ms(300)).unwrap().check().await;
    assert_eq!(start.elapsed(), ms(300));
    assert!(!health.is_ready() && !health.is_reachable(), "{health}");
    assert_eq!(health.may_sign.unwrap_err().name(), "timed_out");
}
