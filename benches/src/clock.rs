//! A long span by our clock and by `std::time::Instant`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use prof_runtime::{CallRecord, MetricData, MetricHandler, configure_group, prof};
use serde::Serialize;

use crate::error::BenchError;
use crate::output::{self, Row, number};
use crate::statistics::{float, rounded};

/// Arguments of `clock`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Print one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
    /// How long the span is.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ClockError {
    pub(crate) name: &'static str,
    pub(crate) ours_ns: u64,
    pub(crate) std_ns: u64,
    /// Positive if ours is longer.
    pub(crate) relative_error: f64,
}

impl Row for ClockError {
    const HEADS: &'static [&'static str] = &["span", "ours, ns", "std, ns", "relative error"];

    fn cells(&self) -> Vec<String> {
        let Self { name, ours_ns, std_ns, relative_error } = self;
        vec![(*name).to_owned(), ours_ns.to_string(), std_ns.to_string(), number(*relative_error, 8)]
    }
}

/// Runs the subcommand.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    output::print(&[measure(options)], options.json)
}

/// The last call's duration.
static DURATION_NS: AtomicU64 = AtomicU64::new(0);

struct Keep;

impl MetricHandler for Keep {
    fn emit(&self, _: &MetricData<'_>) {}

    fn record_call(&self, call: &CallRecord<'_>) {
        DURATION_NS.store(call.duration_ns(), Ordering::Relaxed);
    }
}

#[prof(group = "bench.clock")]
#[inline(never)]
fn pass(span: Duration) {
    thread::sleep(span);
}

/// Lets time pass.
pub(crate) fn measure(options: &Options) -> ClockError {
    configure_group("bench.clock", Keep);
    // The first call takes longer, though not within the span.
    pass(Duration::ZERO);
    let start = Instant::now();
    pass(Duration::from_secs_f64(options.seconds));
    let std_ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let ours_ns = DURATION_NS.load(Ordering::Relaxed);
    let relative_error = (float(ours_ns) - float(std_ns)) / float(std_ns);
    ClockError { name: "sleep", ours_ns, std_ns, relative_error: rounded(relative_error, 9) }
}
