//! Load on several threads, each of which measures how late it is.

use std::{sync::Arc, thread};

use tokio::{runtime::Builder, sync::Barrier};

use super::{probe::Probe, tally::Clock, tally::Tally};

/// The number of threads. Each has its own runtime, so that its probe sees everything that could
/// delay its calls.
const THREADS: u64 = 2;

/// Runs `work` on each thread with its share of the requests, and adds up the tallies.
pub fn share<F: Future<Output = Tally>>(
    requests: u64,
    work: impl Fn(Clock, u64) -> F + Sync,
) -> Tally {
    let barrier = Arc::new(Barrier::new(THREADS as usize));
    let run = |share: u64| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let clock = Clock::Probed(Arc::new(Probe::start()));
            let tally = work(clock, share).await;
            // The thread that opened a connection serves it, and the other threads use it too.
            barrier.wait().await;
            tally
        })
    };
    let run = &run;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|index| {
                let share = requests / THREADS + u64::from(index < requests % THREADS);
                scope.spawn(move || run(share))
            })
            .collect();
        let tallies = threads.into_iter().map(|thread| thread.join().unwrap());
        tallies.reduce(Tally::plus).unwrap()
    })
}
