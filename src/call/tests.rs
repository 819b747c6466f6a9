//! Calls over a toy key store, in virtual time, without any provider.

use std::{collections::VecDeque, sync::Mutex};

use super::*;
use crate::error::KeyStoreFault;

/// What happens in one attempt.
#[derive(Clone, Copy)]
struct Step {
    /// The time until the request goes out; `None` if it never does.
    until_sent: Option<Duration>,
    /// The time until the outcome; `None` if there is never one.
    until_answered: Option<Duration>,
    outcome: Result<&'static str, Toy>,
}

/// Why the toy key store fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Toy {
    Busy,
    Denied,
    /// It failed, and the transport corrected the cause.
    Corrected,
}

const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

const fn answered(outcome: Result<&'static str, Toy>) -> Step {
    Step {
        until_sent: AT_ONCE,
        until_answered: AT_ONCE,
        outcome,
    }
}

const OK: Step = answered(Ok("yes"));
const BUSY: Step = answered(Err(Toy::Busy));
const CORRECTED: Step = answered(Err(Toy::Corrected));
const SILENT: Step = Step {
    until_answered: None,
    ..OK
};

struct ToyTransport {
    settings: Settings,
    budget: Budget,
    region: Option<Arc<str>>,
    steps: Mutex<VecDeque<Step>>,
    /// Attempts in flight, and those that were dropped without an answer.
    given_up: Mutex<u32>,
}

impl Transport for ToyTransport {
    type Failure = Toy;

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }

    fn region(&self) -> Option<&Arc<str>> {
        self.region.as_ref()
    }

    fn request_id(failure: &Toy) -> Option<&str> {
        (*failure == Toy::Denied).then_some("id-of-denied")
    }

    fn is_corrected(failure: &Toy) -> bool {
        *failure == Toy::Corrected
    }

    fn classify(failure: Toy, receipt: Receipt, was_sent: bool) -> Error {
        let fault = match failure {
            _ if !was_sent => KeyStoreFault::Credentials,
            Toy::Busy => KeyStoreFault::Unavailable,
            Toy::Denied => KeyStoreFault::AccessDenied,
            Toy::Corrected => KeyStoreFault::Other,
        };
        error(fault, "failed", receipt)
    }

    fn out_of_time(cause: &'static str, receipt: Receipt, _: bool) -> Error {
        error(KeyStoreFault::Timeout, cause, receipt)
    }

    fn label(code: &str) -> &str {
        code
    }
}

fn error(fault: KeyStoreFault, cause: &'static str, receipt: Receipt) -> Error {
    Error::key_store(fault, "", cause).with_receipt(receipt)
}

/// Counts its attempt as given up if it is dropped before the outcome.
struct Guard<'a>(&'a Mutex<u32>, bool);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if !self.1 {
            *self.0.lock().unwrap() += 1;
        }
    }
}

impl ToyTransport {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            settings: Settings::default(),
            budget: Budget::new(100),
            region: Some("here".into()),
            steps: Mutex::new(steps.into_iter().collect()),
            given_up: Mutex::new(0),
        }
    }

    async fn send(&self, attempt: Attempt) -> Result<Answer<&'static str>, Toy> {
        let mut guard = Guard(&self.given_up, false);
        let step = self.steps.lock().unwrap().pop_front().unwrap();
        if let Some(until_sent) = step.until_sent {
            sleep(until_sent).await;
            attempt.sent.mark();
        }
        match step.until_answered {
            Some(until_answered) => sleep(until_answered).await,
            None => std::future::pending().await,
        }
        guard.1 = true;
        step.outcome.map(|value| Answer {
            value,
            request_id: Some("id-of-answer".to_owned()),
        })
    }

    async fn call(&self) -> Result<(&'static str, Receipt)> {
        self.call_with(false, |answer, receipt| Ok((answer, receipt)))
            .await
    }

    async fn call_with<V>(
        &self,
        is_probe: bool,
        accept: impl Fn(&'static str, Receipt) -> Result<V>,
    ) -> Result<V> {
        let subject = Subject {
            operation: "Ask",
            key: &"toy".into(),
            pinned_key: None,
            signs: None,
            is_probe,
        };
        let deadline = in_future(self.settings.timeout);
        call(
            self,
            subject,
            deadline,
            |attempt| self.send(attempt),
            accept,
        )
        .await
    }

    fn left(&self) -> usize {
        self.steps.lock().unwrap().len()
    }

    fn given_up(&self) -> u32 {
        *self.given_up.lock().unwrap()
    }
}

fn attempts(error: &Error) -> u32 {
    error.receipt().unwrap().attempts()
}

