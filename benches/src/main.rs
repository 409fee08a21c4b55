//! What a call of an annotated function costs: in time, instructions, code, memory and compile time, beside the limits
//! of the machine and beside the peers.
//!
//! ```text
//! cargo run --release -p prof-bench -- overhead            a table
//! cargo run --release -p prof-bench -- overhead --json     one JSON object per line
//! ```
//!
//! `--no-default-features` builds without the peers.

mod alloc;
#[cfg(unix)]
mod budgets;
mod clock;
mod codesize;
#[cfg(unix)]
mod compiletime;
mod devprofile;
mod error;
mod exporting;
mod futuresize;
mod generated;
mod instructions;
mod lateness;
mod output;
mod overhead;
#[cfg(feature = "peers")]
mod peers;
mod pool;
#[cfg(unix)]
mod scale;
mod statistics;
#[cfg(target_os = "linux")]
mod storm;
mod subject;
mod subjects;
mod tsc;
mod work;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::BenchError;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

/// Measures what a call of an annotated function costs.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Nanoseconds and allocations per call, all subjects interleaved in rounds.
    Overhead(overhead::Options),
    /// Nanoseconds and allocations per call while numbers are exported every second.
    Exporting(exporting::Options),
    /// Instructions per call, by callgrind.
    Instructions(instructions::Options),
    /// Bytes of machine code per annotated function.
    Codesize(codesize::Options),
    /// Processor time that many annotated functions take to compile.
    #[cfg(unix)]
    Compiletime(compiletime::Options),
    /// Nanoseconds per call in builds without optimization, where tests run.
    Devprofile(devprofile::Options),
    /// Cost per call and memory as threads and functions grow, and as threads come and go.
    #[cfg(unix)]
    Scale(scale::Options),
    /// A long span by our clock and by that of std.
    Clock(clock::Options),
    /// How late timers are dealt with, and scopes that hang told of.
    Lateness(lateness::Options),
    /// Many processes that send timers to one server.
    #[cfg(target_os = "linux")]
    Storm(storm::Options),
    /// Bytes of an annotated `async fn`'s future.
    Futuresize(futuresize::Options),
    /// Every budget beside what is measured; takes minutes.
    #[cfg(unix)]
    Budgets(budgets::Options),
    /// Makes calls and prints nothing: what `instructions` runs under callgrind.
    #[command(hide = true)]
    Calls(instructions::CallsOptions),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Overhead(options) => overhead::run(&options),
        Command::Exporting(options) => exporting::run(&options),
        Command::Instructions(options) => instructions::run(&options),
        Command::Codesize(options) => codesize::run(&options),
        #[cfg(unix)]
        Command::Compiletime(options) => compiletime::run(&options),
        Command::Devprofile(options) => devprofile::run(&options),
        #[cfg(unix)]
        Command::Scale(options) => scale::run(&options),
        Command::Clock(options) => clock::run(&options),
        Command::Lateness(options) => lateness::run(&options),
        #[cfg(target_os = "linux")]
        Command::Storm(options) => storm::run(&options),
        Command::Futuresize(options) => futuresize::run(&options),
        #[cfg(unix)]
        Command::Budgets(options) => budgets::run(&options),
        Command::Calls(options) => instructions::calls(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr)]
fn report(error: &BenchError) {
    eprintln!("prof-bench: {error}");
}
