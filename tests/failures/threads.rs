//! Load on several threads, each of which knows how late it is itself.

use std::{sync::Arc, thread};

use tokio::{runtime::Builder, sync::Barrier};

use super::{probe::Probe, tally::Clock, tally::Tally};

/// Each a runtime by itself, so that a probe sees everything that could keep its calls waiting.
const THREADS: u64 = 2;

/// Runs `work` on each thread with its share of the requests, and adds up what they counted.
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
            // A connection is served by the thread that opened it, and used by the others too.
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
