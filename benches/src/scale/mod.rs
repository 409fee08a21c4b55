//! Cost per call and memory as threads and functions grow, and as threads come and go.

mod first;
mod measure;
mod scopes;
mod sites;
mod sparse;

use serde::Serialize;

pub(crate) use self::measure::measure;
use crate::error::BenchError;
use crate::output::{self, Row, number};

/// Arguments of `scale`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Print one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
    /// The largest number of threads that live at the same time; it is doubled up to there.
    #[arg(long, default_value_t = 16)]
    pub(crate) threads: usize,
    /// The largest number of functions; it is multiplied by ten up to there.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) functions: u32,
    /// How many threads come and go.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) ended_threads: usize,
}

/// The name of what is found about threads that come and go.
pub(crate) const COME_AND_GONE: &str = "threads come and gone";

/// The name of what is found about threads that call more and more functions, and come and go.
pub(crate) const MANY_COME_AND_GONE: &str = "threads come and gone, by functions";
/// The name of what is found about the first calls of new threads.
pub(crate) const FIRST_CALLS: &str = "first calls of new threads";
/// The name of what is found about scopes.
pub(crate) const SCOPES: &str = "a scope per call";

/// What was found in one situation.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Scale {
    /// What grows.
    pub(crate) name: &'static str,
    /// Threads that lived at the same time or, of those that came and went, how many there were.
    pub(crate) threads: usize,
    /// Functions that each of them called; for scopes, that the program had called.
    pub(crate) functions: usize,
    /// Processor time of a call after each thread's first of each function, or of the first ones, or of a scope with
    /// one call; of threads that come and go, the time that a thread lives for each of its calls, first ones included.
    pub(crate) ns_per_call: f64,
    /// What a thread allocated and holds for each function that it has called; less than 0 where it frees what a thread
    /// before it kept for an aggregator that is gone.
    pub(crate) bytes_per_pair: f64,
    /// Memory of the whole process.
    pub(crate) resident_kib: u64,
    /// Calls made, and calls found by a snapshot.
    pub(crate) calls: u64,
    pub(crate) calls_found: u64,
    pub(crate) snapshot_ms: f64,
}

impl Row for Scale {
    const HEADS: &'static [&'static str] = &[
        "what grows",
        "threads",
        "functions",
        "ns per call",
        "bytes per pair",
        "resident, KiB",
        "calls",
        "found",
        "snapshot, ms",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.threads.to_string(),
            self.functions.to_string(),
            number(self.ns_per_call, 1),
            number(self.bytes_per_pair, 0),
            self.resident_kib.to_string(),
            self.calls.to_string(),
            self.calls_found.to_string(),
            number(self.snapshot_ms, 1),
        ]
    }
}

/// Runs the subcommand.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    output::print(&measure(options)?, options.json)
}
