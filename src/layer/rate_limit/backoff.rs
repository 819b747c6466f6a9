//! How a throttled answer holds everyone back.

use std::time::Duration;

use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The most that is waited because a key store asked for it.
const LONGEST_ASKED: Duration = Duration::from_secs(5);
/// How long the others wait for the answer to the one that went alone.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);

/// Whether, and until when, everyone is held back.
#[derive(Debug)]
pub(super) struct Backoff {
    /// Until when nobody goes, and after that one alone. `None` when everyone goes.
    held_until: Option<Instant>,
    next_pause: Duration,
    /// How many pauses there have been, which tells what was sent before the present one.
    pauses: u64,
}

/// What a request has to show when its outcome is known.
#[derive(Debug)]
pub(super) struct Ticket {
    pauses: u64,
    is_probe: bool,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self {
            held_until: None,
            next_pause: FIRST_PAUSE,
            pauses: 0,
        }
    }

    /// Until when nobody goes.
    pub(super) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.held_until.filter(|until| now < *until)
    }

    /// Lets one request go; if that is the probe after a pause, the others wait for its outcome.
    pub(super) fn admit(&mut self, now: Instant) -> Ticket {
        let is_probe = self.held_until.is_some();
        if is_probe {
            self.held_until = Some(now + PROBE_PATIENCE);
        }
        Ticket {
            pauses: self.pauses,
            is_probe,
        }
    }

    /// Ends the pauses, if the request was sent since the last one began.
    pub(super) fn succeeded(&mut self, ticket: &Ticket) {
        if self.is_current(ticket) {
            self.held_until = None;
            self.next_pause = FIRST_PAUSE;
        }
    }

    /// Begins a pause and returns its length; `None` when the present one is long enough.
    pub(super) fn throttled(
        &mut self,
        ticket: &Ticket,
        asked: Option<Duration>,
        now: Instant,
    ) -> Option<Duration> {
        let asked = asked.map(|asked| asked.clamp(FIRST_PAUSE, LONGEST_ASKED));
        match self.is_current(ticket) {
            true => {
                let pause = jittered(asked.unwrap_or(self.next_pause));
                self.pauses = self.pauses.wrapping_add(1);
                self.next_pause = (self.next_pause * 2).min(LONGEST_PAUSE);
                self.held_until = Some(now + pause);
                Some(pause)
            }
            false => {
                let pause = jittered(asked?);
                let held_until = self.held_until.as_mut()?;
                let is_longer = now + pause > *held_until;
                *held_until = (*held_until).max(now + pause);
                is_longer.then_some(pause)
            }
        }
    }

    /// The request ended in a way that says nothing of throttling. Another one becomes the probe.
    pub(super) fn undecided(&mut self, ticket: &Ticket, now: Instant) {
        if ticket.is_probe && self.is_current(ticket) {
            self.held_until = self.held_until.map(|until| until.min(now));
        }
    }

    fn is_current(&self, ticket: &Ticket) -> bool {
        ticket.pauses == self.pauses
    }
}

/// Adds up to a quarter. It need not be secret, only differ between processes.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + fastrand::f64() / 4.0)
}

#[cfg(test)]
mod tests;
