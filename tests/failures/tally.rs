//! Runs many requests at the same time, judges each outcome, and counts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k256::ecdsa::{RecoveryId, VerifyingKey, signature::hazmat::PrehashVerifier as _};
use kms_signer::{
    Error, PublicKey, Receipt, Result, SignRequest, Signature, Signer,
    error::{AnswerFault, KeyStoreFault},
};
use sha3::{Digest as _, Keccak256};
use tokio::{
    sync::Semaphore,
    task::{JoinError, JoinSet},
    time::Instant,
};

use super::{observed::Observed, probe::Probe};

/// The expected outcome of a request.
#[derive(Clone, Copy, Debug)]
pub struct Expect {
    may_sign: bool,
    /// The names of the expected errors.
    names: &'static [&'static str],
    /// How often the request may be sent: at least and at most.
    attempts: (u32, u32),
}

impl Expect {
    /// Expects a signature from the first attempt.
    pub const SIGNED: Self = Self {
        may_sign: true,
        names: &[],
        attempts: (1, 1),
    };

    /// Expects one of these errors, which is permanent and not retried.
    pub const fn fails(names: &'static [&'static str]) -> Self {
        Self {
            may_sign: false,
            names,
            attempts: (1, 1),
        }
    }

    /// Expects one of these errors, which is transient and uses up the three attempts.
    pub const fn fails_thrice(names: &'static [&'static str]) -> Self {
        Self::fails(names).attempts(3, 3)
    }

    pub const fn or_fails(mut self, names: &'static [&'static str]) -> Self {
        self.names = names;
        self
    }

    pub fn is_timeout(self) -> bool {
        self.names == ["timeout"]
    }

    pub const fn attempts(mut self, least: u32, most: u32) -> Self {
        self.attempts = (least, most);
        self
    }
}

/// Checks the result of a call, after the time of the call is measured.
pub type Judge = Box<dyn FnOnce() -> bool + Send>;

/// The result of a call: the attempts in its receipt, if it has one, and its judge.
pub struct Answer {
    pub attempts: Option<u32>,
    pub judge: Judge,
}

/// How to compare a deadline.
#[derive(Clone, Debug)]
pub enum Clock {
    /// In virtual time only the call can be late.
    Virtual,
    /// In real time, minus the time that the machine itself was late.
    Probed(Arc<Probe>),
}

impl Clock {
    /// The precision of timers, which round up to a millisecond.
    const VIRTUAL_MARGIN: Duration = Duration::from_millis(2);
    /// The time for the work of a call after its deadline, in an unoptimised build.
    const REAL_MARGIN: Duration = Duration::from_millis(20);

    /// How long after `deadline` a call ended; zero within the tolerance.
    fn late(&self, deadline: Instant, end: Instant) -> Duration {
        let after = end.saturating_duration_since(deadline);
        let margin = match self {
            Self::Virtual => Self::VIRTUAL_MARGIN,
            Self::Probed(_) => Self::REAL_MARGIN,
        };
        let late = match self {
            Self::Probed(probe) if after > margin => {
                after.saturating_sub(probe.stalled(deadline, end))
            }
            _ => after,
        };
        if late > margin { late } else { Duration::ZERO }
    }
}

#[derive(Debug)]
pub struct Tally {
    name: String,
    clock: Clock,
    requests: u64,
    signed: u64,
    errors: BTreeMap<&'static str, u64>,
    /// How often requests were sent.
    calls: u64,
    wrong_signatures: u64,
    wrong_verdicts: u64,
    wrong_attempts: u64,
    panics: u64,
    late: u64,
    slowest: Duration,
    /// The first wrong verdict, as an example.
    example: Option<String>,
}

impl Tally {
    pub fn new(name: impl Into<String>, clock: Clock) -> Self {
        Self {
            name: name.into(),
            clock,
            requests: 0,
            signed: 0,
            errors: BTreeMap::new(),
            calls: 0,
            wrong_signatures: 0,
            wrong_verdicts: 0,
            wrong_attempts: 0,
            panics: 0,
            late: 0,
            slowest: Duration::ZERO,
            example: None,
        }
    }

    fn is_bad(&self) -> bool {
        let wrong = self.wrong_signatures + self.wrong_verdicts + self.wrong_attempts;
        wrong + self.panics + self.late > 0 || self.requests == 0
    }

    pub fn requests(&self) -> u64 {
        self.requests
    }

    pub fn late(&self) -> u64 {
        self.late
    }

    pub fn wrong_attempts(&self) -> u64 {
        self.wrong_attempts
    }

