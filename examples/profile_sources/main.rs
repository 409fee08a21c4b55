//! Profiles real work: walks a directory of Rust sources, reads and parses every file in several threads, counts the
//! items in them, and reports how often each step ran, failed, and how long it took.
//!
//! ```sh
//! cargo run --release --bin profile_sources            # this repository
//! cargo run --release --bin profile_sources -- DIR     # any directory
//! cargo run --release --bin profile_sources -- DIR --record 2>/dev/null    # one JSON line about the run
//! ```
//!
//! Files that cannot be read or parsed are the failures in the table.

mod items;
mod run;
mod source;

use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use prof_runtime::{ProfBuilder, Report};

/// Parses every Rust source below a directory and reports where the time went.
#[derive(Parser)]
struct Options {
    /// The directory to walk.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// How many threads parse [default: one per core].
    #[arg(long)]
    threads: Option<NonZero<usize>>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// Print one JSON line about the run, instead of the summary.
    #[arg(long)]
    record: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let report = if options.json { Report::json() } else { Report::table() };
    let guard = match ProfBuilder::new().report_as(report).start() {
        Ok(guard) => guard,
        Err(error) => {
            eprintln!("profile_sources: {error}");
            return ExitCode::FAILURE;
        }
    };
    let threads = options.threads.or_else(|| std::thread::available_parallelism().ok());
    let result = run::run(&options.dir, threads.map_or(1, NonZero::get), options.record);
    drop(guard);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("profile_sources: {error}");
            ExitCode::FAILURE
        }
    }
}
