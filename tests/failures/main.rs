//! Injects every failure of AWS KMS many times: each signature verifies, nothing panics or hangs,
//! and each error has the expected verdict.
//!
//! | module | time | what |
//! |---|---|---|
//! | `alone` | virtual | each case of failure on every attempt: the outcome of a request, how often it was sent, and to the millisecond when it ended |
//! | `hanging` | real | calls that hang, over sockets |
//! | `connections` | real | connections that break or were closed |
//! | `mixed` | real | all failures at once, through a stack of layers |
//!
//! In real time a call may be late because its thread could not run; `probe` measures for how long,
//! and that time does not count. Everything else fails the run, as `self_check` shows.
//!
//! The test prints one line for each case of failure. `scripts/soak` runs it with more requests.
//! These variables set their number:
//!
//! | variable | default | what |
//! |---|---|---|
//! | `FAILURES_PER_CASE` | 200 | requests for each case of failure |
//! | `FAILURES_HANGING` | 48 | requests for each case that hangs, over sockets |
//! | `FAILURES_CONCURRENCY` | 16 | requests at the same time |
//! | `FAILURES_MIXED` | 2000 | requests with all cases at once, through a stack of layers |
//! | `FAILURES_CONNECTIONS` | 1000 | requests over connections that break |

mod alone;
mod cases;
mod connections;
mod hanging;
mod mixed;
mod observed;
mod probe;
mod self_check;
mod tally;
mod threads;
mod transport;

use std::process::ExitCode;

use tally::Report;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let concurrency = setting("FAILURES_CONCURRENCY", 16) as usize;
    let mut report = Report::default();
    let io = (Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build())
    .unwrap();
    let paused = (Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build())
    .unwrap();
    paused.block_on(async {
        self_check::run().await;
        let requests = setting("FAILURES_PER_CASE", 200);
        alone::run(&mut report, io.handle(), requests, concurrency).await;
    });
    self_check::run_on_threads();
    hanging::run(&mut report, setting("FAILURES_HANGING", 48), concurrency);
    connections::run(
        &mut report,
        io.handle(),
        setting("FAILURES_CONNECTIONS", 1_000),
    );
    mixed::run(&mut report, io.handle(), setting("FAILURES_MIXED", 2_000));

    match report.finish() {
        Ok(()) => ExitCode::SUCCESS,
        Err(bad) => {
            eprintln!("wrong: {bad}");
            ExitCode::FAILURE
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(number) => number
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {number}")),
        Err(_) => default,
    }
}