const ATTEMPT: Duration = Duration::from_secs(3);

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_retried_and_the_receipt_counts_it() {
    let toy = ToyTransport::new([BUSY, BUSY, OK]);
    let start = Instant::now();
    let (answer, receipt) = toy.call().await.unwrap();
    assert_eq!(answer, "yes");
    assert_eq!(
        (receipt.operation(), receipt.key(), receipt.region()),
        ("Ask", "toy", Some("here"))
    );
    assert_eq!(
        (receipt.attempts(), receipt.request_id()),
        (3, Some("id-of-answer"))
    );
    assert_eq!(receipt.elapsed(), start.elapsed());
    assert!(receipt.elapsed() <= Duration::from_millis(75), "two pauses");
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_not_retried() {
    let toy = ToyTransport::new([answered(Err(Toy::Denied)), OK]);
    let error = toy.call().await.unwrap_err();
    assert_eq!((error.name(), attempts(&error)), ("access_denied", 1));
    assert_eq!(error.request_id(), Some("id-of-denied"));
    assert_eq!(toy.left(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_answer_is_retried_if_its_error_is_retryable() {
    for (is_retryable, left) in [(true, 0), (false, 1)] {
        let toy = ToyTransport::new([OK, OK]);
        let seen = Mutex::new(0);
        let outcome = toy
            .call_with(false, |_, receipt| {
                *seen.lock().unwrap() += 1;
                match (*seen.lock().unwrap(), is_retryable) {
                    (1, true) => Err(error(KeyStoreFault::Unavailable, "odd", receipt)),
                    (1, false) => Err(error(KeyStoreFault::NotFound, "odd", receipt)),
                    _ => Ok(receipt.attempts()),
                }
            })
            .await;
        assert_eq!(outcome.ok(), is_retryable.then_some(2));
        assert_eq!(toy.left(), left);
    }
}

#[tokio::test(start_paused = true)]
async fn retries_are_paid_from_the_budget_of_the_transport() {
    let mut toy = ToyTransport::new([BUSY; 10]);
    toy.budget = Budget::new(5);
    assert_eq!(
        attempts(&toy.call().await.unwrap_err()),
        2,
        "a retry costs 5"
    );
    assert_eq!(attempts(&toy.call().await.unwrap_err()), 1);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(attempts(&toy.call().await.unwrap_err()), 2);
    // A budget that the user set is used instead.
    toy.settings.retries = Retries::default().budget(10);
    assert_eq!(attempts(&toy.call().await.unwrap_err()), 3);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_an_attempt_begins_when_its_request_is_sent() {
    let slow = |until_sent| Step {
        until_sent: Some(Duration::from_secs(until_sent)),
        ..SILENT
    };
    let toy = ToyTransport::new([slow(5), OK]);
    let start = Instant::now();
    let (_, receipt) = toy.call().await.unwrap();
    assert_eq!(receipt.attempts(), 2);
    assert!(start.elapsed() >= Duration::from_secs(5) + ATTEMPT);
    assert_eq!(toy.given_up(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_the_last_moment_of_an_attempt_counts() {
    let late = |until_answered| Step {
        until_answered: Some(until_answered),
        ..OK
    };
    let just_in_time = ATTEMPT - Duration::from_millis(1);
    let toy = ToyTransport::new([late(just_in_time)]);
    assert_eq!(toy.call().await.unwrap().1.attempts(), 1);
    let toy = ToyTransport::new([late(ATTEMPT + Duration::from_millis(1)), OK]);
    assert_eq!(toy.call().await.unwrap().1.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline_and_says_so() {
    let toy = ToyTransport::new([SILENT; 5]);
    let start = Instant::now();
    let error = toy.call().await.unwrap_err();
    assert_eq!((error.name(), attempts(&error)), ("timeout", 3));
    // Three attempts end before the deadline; with more of them the deadline ends the call.
    assert!(start.elapsed() < Duration::from_secs(10));
    let mut toy = ToyTransport::new([SILENT; 5]);
    toy.settings.attempt_timeout = Some(ATTEMPT);
    toy.settings.timeout = Duration::from_secs(8);
    let start = Instant::now();
    let error = toy.call().await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(8));
    assert_eq!((attempts(&error), toy.given_up()), (3, 3));
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("deadline"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_not_sent_is_not_counted() {
    let unsent = Step {
        until_sent: None,
        ..BUSY
    };
    let toy = ToyTransport::new([unsent]);
    let error = toy.call().await.unwrap_err();
    assert_eq!((error.name(), attempts(&error)), ("credentials", 0));

    let never = Step {
        until_sent: None,
        ..SILENT
    };
    let toy = ToyTransport::new([BUSY, never]);
    let start = Instant::now();
    let error = toy.call().await.unwrap_err();
    assert_eq!((error.name(), attempts(&error)), ("timeout", 1));
    assert_eq!(start.elapsed(), Duration::from_secs(10), "nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_call_gives_its_attempt_up() {
    let toy = ToyTransport::new([SILENT, OK]);
    let dropped = tokio::time::timeout(Duration::from_secs(1), toy.call()).await;
    assert!(dropped.is_err());
    assert_eq!((toy.given_up(), toy.left()), (1, 1));
    toy.call().await.unwrap();
    assert_eq!(toy.given_up(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_correction_the_request_is_sent_again_at_once_and_only_once() {
    for (steps, sent) in [
        ([CORRECTED, OK, OK], Ok(2)),
        ([CORRECTED, CORRECTED, OK], Err(2)),
    ] {
        // The only attempt after the first one, and it takes nothing from the budget.
        let mut toy = ToyTransport::new(steps);
        toy.settings.retries = Retries::none();
        let start = Instant::now();
        let outcome = toy.call().await;
        let outcome = outcome.map(|(_, receipt)| receipt.attempts());
        assert_eq!(outcome.map_err(|error| attempts(&error)), sent);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_attempted_once() {
    for step in [BUSY, CORRECTED, SILENT] {
        let toy = ToyTransport::new([step, OK]);
        let error = toy.call_with(true, |_, _| Ok(())).await.unwrap_err();
        assert_eq!((attempts(&error), toy.left()), (1, 1));
    }
}

#[test]
fn without_a_runtime_there_is_an_error() {
    let toy = ToyTransport::new([OK]);
    let call = futures_util::FutureExt::now_or_never(toy.call()).unwrap();
    assert!(matches!(call, Err(Error::InvalidConfig { .. })));
}

#[test]
fn a_buffer_takes_what_fits() {
    let mut buffer = Buffer::default();
    buffer.push(&[7; MAX_ANSWER - 1]).unwrap();
    buffer.push(&[]).unwrap();
    assert!(buffer.push(&[7; 2]).is_err());
    buffer.push(&[7]).unwrap();
    assert!(buffer.push(&[7]).is_err());
    assert_eq!(buffer.into_bytes().len(), MAX_ANSWER);
}
