//! One remote call of any provider: attempts, timeouts, retries, and the record of the call.
//!
//! A provider implements [`Transport`], which says how it reaches its key store and what failures
//! mean, and makes each of its calls with [`call`].

// Which parts of it a provider needs is not for the core to know.
#![allow(dead_code, unused_imports)]

mod answer;
mod attempt;
mod budget;
mod http;
mod record;
mod retries;
mod settings;

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tracing::Instrument as _;

use self::record::Record;
pub use self::retries::Retries;
pub(crate) use self::{
    answer::{Buffer, MAX_ANSWER, TooLong},
    attempt::{Attempt, Sent},
    budget::Budget,
    http::{code_of_status, fault_of_status, is_code_of_status, retry_after},
    settings::Settings,
};
use crate::{Error, KeyInput, Receipt, Result, SignRequest};

/// How a provider reaches its key store, and what its failures mean.
pub(crate) trait Transport {
    /// The error of an attempt without an answer that reports success.
    type Failure;

    /// How long calls may take, and which failures are retried.
    fn settings(&self) -> &Settings;

    /// The budget that pays for retries, unless the user set one.
    fn budget(&self) -> &Budget;

    /// The region or site of the key store, if it has one.
    fn region(&self) -> Option<&Arc<str>>;

    /// The key store's id of the request that failed, if it gave one.
    fn request_id(failure: &Self::Failure) -> Option<&str>;

    /// Whether the transport corrected the cause. If so, [`call`] sends the request again at once,
    /// at most once in a call. It asks after every failure.
    fn is_corrected(_: &Self::Failure) -> bool {
        false
    }

    /// Turns the failure into an error of this crate, with the receipt. `was_sent` says whether
    /// this attempt was sent; the receipt also counts the attempts before it.
    fn classify(failure: Self::Failure, receipt: Receipt, was_sent: bool) -> Error;

    /// The error for an attempt that exceeded its time or the call's.
    fn out_of_time(cause: &'static str, receipt: Receipt, was_sent: bool) -> Error;

    /// An error's code as the label of a metric. The number of different labels is bounded,
    /// whatever a server sends.
    fn label(code: &str) -> &str;
}

/// An answer that reports success.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    /// The key store's id of the request.
    pub(crate) request_id: Option<String>,
}

/// The operation and key of a call, as receipts and logs name them.
pub(crate) struct Subject<'a> {
    pub(crate) operation: &'static str,
    pub(crate) key: &'a Arc<str>,
    /// The full name of the pinned key, if it is known.
    pub(crate) pinned_key: Option<Arc<str>>,
    /// Set for a call that signs.
    pub(crate) signs: Option<(&'a SignRequest<'a>, &'a KeyInput<'a>)>,
    /// For a health check: one attempt, and a failure is logged at DEBUG and not counted.
    pub(crate) is_probe: bool,
}

/// Makes a call: runs `send` for each attempt, and `accept` for each answer that reports success.
///
/// `send` marks its [`Attempt`] as sent when it has what the request needs, such as credentials, and
/// before it connects. From then on the attempt's timeout runs, and the receipt counts the attempt;
/// until then only the timeout of the call applies. Dropping its future abandons the attempt: no later
/// attempt may use its connection.
///
/// `deadline` is [`in_future`] of a timeout of the [`Settings`].
///
/// An error of `accept` is treated like one of the key store: retried if it is retryable.
pub(crate) async fn call<T, F, A, V>(
    transport: &T,
    subject: Subject<'_>,
    deadline: Instant,
    send: impl Fn(Attempt) -> F,
    accept: impl Fn(A, Receipt) -> Result<V>,
) -> Result<V>
where
    T: Transport,
    F: Future<Output = Result<Answer<A>, T::Failure>>,
{
    require_runtime()?;
    let span = record::span(&subject, transport);
    let call = Call {
        transport,
        record: Record::start(&subject, transport),
        deadline,
    };
    call.run(send, accept).instrument(span).await
}

/// The longest a call may take: two years, and timers reach little farther.
pub(crate) const FAR: Duration = Duration::from_secs(2 * 365 * 24 * 60 * 60);

