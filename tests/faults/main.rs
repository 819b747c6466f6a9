//! Everything that can go wrong with AWS KMS, many times over: what is released verifies, nothing
//! panics, nothing hangs, and each error has the verdict that is expected.
//!
//! Prints one line for each kind of fault. `scripts/soak` runs it with more requests, which it
//! takes from these variables:
//!
//! | variable | default | what |
//! |---|---|---|
//! | `FAULTS_PER_KIND` | 200 | requests for each kind of fault |
//! | `FAULTS_CONCURRENCY` | 16 | of them at a time |
//! | `FAULTS_MIXED` | 2000 | requests with all kinds at once, through a stack of layers |
//! | `FAULTS_CONNECTIONS` | 1000 | requests over connections that break |
//! | `FAULTS_STRICT` | unset | whether a call that was late fails the run; a busy machine is late too |

mod connections;
mod kinds;
mod mixed;
mod tally;

use std::process::ExitCode;

use tally::Report;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let concurrency = setting("FAULTS_CONCURRENCY", 16) as usize;
    let mut report = Report::default();
    kinds::run(&mut report, setting("FAULTS_PER_KIND", 200), concurrency).await;
    connections::run(&mut report, setting("FAULTS_CONNECTIONS", 1_000)).await;
    mixed::run(&mut report, setting("FAULTS_MIXED", 2_000)).await;

    match report.finish(std::env::var_os("FAULTS_STRICT").is_some()) {
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
