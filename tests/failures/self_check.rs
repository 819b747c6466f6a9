//! Checks that this matrix detects a late call and an extra attempt.

use std::{sync::Arc, thread, time::Duration};

use kms_signer::{
    KeyType, PublicKey, Receipt, Result, SignRequest, Signed, Signer, async_trait,
    provider::local::LocalSigner,
};
use tokio::time::sleep;

use super::{
    observed::Observed,
    tally::{Clock, Expect, Tally},
    threads,
};

const TIMEOUT: Duration = Duration::from_millis(50);

/// Signs, but does something wrong.
#[derive(Debug)]
struct Wrong {
    signer: LocalSigner,
    failure: KmsFailure,
}

#[derive(Clone, Copy, Debug)]
enum KmsFailure {
    /// Takes this long.
    Slow(Duration),
    /// Blocks its thread for this long, like a busy machine.
    Stalled(Duration),
    /// Sends the request this often, and reports it.
    Repeated(u32),
    /// Sends the request twice, and reports once.
    Concealed,
}

impl Wrong {
    fn new(failure: KmsFailure) -> Arc<Self> {
        let signer = LocalSigner::random(KeyType::Secp256k1).unwrap();
        Arc::new(Self { signer, failure })
    }
}

#[async_trait]
impl Signer for Wrong {
    fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    async fn sign(&self, request: &SignRequest<'_>) -> Result<Signed> {
        let (mut sent, mut claimed) = (1, 1);
        match self.failure {
            KmsFailure::Slow(time) => sleep(time).await,
            KmsFailure::Stalled(time) => {
                sleep(TIMEOUT).await;
                thread::sleep(time);
            }
            KmsFailure::Repeated(times) => (sent, claimed) = (times, times),
            KmsFailure::Concealed => sent = 2,
        }
        (0..sent).for_each(|_| Observed::count_attempt());
        let signed = self.signer.sign(request).await?;
        let receipt = Receipt::new("Sign", "local").with_attempts(claimed);
        Ok(Signed::new(signed.signature, receipt))
    }
}

async fn tally(clock: Clock, failure: KmsFailure, requests: u64) -> Tally {
    let mut tally = Tally::new("self", clock);
    tally
        .sign(Wrong::new(failure), requests, 1, TIMEOUT, Expect::SIGNED)
        .await;
    tally
}

/// Checks in virtual time.
pub async fn run() {
    let millis = Duration::from_millis;
    for (failure, late, wrong_attempts) in [
        (KmsFailure::Slow(TIMEOUT), 0, 0),
        (KmsFailure::Slow(TIMEOUT + millis(5)), 8, 0),
        (KmsFailure::Repeated(1), 0, 0),
        (KmsFailure::Repeated(2), 0, 8),
        (KmsFailure::Concealed, 0, 8),
    ] {
        let tally = tally(Clock::Virtual, failure, 8).await;
        let seen = (tally.late(), tally.wrong_attempts());
        assert_eq!(seen, (late, wrong_attempts), "{failure:?}");
    }
}

/// Checks in real time: a call that could have ended is late, one whose thread could not run is
/// not.
pub fn run_on_threads() {
    let second = Duration::from_secs(1);
    for (failure, is_late) in [
        (KmsFailure::Slow(TIMEOUT + second), true),
        (KmsFailure::Stalled(second / 10), false),
    ] {
        let tally = threads::share(4, async |clock, share| tally(clock, failure, share).await);
        assert_eq!(tally.requests(), 4);
        // No machine is so busy that each of these calls does not run for most of a second.
        assert_eq!(tally.late() > 0, is_late, "{failure:?}");
    }
}
