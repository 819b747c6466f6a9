//! Runs many requests at once, judges each outcome, and counts.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use k256::ecdsa::{RecoveryId, VerifyingKey, signature::hazmat::PrehashVerifier as _};
use kms_signer::{
    Error, PublicKey, Result, SignRequest, Signature, Signer,
    error::{AnswerFault, KeyStoreFault},
};
use sha3::{Digest as _, Keccak256};
use tokio::{sync::Semaphore, task::JoinSet};

/// What a request is to come to.
#[derive(Clone, Copy, Debug)]
pub enum Expect {
    /// A signature.
    Signed,
    /// An error of one of these kinds.
    Fails(&'static [&'static str]),
    /// A signature, or an error of one of these kinds.
    SignedOr(&'static [&'static str]),
}

impl Expect {
    fn allows_signature(self) -> bool {
        matches!(self, Self::Signed | Self::SignedOr(_))
    }

    fn allows(self, kind: &str) -> bool {
        match self {
            Self::Signed => false,
            Self::Fails(kinds) | Self::SignedOr(kinds) => kinds.contains(&kind),
        }
    }
}

/// Whether what a call returned is right. Asked when the time of the call has been taken.
pub type Judge = Box<dyn FnOnce() -> bool + Send>;

/// Errors that may pass by themselves, and are tried again.
const PASSING: [&str; 3] = ["connection", "throttled", "unavailable"];

/// A call is late this long after its deadline.
const LATE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct Tally {
    name: String,
    requests: u64,
    signed: u64,
    errors: BTreeMap<&'static str, u64>,
    /// Attempts that came to the emulator.
    pub calls: u64,
    wrong_signatures: u64,
    wrong_verdicts: u64,
    panics: u64,
    late: u64,
    slowest: Duration,
    /// The first wrong verdict, to look into.
    example: Option<String>,
}

impl Tally {
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            requests: 0,
            signed: 0,
            errors: BTreeMap::new(),
            calls: 0,
            wrong_signatures: 0,
            wrong_verdicts: 0,
            panics: 0,
            late: 0,
            slowest: Duration::ZERO,
            example: None,
        }
    }

    fn is_bad(&self, is_strict: bool) -> bool {
        let is_wrong = self.wrong_signatures + self.wrong_verdicts + self.panics > 0;
        is_wrong || self.requests == 0 || (is_strict && self.late > 0)
    }

    /// Signs `count` different messages, `concurrency` at a time.
    pub async fn sign<S: Signer + 'static>(
        &mut self,
        signer: Arc<S>,
        count: u64,
        concurrency: usize,
        deadline: Duration,
        expect: Expect,
    ) {
        let sign = |index: u64| {
            let signer = signer.clone();
            async move {
                let preimage = index.to_be_bytes();
                let signed = signer.sign(&SignRequest::keccak256(&preimage)).await?;
                let key = signer.public_key().clone();
                let judge = move || is_signature(&key, &preimage, &signed.signature);
                Ok(Box::new(judge) as Judge)
            }
        };
        self.run(sign, count, concurrency, deadline, expect).await;
    }

    /// Makes `count` calls, `concurrency` at a time.
    pub async fn run<F>(
        &mut self,
        call: impl Fn(u64) -> F,
        count: u64,
        concurrency: usize,
        deadline: Duration,
        expect: Expect,
    ) where
        F: Future<Output = Result<Judge>> + Send + 'static,
    {
        let permits = Arc::new(Semaphore::new(concurrency));
        let mut running = JoinSet::new();
        let first = self.requests;
        for index in first..first + count {
            let permit = permits.clone().acquire_owned().await.unwrap();
            let call = call(index);
            running.spawn(async move {
                let start = Instant::now();
                let result = call.await;
                let elapsed = start.elapsed();
                drop(permit);
                (result.map(|judge| judge()), elapsed)
            });
            while let Some(finished) = running.try_join_next() {
                self.count(finished, deadline, expect);
            }
        }
        while let Some(finished) = running.join_next().await {
            self.count(finished, deadline, expect);
        }
    }

    /// Compares the attempts that came to the emulator: one for each request, and three for each
    /// that failed in a way that may pass. `before` were made for something else.
    pub fn check_calls(&mut self, before: u64, requests: u64, expect: Expect) {
        let (least, most) = match expect {
            // A slow machine may find the deadline over before the third.
            Expect::Fails(["timeout"]) => (1, 3),
            // Sent once more, in case the SDK can make up for the clock.
            Expect::Fails(["credentials"]) => (1, 2),
            // Which of them may pass depends on what is wrong with the answer.
            Expect::Fails(["unusable_answer"]) => (1, 3),
            Expect::Fails(kinds) if kinds.iter().any(|kind| PASSING.contains(kind)) => (3, 3),
            Expect::Fails(_) => (1, 1),
            Expect::Signed | Expect::SignedOr(_) => (1, 2),
        };
        let calls = self.calls - before;
        if calls < requests * least || calls > requests * most {
            self.wrong_verdicts += 1;
            let shown = format!("{calls} calls for {requests} requests, expected {expect:?}");
            self.example.get_or_insert(shown);
        }
    }

    /// Compares the audit records with what was counted: one for each signature, each of which
    /// verifies by what is in the record alone.
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
            self.example
                .get_or_insert(format!("{records} records, of them {signed} signed"));
        }
    }

    fn count(
        &mut self,
        finished: std::result::Result<(Result<bool>, Duration), tokio::task::JoinError>,
        deadline: Duration,
        expect: Expect,
    ) {
        self.requests += 1;
        let (verdict, elapsed) = match finished {
            Ok(finished) => finished,
            Err(_) => {
                self.panics += 1;
                return;
            }
        };
        self.slowest = self.slowest.max(elapsed);
        self.late += u64::from(elapsed > deadline + LATE);
        let is_expected = match &verdict {
            Ok(is_right) => {
                self.signed += 1;
                self.wrong_signatures += u64::from(!is_right);
                expect.allows_signature()
            }
            Err(error) => {
                *self.errors.entry(error.kind()).or_default() += 1;
                let is_consistent = error.is_retryable() == may_pass(error)
                    && !error.to_string().is_empty()
                    && !format!("{error:?}").is_empty();
                expect.allows(error.kind()) && is_consistent
            }
        };
        if !is_expected {
            self.wrong_verdicts += 1;
            let shown = format!("{verdict:?}, expected {expect:?}");
            self.example.get_or_insert(shown);
        }
    }

    fn row(&self) -> String {
        let errors = self.errors.iter();
        let errors: Vec<String> = errors.map(|(kind, n)| format!("{kind} {n}")).collect();
        format!(
            "{:<34} {:>8} {:>8} {:>8} {:>9.2} | {:>9} {:>9} {:>6} {:>6} | {:>5} ms  {}",
            self.name,
            self.requests,
            self.signed,
            self.requests - self.signed - self.panics,
            self.calls as f64 / self.requests.max(1) as f64,
            self.wrong_signatures,
            self.wrong_verdicts,
            self.panics,
            self.late,
            self.slowest.as_millis(),
            errors.join(", "),
        )
    }
}

