//! The outcome of each case.

use std::{any::Any, fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio::time::timeout;

use crate::Error;

/// How long one case may take by default.
pub(super) const CASE_TIMEOUT: Duration = Duration::from_secs(60);

/// The outcome of each case of a suite, in the order of the table in [`conformance`](super).
#[derive(Clone, Debug, Default)]
#[must_use = "a report that is not read checks nothing: call `assert_passed`"]
pub struct Report {
    outcomes: Vec<Outcome>,
}

impl Report {
    /// The outcome of each case.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// The cases that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Outcome> {
        let failed = |outcome: &&Outcome| matches!(outcome.verdict, Verdict::Failed { .. });
        self.outcomes.iter().filter(failed)
    }

    /// Whether no case failed. A report without a case did not pass.
    pub fn is_passed(&self) -> bool {
        !self.outcomes.is_empty() && self.failures().next().is_none()
    }

    /// Panics if a case failed; for tests.
    ///
    /// # Panics
    ///
    /// If a case failed, with a report of the failed cases, or if there is no case.
    #[track_caller]
    pub fn assert_passed(&self) {
        let failed = Self {
            outcomes: self.failures().cloned().collect(),
        };
        assert!(self.is_passed(), "\n{failed}");
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.outcomes.append(&mut other.outcomes);
    }
}

/// Shows one line for each case, and for a failed one what was expected and what happened.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in &self.outcomes {
            writeln!(f, "{outcome}")?;
        }
        Ok(())
    }
}

/// The outcome of one case.
#[derive(Clone, Debug)]
pub struct Outcome {
    subject: Arc<str>,
    case: &'static str,
    verdict: Verdict,
}

impl Outcome {
    /// The name given to the suite, and the type of the key.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The name of the case, as in the tables of [`conformance`](super).
    pub fn case(&self) -> &'static str {
        self.case
    }

    /// Whether it passed.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, case, .. } = self;
        match &self.verdict {
            Verdict::Passed => write!(f, "passed   {subject}: {case}"),
            Verdict::Skipped { reason } => write!(f, "skipped  {subject}: {case} ({reason})"),
            Verdict::Failed { expected, got } => write!(
                f,
                "FAILED   {subject}: {case}\n    expected: {expected}\n    got:      {got}"
            ),
        }
    }
}

/// Whether a case passed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The signer keeps the contract.
    Passed,
    /// The case does not apply to this signer, or the suite lacks something that it needs.
    Skipped {
        /// Why.
        reason: &'static str,
    },
    /// The signer breaks the contract.
    Failed {
        /// What the contract requires.
        expected: String,
        /// What happened.
        got: String,
    },
}

/// The result of a case: `Err` ends it early with a verdict other than `Passed`.
pub(super) type Checked<T = ()> = Result<T, Verdict>;

pub(super) fn failed(expected: impl Into<String>, got: impl Into<String>) -> Verdict {
    Verdict::Failed {
        expected: expected.into(),
        got: got.into(),
    }
}

pub(super) fn skipped(reason: &'static str) -> Verdict {
    Verdict::Skipped { reason }
}

pub(super) fn require(holds: bool, expected: &str, got: impl FnOnce() -> String) -> Checked {
    match holds {
        true => Ok(()),
        false => Err(failed(expected, got())),
    }
}

pub(super) fn shown(error: &Error) -> String {
    format!("the error `{}`: {error}", error.name())
}

/// Runs the cases of one subject.
#[derive(Debug)]
pub(super) struct Run {
    subject: Arc<str>,
    timeout: Duration,
    report: Report,
}

impl Run {
    pub(super) fn new(subject: impl Into<Arc<str>>, timeout: Duration) -> Self {
        Self {
            subject: subject.into(),
            timeout,
            report: Report::default(),
        }
    }

    /// Runs a case. One that panics or hangs fails, and the others still run.
    pub(super) async fn case(&mut self, case: &'static str, work: impl Future<Output = Checked>) {
        let work = AssertUnwindSafe(work).catch_unwind();
        let verdict = match timeout(self.timeout, work).await {
            Ok(Ok(Ok(()))) => Verdict::Passed,
            Ok(Ok(Err(verdict))) => verdict,
            Ok(Err(panic)) => failed("no panic", format!("a panic: {}", message(&*panic))),
            Err(_) => failed(
                format!("an end of the case within {:?}", self.timeout),
                "it was still waiting for the signer",
            ),
        };
        self.report.outcomes.push(Outcome {
            subject: Arc::clone(&self.subject),
            case,
            verdict,
        });
    }

    pub(super) fn finish(self) -> Report {
        self.report
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message")
}
