//! kms-signer beside its peers, both in one run. See `scripts/bench-peers`.

mod end_to_end;
mod growth;
mod key;
mod memory;
mod server;
mod table;
mod timing;
mod verification;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use kms_signer::KeyType;

/// For the rows about memory. It slows allocations of both sides alike.
#[global_allocator]
static ALLOCATOR: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;

/// The program calls itself with the last two.
const USAGE: &str = "usage: peers [--json] | peers growth PLOT.svg \
                     | peers server DELAY_MS | peers first-table CURVE";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => table::print(&rows()?),
        ["--json"] => table::print_json(&rows()?),
        ["growth", plot] => growth::run(&PathBuf::from(plot))?,
        ["first-table", "secp256k1"] => verification::first_table(KeyType::Secp256k1)?,
        ["first-table", "p256"] => verification::first_table(KeyType::P256)?,
        ["server", delay] => server::run(delay.parse().context(USAGE)?)?,
        _ => bail!(USAGE),
    }
    Ok(())
}

fn rows() -> Result<Vec<table::Row>> {
    let mut rows = verification::rows()?;
    rows.extend(end_to_end::rows()?);
    rows.extend(memory::rows()?);
    Ok(rows)
}