/// Prints each tally as soon as it is there, and the sum of all at the end.
#[derive(Default)]
pub struct Report(Vec<Tally>);

impl Report {
    pub fn add(&mut self, tally: Tally) {
        if self.0.is_empty() {
            println!(
                "{:<34} {:>8} {:>8} {:>8} {:>9} | {:>9} {:>9} {:>6} {:>6} | {:>8}  errors",
                "fault",
                "requests",
                "signed",
                "failed",
                "calls/req",
                "wrong sig",
                "wrong err",
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

    /// Fails with the names of those that are bad.
    pub fn finish(self, is_strict: bool) -> std::result::Result<(), String> {
        let mut sum = Tally::new("all");
        for tally in &self.0 {
            sum.requests += tally.requests;
            sum.signed += tally.signed;
            sum.calls += tally.calls;
            sum.wrong_signatures += tally.wrong_signatures;
            sum.wrong_verdicts += tally.wrong_verdicts;
            sum.panics += tally.panics;
            sum.late += tally.late;
            sum.slowest = sum.slowest.max(tally.slowest);
        }
        println!("{}", sum.row());
        let bad = self.0.iter().filter(|tally| tally.is_bad(is_strict));
        let bad: Vec<&str> = bad.map(|tally| &*tally.name).collect();
        match bad.is_empty() {
            true => Ok(()),
            false => Err(bad.join(", ")),
        }
    }
}

/// Judged by the curve crate, not by this crate's verifier.
fn is_signature(key: &PublicKey, preimage: &[u8], signature: &Signature) -> bool {
    let Signature::Secp256k1(ours) = signature else {
        return false;
    };
    let digest = Keccak256::digest(preimage);
    let key = VerifyingKey::from_sec1_bytes(&key.to_bytes()).unwrap();
    let theirs = k256::ecdsa::Signature::from_slice(&signature.to_bytes()).unwrap();
    let recovery_id = RecoveryId::from_byte(ours.recovery_id()).unwrap();
    let recovered = VerifyingKey::recover_from_prehash(&digest, &theirs, recovery_id);
    key.verify_prehash(&digest, &theirs).is_ok()
        && theirs == theirs.normalize_s()
        && recovered.is_ok_and(|recovered| recovered == key)
}

/// Which errors may pass by themselves, written down a second time.
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
        Error::DeadlineExceeded { .. } | Error::QueueFull { .. } | Error::QueuedTooLong { .. } => {
            true
        }
        _ => false,
    }
}
