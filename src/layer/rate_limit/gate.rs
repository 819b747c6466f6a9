//! The mechanism: a queue, and what its head waits for.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as FairMutex, Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until, timeout},
};

use super::{
    backoff::{Backoff, Ticket},
    rate::Rate,
};
use crate::{Error, Result, telemetry::ended_by_layer};

/// What was configured, once it is known to fit together.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Requests per second: from 1 to what a nanosecond clock can keep.
    pub(super) rate: u32,
    /// Not 0.
    pub(super) burst: u32,
    /// From 1 to what a semaphore can count.
    pub(super) in_flight: usize,
    pub(super) queue: usize,
    /// Not 0.
    pub(super) max_wait: Duration,
}

/// Lets requests start in the order in which they came.
#[derive(Debug)]
pub(super) struct Gate {
    settings: Settings,
    state: Mutex<State>,
    /// Locked by the head of the queue. It is fair, and so it is the queue.
    turn: FairMutex<()>,
    in_flight: Arc<Semaphore>,
    /// Wakes the head of the queue when a pause may be over.
    resumed: Notify,
}

#[derive(Debug)]
struct State {
    /// How many requests wait, with the head of the queue.
    waiting: usize,
    rate: Rate,
    backoff: Backoff,
}

impl State {
    /// Lets one request start, or returns when to ask again.
    fn admit(&mut self, now: Instant) -> Result<Ticket, Instant> {
        if let Some(until) = self.backoff.paused_until(now) {
            return Err(until);
        }
        self.rate.take(now)?;
        Ok(self.backoff.admit(now))
    }

    /// The time until all requests that wait now have started, as far as it is known.
    fn drained_in(&self, now: Instant) -> Duration {
        let paused = self
            .backoff
            .paused_until(now)
            .map_or(Duration::ZERO, |until| until - now);
        let waiting = u32::try_from(self.waiting).unwrap_or(u32::MAX).max(1);
        paused.saturating_add(self.rate.interval().saturating_mul(waiting))
    }
}

impl Gate {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: 0,
                rate: Rate::new(settings.rate, settings.burst),
                backoff: Backoff::new(),
            }),
            turn: FairMutex::new(()),
            in_flight: Arc::new(Semaphore::new(settings.in_flight)),
            resumed: Notify::new(),
            settings,
        }
    }

    pub(super) async fn enter(self: &Arc<Self>) -> Result<Permit> {
        let place = match self.arrive()? {
            Arrival::Admitted(permit) => return Ok(permit),
            Arrival::Queued(place) => place,
        };
        let limit = self.settings.max_wait;
        match timeout(limit, self.wait(place)).await {
            Ok(permit) => permit,
            Err(_) => Err(ended_by_layer(Error::queued_too_long(limit))),
        }
    }

    /// Starts at once, takes a place in the queue, or fails.
    fn arrive(self: &Arc<Self>) -> Result<Arrival> {
        let now = Instant::now();
        let mut state = self.state();
        if state.waiting == 0
            && let Ok(in_flight) = self.in_flight.clone().try_acquire_owned()
            && let Ok(ticket) = state.admit(now)
        {
            return Ok(Arrival::Admitted(self.permit(ticket, in_flight)));
        }
        if state.waiting >= self.settings.queue {
            return Err(ended_by_layer(Error::queue_full(
                self.settings.queue,
                state.drained_in(now),
            )));
        }
        state.waiting += 1;
        Ok(Arrival::Queued(Place(self.clone())))
    }

    async fn wait(self: &Arc<Self>, place: Place) -> Result<Permit> {
        let _turn = self.turn.lock().await;
        // The semaphore is never closed.
        let in_flight = self.in_flight.clone().acquire_owned().await;
        let in_flight = in_flight.map_err(|_| Error::Cancelled)?;
        loop {
            // The rate comes last, so that a request dropped before has used none of it.
            let admitted = self.state().admit(Instant::now());
            let asked_again_at = match admitted {
                Ok(ticket) => {
                    drop(place);
                    return Ok(self.permit(ticket, in_flight));
                }
                Err(at) => at,
            };
            tokio::select! {
                () = sleep_until(asked_again_at) => {}
                () = self.resumed.notified() => {}
            }
        }
    }

    fn permit(self: &Arc<Self>, ticket: Ticket, in_flight: OwnedSemaphorePermit) -> Permit {
        Permit {
            gate: self.clone(),
            ticket: Some(ticket),
            _in_flight: in_flight,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn waiting(&self) -> usize {
        self.state().waiting
    }

    pub(super) fn in_flight(&self) -> usize {
        self.settings.in_flight - self.in_flight.available_permits()
    }
}

enum Arrival {
    Admitted(Permit),
    Queued(Place),
}

/// A place in the queue, freed when it is dropped.
struct Place(Arc<Gate>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

/// The right to one call. Dropping it ends the call, and says nothing of throttling.
#[derive(Debug)]
#[must_use = "the call is in flight until this is dropped"]
pub(super) struct Permit {
    gate: Arc<Gate>,
    /// `None` once the outcome is known.
    ticket: Option<Ticket>,
    _in_flight: OwnedSemaphorePermit,
}

impl Permit {
    /// Ends the call, and starts a pause if it was throttled.
    pub(super) fn finish<T>(mut self, outcome: &Result<T>) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let now = Instant::now();
        let mut state = self.gate.state();
        let pause = match outcome {
            Ok(_) => {
                state.backoff.succeeded(&ticket);
                None
            }
            Err(error) if error.is_throttled() => {
                state.backoff.throttled(&ticket, error.retry_after(), now)
            }
            Err(_) => {
                state.backoff.undecided(&ticket, now);
                None
            }
        };
        drop(state);
        self.gate.resumed.notify_one();
        if let Some(pause) = pause {
            let wait_us = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
            tracing::debug!(target: "kms_signer::rate_limit", wait_us, "paused");
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.gate.state().backoff.undecided(&ticket, Instant::now());
            self.gate.resumed.notify_one();
        }
    }
}
