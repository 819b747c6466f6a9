//! How late the machine itself is.
//!
//! A runtime of one thread has a task that wants to run every millisecond. When it could not, the
//! thread was busy or not running, and neither could the call whose deadline passed in that time.
//! That time is not the call's. What is left is the time in which the call could have ended and did not.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    task::AbortHandle,
    time::{Instant, sleep_until},
};

/// Also the precision of tokio's timers.
const TICK: Duration = Duration::from_millis(1);
/// Longer than from any deadline to the end of a call that is not a failure.
const KEPT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Probe {
    seen: Arc<Mutex<Seen>>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Seen {
    /// When the task is to run next.
    due: Instant,
    /// From when it was due until it ran.
    stalls: VecDeque<(Instant, Instant)>,
}

impl Probe {
    /// Watches the runtime it is called in, which has to have one thread.
    pub fn start() -> Self {
        let seen = Arc::new(Mutex::new(Seen {
            due: Instant::now(),
            stalls: VecDeque::new(),
        }));
        let task = tokio::spawn(watch(seen.clone())).abort_handle();
        Self { seen, task }
    }

    /// How long no task could run between the two times, the latter of which is over.
    pub fn stalled(&self, from: Instant, to: Instant) -> Duration {
        let seen = self.seen.lock().unwrap();
        let overlap =
            |start: Instant, end: Instant| end.min(to).saturating_duration_since(start.max(from));
        let past = seen.stalls.iter().map(|(start, end)| overlap(*start, *end));
        // Due, and has not run yet.
        past.sum::<Duration>() + overlap(seen.due, to)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(seen: Arc<Mutex<Seen>>) {
    loop {
        let due = Instant::now() + TICK;
        seen.lock().unwrap().due = due;
        sleep_until(due).await;
        let now = Instant::now();
        let mut seen = seen.lock().unwrap();
        if now > due + TICK {
            seen.stalls.push_back((due, now));
        }
        while (seen.stalls.front()).is_some_and(|(_, end)| *end + KEPT < now) {
            seen.stalls.pop_front();
        }
    }
}
