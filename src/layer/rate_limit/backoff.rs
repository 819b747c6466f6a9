//! How a throttled answer pauses all requests.

use std::time::Duration;

use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause that a key store can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(5);
/// How long the others wait for the answer to the probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether there is a pause, and until when.
#[derive(Debug)]
pub(super) struct Backoff {
    /// Until when no request starts, and then a probe alone. `None` without a pause.
    paused_until: Option<Instant>,
    next_pause: Duration,
    /// How many pauses there have been, to tell what was sent before the present one.
    pauses: u64,
}

/// What a request needs to report its outcome.
#[derive(Debug)]
pub(super) struct Ticket {
    pauses: u64,
    is_probe: bool,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self {
            paused_until: None,
            next_pause: FIRST_PAUSE,
            pauses: 0,
        }
    }

    /// Until when no request starts.
    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.paused_until.filter(|until| now < *until)
    }

    /// Lets one request start; if it is the probe after a pause, the others wait for its outcome.
    pub(super) fn admit(&mut self, now: Instant) -> Ticket {
        let is_probe = self.paused_until.is_some();
        if is_probe {
            self.paused_until = Some(now + PROBE_TIMEOUT);
        }
        Ticket {
            pauses: self.pauses,
            is_probe,
        }
    }

    /// Ends the pauses, if the request was sent since the last one began.
    pub(super) fn succeeded(&mut self, ticket: &Ticket) {
        if self.is_current(ticket) {
            self.paused_until = None;
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
                self.paused_until = Some(now + pause);
                Some(pause)
            }
            false => {
                let pause = jittered(asked?);
                let paused_until = self.paused_until.as_mut()?;
                let is_longer = now + pause > *paused_until;
                *paused_until = (*paused_until).max(now + pause);
                is_longer.then_some(pause)
            }
        }
    }

    /// The outcome does not show whether the key store throttles. Another request becomes the probe.
    pub(super) fn undecided(&mut self, ticket: &Ticket, now: Instant) {
        if ticket.is_probe && self.is_current(ticket) {
            self.paused_until = self.paused_until.map(|until| until.min(now));
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