    /// Adds another tally to this one.
    pub fn plus(mut self, other: Self) -> Self {
        self.requests += other.requests;
        self.signed += other.signed;
        self.calls += other.calls;
        self.wrong_signatures += other.wrong_signatures;
        self.wrong_verdicts += other.wrong_verdicts;
        self.wrong_attempts += other.wrong_attempts;
        self.panics += other.panics;
        self.late += other.late;
        self.slowest = self.slowest.max(other.slowest);
        for (name, count) in other.errors {
            *self.errors.entry(name).or_default() += count;
        }
        self.example = self.example.or(other.example);
        self
    }

    /// Signs `count` different messages, `concurrency` at a time.
    pub async fn sign<S: Signer + 'static>(
        &mut self,
        signer: Arc<S>,
        count: u64,
        concurrency: usize,
        timeout: Duration,
        expect: Expect,
    ) {
        let sign = |index: u64| {
            let signer = signer.clone();
            async move {
                let preimage = index.to_be_bytes();
                let signed = signer.sign(&SignRequest::keccak256(&preimage)).await?;
                let key = signer.public_key().clone();
                Ok(Answer {
                    attempts: Some(signed.receipt.attempts()),
                    judge: Box::new(move || is_signature(&key, &preimage, &signed.signature)),
                })
            }
        };
        self.run(sign, count, concurrency, timeout, expect).await;
    }

    /// Makes `count` calls, `concurrency` at a time.
    pub async fn run<F>(
        &mut self,
        call: impl Fn(u64) -> F,
        count: u64,
        concurrency: usize,
        timeout: Duration,
        expect: Expect,
    ) where
        F: Future<Output = Result<Answer>> + Send + 'static,
    {
        let permits = Arc::new(Semaphore::new(concurrency));
        let mut running = JoinSet::new();
        let first = self.requests;
        for index in first..first + count {
            let permit = permits.clone().acquire_owned().await.unwrap();
            let (call, clock) = (call(index), self.clock.clone());
            running.spawn(async move {
                let start = Instant::now();
                let (result, observed) = Observed::during(call).await;
                let end = observed.done().unwrap_or_else(Instant::now);
                let late = clock.late(start + timeout, end);
                drop(permit);
                let claimed = match &result {
                    Ok(answer) => answer.attempts,
                    Err(error) => error.receipt().map(Receipt::attempts),
                };
                Finished {
                    elapsed: end - start,
                    late,
                    claimed,
                    sent: observed.sent(),
                    verdict: result.map(|answer| (answer.judge)()),
                }
            });
            while let Some(finished) = running.try_join_next() {
                self.count(finished, expect);
            }
        }
        while let Some(finished) = running.join_next().await {
            self.count(finished, expect);
        }
    }

    /// Sets how often requests were sent, if only the emulator knows.
    pub fn set_calls(&mut self, calls: u64) {
        self.calls = calls;
    }

    /// Compares the calls to the emulator with the requests sent.
    pub fn check_calls(&mut self, calls: u64) {
        if calls != self.calls {
            self.wrong_attempts += 1;
            let sent = self.calls;
            self.note(|| format!("{sent} sent, and {calls} came to the emulator"));
        }
    }

    /// Compares the audit records with the counts: there is one for each signature, and each record
    /// alone is enough to verify its signature.
    pub fn check_records(&mut self, lines: &str) {
        let mut signed = 0;
        for line in lines.lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            if record["outcome"] == "signed" {
                signed += 1;
                let bytes = |name: &str| hex::decode(record[name].as_str().unwrap()).unwrap();
                let key = VerifyingKey::from_sec1_bytes(&bytes("public_key")).unwrap();
                let signature = k256::ecdsa::Signature::from_slice(&bytes("signature")).unwrap();
                let is_right = key.verify_prehash(&bytes("digest"), &signature).is_ok();
                self.wrong_signatures += u64::from(!is_right);
            }
        }
        let records = lines.lines().count() as u64;
        if (signed, records) != (self.signed, self.requests) {
            self.wrong_verdicts += 1;
            self.note(|| format!("{records} records, of them {signed} signed"));
        }
    }

    fn count(&mut self, finished: std::result::Result<Finished, JoinError>, expect: Expect) {
        self.requests += 1;
        let Ok(finished) = finished else {
            self.panics += 1;
            return;
        };
        self.slowest = self.slowest.max(finished.elapsed);
        if !finished.late.is_zero() {
            self.late += 1;
            self.note(|| format!("{:?} after its deadline", finished.late));
        }
        self.count_attempts(&finished, expect);
        let is_expected = match &finished.verdict {
            Ok(is_right) => {
                self.signed += 1;
                self.wrong_signatures += u64::from(!is_right);
                expect.may_sign
            }
            Err(error) => {
                *self.errors.entry(error.name()).or_default() += 1;
                let is_consistent = error.is_retryable() == may_pass(error)
                    && !error.to_string().is_empty()
                    && !format!("{error:?}").is_empty();
                expect.names.contains(&error.name()) && is_consistent
            }
        };
        if !is_expected {
            self.wrong_verdicts += 1;
            self.note(|| format!("{:?}, expected {expect:?}", finished.verdict));
        }
    }

    /// Compares how often this request was sent with the expectation and with its receipt.
    fn count_attempts(&mut self, finished: &Finished, expect: Expect) {
        let (claimed, sent) = (finished.claimed, finished.sent);
        self.calls += u64::from(sent.or(claimed).unwrap_or_default());
        let (least, most) = expect.attempts;
        let is_due = |attempts: u32| (least..=most).contains(&attempts);
        let agree = sent.is_none() || claimed.is_none() || sent == claimed;
        if !agree || !sent.is_none_or(is_due) || !claimed.is_none_or(is_due) {
            self.wrong_attempts += 1;
            self.note(|| {
                format!("sent {sent:?}, receipt says {claimed:?}, expected {least} to {most}")
            });
        }
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        self.example.get_or_insert_with(what);
    }

    fn row(&self) -> String {
        let errors = self.errors.iter();
        let errors: Vec<String> = errors.map(|(name, n)| format!("{name} {n}")).collect();
        format!(
            "{:<34} {:>8} {:>8} {:>8} {:>9.2} | {:>9} {:>9} {:>9} {:>6} {:>6} | {:>5} ms  {}",
            self.name,
            self.requests,
            self.signed,
            self.requests - self.signed - self.panics,
            self.calls as f64 / self.requests.max(1) as f64,
            self.wrong_signatures,
            self.wrong_verdicts,
            self.wrong_attempts,
            self.panics,
            self.late,
            self.slowest.as_millis(),
            errors.join(", "),
        )
    }
}

