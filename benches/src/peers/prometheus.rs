//! The `prometheus` crate with the labels resolved beforehand, into statics.

use std::sync::LazyLock;
use std::time::Instant;

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts};

use super::BUCKETS;
use crate::subject::{Subject, repeat};
use crate::work::work;

pub(super) const SUBJECTS: &[Subject] = &[Subject::new("prometheus, static handles", repeat!(measured))];

static HANDLES: LazyLock<(IntCounter, Histogram)> = LazyLock::new(|| {
    let calls = IntCounterVec::new(Opts::new("calls_total", "Calls."), &["function", "outcome"]);
    let options = HistogramOpts::new("call_duration_seconds", "Durations.").buckets(BUCKETS.to_vec());
    let durations = HistogramVec::new(options, &["function"]);
    (
        calls.expect("the name is a valid one").with_label_values(&["measured", "ok"]),
        durations.expect("the name is a valid one").with_label_values(&["measured"]),
    )
});

#[inline(never)]
fn measured(x: u64) -> u64 {
    let start = Instant::now();
    let value = work(x);
    let (calls, durations) = &*HANDLES;
    calls.inc();
    durations.observe(start.elapsed().as_secs_f64());
    value
}
