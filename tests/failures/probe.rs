//! Measures how late the machine itself is.
//!
//! A task on a runtime of one thread should run every millisecond. When it cannot, the thread is
//! busy or not running, so a call whose deadline passes then cannot end either. That time does not
//! count against the call. The rest is the time in which the call could have ended and did not.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    task::AbortHandle,
    time::{Instant, sleep_until},
};

/// How often the task should run. It is also the precision of tokio's timers.
const TICK: Duration = Duration::from_millis(1);
/// How long delays are kept: longer than from a deadline to the end of any acceptable call.
const KEPT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Probe {
    seen: Arc<Mutex<Seen>>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Seen {
    /// When the task should run next.
    due: Instant,
    /// The times from when the task was due until it ran.
    stalls: VecDeque<(Instant, Instant)>,
}

impl Probe {
    /// Watches the current runtime, which must have one thread.
    pub fn start() -> Self {
        let seen = Arc::new(Mutex::new(Seen {
            due: Instant::now(),
            stalls: VecDeque::new(),
        }));
        let task = tokio::spawn(watch(seen.clone())).abort_handle();
        Self { seen, task }
    }

    /// How long no task could run between two times in the past.
    pub fn stalled(&self, from: Instant, to: Instant) -> Duration {
        let seen = self.seen.lock().unwrap();
        let overlap =
            |start: Instant, end: Instant| end.min(to).saturating_duration_since(start.max(from));
        let past = seen.stalls.iter().map(|(start, end)| overlap(*start, *end));
        // The task is due and has not run yet.
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