/// The instant after `timeout`, at most [`FAR`] from now, so that the addition cannot overflow.
pub(crate) fn in_future(timeout: Duration) -> Instant {
    Instant::now() + timeout.min(FAR)
}

/// Returns an error if there is no tokio runtime, without which timers and connections would panic.
pub(crate) fn require_runtime() -> Result<()> {
    match Handle::try_current() {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::invalid_config(
            "there is no tokio runtime here",
            "call this inside one, with time and IO enabled",
        )),
    }
}

struct Call<'a, T> {
    transport: &'a T,
    record: Record,
    deadline: Instant,
}

impl<T: Transport> Call<'_, T> {
    async fn run<F, A, V>(
        mut self,
        send: impl Fn(Attempt) -> F,
        accept: impl Fn(A, Receipt) -> Result<V>,
    ) -> Result<V>
    where
        F: Future<Output = Result<Answer<A>, T::Failure>>,
    {
        let is_probe = self.record.is_probe();
        let retries = &self.transport.settings().retries;
        let mut allowance = match is_probe {
            true => retries.start_probe(),
            false => retries.start(self.transport.budget()),
        };
        let mut was_corrected = false;
        let mut attempt: u32 = 0;
        loop {
            attempt = attempt.saturating_add(1);
            let start = Instant::now();
            let sent = Arc::new(Sent::default());
            let answer = self.attempt(&sent, &send).await;
            let was_sent = sent.is_marked();
            self.record.count(was_sent);
            let request_id = match &answer {
                Ok(Ok(answer)) => answer.request_id.clone(),
                Ok(Err(failure)) => T::request_id(failure).map(str::to_owned),
                Err(_) => None,
            };
            let receipt = self.record.receipt(request_id.clone());
            let is_corrected = matches!(&answer, Ok(Err(failure)) if T::is_corrected(failure))
                && !was_corrected
                && !is_probe;
            let outcome = match answer {
                Ok(Ok(answer)) => accept(answer.value, receipt),
                Ok(Err(failure)) => Err(T::classify(failure, receipt, was_sent)),
                Err(late) => Err(T::out_of_time(late.0, receipt, was_sent)),
            };
            let error = match outcome {
                Ok(value) => {
                    allowance.succeeded();
                    self.record.finished(request_id, None, T::label);
                    return Ok(value);
                }
                Err(error) => error,
            };
            let pause = match is_corrected {
                true => Some(Duration::ZERO),
                false => allowance.pause_after(&error, self.deadline),
            };
            was_corrected |= is_corrected;
            (self.record).attempt_failed(attempt, start, request_id.as_deref(), &error, pause);
            match pause {
                Some(pause) => sleep(pause).await,
                None => {
                    self.record.finished(request_id, Some(&error), T::label);
                    return Err(error);
                }
            }
        }
    }

    /// Makes one attempt. If time runs out, it drops the future of `send` before it returns.
    async fn attempt<F, A>(
        &self,
        sent: &Arc<Sent>,
        send: impl Fn(Attempt) -> F,
    ) -> Result<Result<Answer<A>, T::Failure>, Late>
    where
        F: Future<Output = Result<Answer<A>, T::Failure>>,
    {
        let attempt = Attempt {
            sent: sent.clone(),
            deadline: self.deadline,
        };
        tokio::select! {
            biased;
            outcome = send(attempt) => Ok(outcome),
            late = self.out_of_time(sent) => Err(late),
        }
    }

    /// Completes when the attempt has to end. It needs one timer: most attempts are sent before
    /// anything waits.
    async fn out_of_time(&self, sent: &Sent) -> Late {
        const DEADLINE: Late = Late("the deadline of the call passed");
        if timeout_at(self.deadline, sent.marked()).await.is_err() {
            return DEADLINE;
        }
        // The time before that does not count: loading credentials may take as long as the whole
        // call, because ending the attempt would discard a load in progress.
        let end = in_future(self.transport.settings().attempt_timeout());
        sleep_until(end.min(self.deadline)).await;
        match end < self.deadline {
            true => Late("no answer within the time of an attempt"),
            false => DEADLINE,
        }
    }
}

/// Which time an attempt exceeded.
struct Late(&'static str);

#[cfg(test)]
mod tests;
