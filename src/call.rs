//! One remote call of any provider: its attempts, its time, its retries, and the record of it.
//!
//! A provider has a [`Transport`], which says how its key store is reached and what its failures mean,
//! and makes each of its calls with [`call`].

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
    time::{Instant, sleep, sleep_until},
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
    /// Why an attempt brought no answer that reports success.
    type Failure;

    /// How long calls may take, and what is tried again.
    fn settings(&self) -> &Settings;

    /// What retries are paid from, unless the user set a budget.
    fn budget(&self) -> &Budget;

    /// The region or site of the key store, if it has one.
    fn region(&self) -> Option<&Arc<str>>;

    /// The key store's id of the request that failed, if it gave one.
    fn request_id(failure: &Self::Failure) -> Option<&str>;

    /// Whether the cause was corrected, so that the request is sent again at once. Asked after every
    /// failure, and followed once in a call.
    fn is_corrected(_: &Self::Failure) -> bool {
        false
    }

    /// The failure as an error of this crate, with the receipt. `was_sent` says whether this attempt
    /// was, while the receipt counts those before it too.
    fn classify(failure: Self::Failure, receipt: Receipt, was_sent: bool) -> Error;

    /// The error for an attempt that was given up because of its time.
    fn out_of_time(cause: &'static str, receipt: Receipt, was_sent: bool) -> Error;

    /// An error's code as the label of a metric: one of a bounded number, whatever a server sends.
    fn label(code: &str) -> &str;
}

/// An answer that reports success.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) value: T,
    /// The key store's id of the request.
    pub(crate) request_id: Option<String>,
}

/// What is called, as receipts and logs name it.
pub(crate) struct Subject<'a> {
    pub(crate) operation: &'static str,
    pub(crate) key: &'a str,
    /// The full name of the pinned key, if it is known.
    pub(crate) pinned_key: Option<Arc<str>>,
    /// For a call that signs.
    pub(crate) signs: Option<(&'a SignRequest<'a>, &'a KeyInput<'a>)>,
    /// Made to find something out: it is attempted once, and a failure is an answer and no alarm.
    pub(crate) is_probe: bool,
}

/// Makes a call: `send` for each attempt, and `accept` for each answer that reports success.
///
/// `send` marks its [`Attempt`] as sent when the request goes out, from where the time of an attempt
/// counts. Dropping its future gives the attempt up: no later attempt may use its connection.
///
/// What `accept` rejects is treated like what the key store rejects: repeated if it is retryable.
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

/// A time to come; one that no clock reaches is taken for the year after next.
pub(crate) fn in_future(timeout: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(2 * 365 * 24 * 60 * 60);
    Instant::now() + timeout.min(FAR)
}

/// Without one, timers and connections would panic.
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

    /// Makes one attempt. What ends it early is that its future is dropped, before this returns.
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
            () = sleep_until(self.deadline) => Err(Late("the deadline of the call passed")),
            () = sent.expired(self.transport.settings().attempt_timeout()) => {
                Err(Late("no answer within the time of an attempt"))
            }
        }
    }
}

/// Why an attempt was given up.
struct Late(&'static str);

#[cfg(test)]
mod tests;
