//! Whether requests go to a signer, by how its latest ones ended.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The longest time that a circuit stays open because a failure asked for it.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// The state of the circuit to a signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CircuitState {
    /// Requests go to the signer.
    Closed,
    /// The signer failed too often, and requests skip it.
    Open,
    /// The time of the open circuit is over, and one request probes the signer.
    HalfOpen,
}

impl fmt::Display for CircuitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        })
    }
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) failures: u32,
    pub(super) open_for: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failures: 3,
            open_for: Duration::from_secs(5),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Circuit(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    phase: Phase,
    /// How often the circuit opened or closed, to tell earlier outcomes from current ones.
    changes: u64,
}

#[derive(Debug)]
enum Phase {
    Closed {
        /// In a row.
        failures: u32,
    },
    Open {
        opened: Instant,
        lasts: Duration,
    },
    Probed,
}

impl Default for Phase {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Inner {
    fn change(&mut self, phase: Phase) {
        self.phase = phase;
        self.changes = self.changes.wrapping_add(1);
    }
}

impl Circuit {
    pub(super) fn state(&self) -> CircuitState {
        match self.lock().phase {
            Phase::Closed { .. } => CircuitState::Closed,
            Phase::Open { opened, lasts } if opened.elapsed() < lasts => CircuitState::Open,
            Phase::Open { .. } | Phase::Probed => CircuitState::HalfOpen,
        }
    }

    /// Lets a request through; `None` when it has to skip the signer.
    pub(super) fn admit(&self) -> Option<Admission<'_>> {
        let mut inner = self.lock();
        let is_probe = match inner.phase {
            Phase::Closed { .. } => false,
            Phase::Open { opened, lasts } if opened.elapsed() >= lasts => true,
            Phase::Open { .. } | Phase::Probed => return None,
        };
        if is_probe {
            inner.phase = Phase::Probed;
        }
        Some(self.admission(is_probe, inner.changes))
    }

    /// Lets a request through whatever the state.
    pub(super) fn insist(&self) -> Admission<'_> {
        let changes = self.lock().changes;
        self.admission(false, changes)
    }

    fn admission(&self, is_probe: bool, changes: u64) -> Admission<'_> {
        Admission {
            circuit: self,
            changes,
            is_probe,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request to the signer. If it is dropped, the request does not count.
#[must_use]
#[derive(Debug)]
pub(super) struct Admission<'a> {
    circuit: &'a Circuit,
    changes: u64,
    is_probe: bool,
}

impl Admission<'_> {
    /// Closes the circuit. Returns its state if that is another one now.
    pub(super) fn succeeded(self) -> Option<CircuitState> {
        let mut inner = self.current()?;
        match &mut inner.phase {
            Phase::Closed { failures } => {
                *failures = 0;
                None
            }
            Phase::Open { .. } | Phase::Probed => {
                inner.change(Phase::default());
                Some(CircuitState::Closed)
            }
        }
    }

    /// Opens the circuit if that was one failure too many. Returns its state if that is another
    /// one now.
    pub(super) fn failed(
        self,
        asked: Option<Duration>,
        settings: &Settings,
    ) -> Option<CircuitState> {
        let mut inner = self.current()?;
        match &mut inner.phase {
            Phase::Closed { failures } => {
                *failures = failures.saturating_add(1);
                if *failures < settings.failures {
                    return None;
                }
            }
            Phase::Probed if self.is_probe => {}
            // It was asked though the circuit was open. How long it stays so is settled, or the
            // probe decides it.
            Phase::Open { .. } | Phase::Probed => return None,
        }
        let asked = asked.map_or(Duration::ZERO, |asked| asked.min(LONGEST_ASKED));
        inner.change(Phase::Open {
            opened: Instant::now(),
            lasts: settings.open_for.max(asked),
        });
        Some(CircuitState::Open)
    }

    /// The circuit, if it has not changed since the signer was asked.
    fn current(&self) -> Option<MutexGuard<'_, Inner>> {
        let inner = self.circuit.lock();
        (inner.changes == self.changes).then_some(inner)
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if !self.is_probe {
            return;
        }
        if let Some(mut inner) = self.current()
            && let Phase::Probed = inner.phase
        {
            // Undecided: the next request probes.
            inner.phase = Phase::Open {
                opened: Instant::now(),
                lasts: Duration::ZERO,
            };
        }
    }
}

#[cfg(test)]
mod tests;