/// One call that returned.
struct Finished {
    elapsed: Duration,
    late: Duration,
    /// How often it was sent according to its receipt.
    claimed: Option<u32>,
    /// How often it was sent, if that is counted.
    sent: Option<u32>,
    verdict: Result<bool>,
}

/// Prints each tally as soon as it is complete, and the sum of all at the end.
#[derive(Default)]
pub struct Report(Vec<Tally>);

impl Report {
    pub fn add(&mut self, tally: Tally) {
        if self.0.is_empty() {
            println!(
                "{:<34} {:>8} {:>8} {:>8} {:>9} | {:>9} {:>9} {:>9} {:>6} {:>6} | {:>8}  errors",
                "failure",
                "requests",
                "signed",
                "failed",
                "calls/req",
                "wrong sig",
                "wrong err",
                "wrong att",
                "panics",
                "late",
                "slowest"
            );
        }
        println!("{}", tally.row());
        if let Some(example) = &tally.example {
            println!("    {example}");
        }
        self.0.push(tally);
    }

    /// Fails with the names of the bad tallies.
    pub fn finish(self) -> std::result::Result<(), String> {
        let bad: Vec<String> = (self.0.iter())
            .filter(|tally| tally.is_bad())
            .map(|tally| tally.name.clone())
            .collect();
        let nothing = Tally::new("all", Clock::Virtual);
        let sum = self.0.into_iter().fold(nothing, Tally::plus);
        println!(
            "{}",
            Tally {
                errors: BTreeMap::new(),
                ..sum
            }
            .row()
        );
        match bad.is_empty() {
            true => Ok(()),
            false => Err(bad.join(", ")),
        }
    }
}

/// Verifies with the curve crate, not with this crate's verifier.
fn is_signature(key: &PublicKey, preimage: &[u8], signature: &Signature) -> bool {
    let Signature::Secp256k1(ours) = signature else {
        return false;
    };
    let digest = Keccak256::digest(preimage);
    let key = VerifyingKey::from_sec1_bytes(&key.to_bytes()).unwrap();
    let theirs = k256::ecdsa::Signature::from_slice(signature.as_bytes()).unwrap();
    let recovery_id = RecoveryId::from_byte(ours.recovery_id()).unwrap();
    let recovered = VerifyingKey::recover_from_prehash(&digest, &theirs, recovery_id);
    key.verify_prehash(&digest, &theirs).is_ok()
        && theirs == theirs.normalize_s()
        && recovered.is_ok_and(|recovered| recovered == key)
}

/// Which errors are transient, written down independently of the crate.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::KeyStore { fault, .. } => [
            KeyStoreFault::Throttled,
            KeyStoreFault::Unavailable,
            KeyStoreFault::Timeout,
            KeyStoreFault::Connection,
        ]
        .contains(fault),
        Error::UnusableAnswer { fault, .. } => matches!(fault, AnswerFault::Missing { .. }),
        Error::TimedOut { .. } | Error::QueueFull { .. } | Error::QueuedTooLong { .. } => true,
        _ => false,
    }
}
