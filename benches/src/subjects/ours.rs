//! `#[prof]` on plain functions, in every mode. Each mode has a group of its own, so that they can be interleaved.

use std::hint::black_box;
use std::sync::LazyLock;

use prof_runtime::{Aggregator, CallRecord, MetricData, MetricHandler, NullHandler, configure_group, prof};

use crate::subject::{PLAIN_ARITHMETIC, PLAIN_NESTED, PLAIN_RESULT, Subject, ours, repeat};
use crate::work::{Refused, arithmetic, fallible_work, work};

pub(crate) const SUBJECTS: &[Subject] = &[
    Subject::new(ours::OFF, repeat!(off)).setup(|| configure_group("bench.off", NullHandler)),
    Subject::new(ours::OFF_ARITHMETIC, repeat!(off_arithmetic))
        .baseline(PLAIN_ARITHMETIC)
        .setup(|| configure_group("bench.off", NullHandler)),
    Subject::new(ours::AGGREGATOR, repeat!(aggregated))
        .setup(|| configure_group("bench.aggregated", AGGREGATOR.clone())),
    Subject::new("prof: aggregator, Result", repeat!(aggregated_result))
        .baseline(PLAIN_RESULT)
        .setup(|| configure_group("bench.aggregated", AGGREGATOR.clone())),
    Subject::new("prof: aggregator, one call in another", repeat!(twice))
        .baseline(PLAIN_NESTED)
        .setup(|| configure_group("bench.aggregated", AGGREGATOR.clone())),
    Subject::new(ours::SAMPLED, repeat!(sampled)).setup(|| configure_group("bench.aggregated", AGGREGATOR.clone())),
    Subject::new(ours::RECORD_CALL, repeat!(recorded)).setup(|| configure_group("bench.recorded", TakesCalls)),
    Subject::new("prof: default record_call, emits", repeat!(emitted))
        .setup(|| configure_group("bench.emitted", TakesDataPoints)),
];

/// One for all modes: the numbers are per function.
pub(super) static AGGREGATOR: LazyLock<Aggregator> = LazyLock::new(Aggregator::new);

/// A handler of the user's that does next to nothing with a call.
pub(super) struct TakesCalls;

impl MetricHandler for TakesCalls {
    fn emit(&self, _: &MetricData<'_>) {}

    fn record_call(&self, call: &CallRecord<'_>) {
        black_box((call.outcome(), call.duration_ns()));
    }
}

/// A handler of the user's that does next to nothing with a data point.
struct TakesDataPoints;

impl MetricHandler for TakesDataPoints {
    fn emit(&self, data: &MetricData<'_>) {
        black_box(data.value.as_f64());
    }
}

#[prof(group = "bench.off")]
#[inline(never)]
fn off(x: u64) -> u64 {
    work(x)
}

#[prof(group = "bench.off")]
#[inline(never)]
fn off_arithmetic(x: u64) -> u64 {
    arithmetic(x)
}

#[prof(group = "bench.aggregated")]
#[inline(never)]
fn aggregated(x: u64) -> u64 {
    work(x)
}

#[prof(group = "bench.aggregated")]
#[inline(never)]
fn aggregated_result(x: u64) -> Result<u64, Refused> {
    fallible_work(x)
}

#[prof(group = "bench.aggregated")]
#[inline(never)]
fn nested(x: u64, again: bool) -> u64 {
    work(if again { nested(x, false) } else { x })
}

#[inline(never)]
fn twice(x: u64) -> u64 {
    nested(x, black_box(true))
}

#[prof(group = "bench.aggregated", sample = 64)]
#[inline(never)]
fn sampled(x: u64) -> u64 {
    work(x)
}

#[prof(group = "bench.recorded")]
#[inline(never)]
fn recorded(x: u64) -> u64 {
    work(x)
}

#[prof(group = "bench.emitted")]
#[inline(never)]
fn emitted(x: u64) -> u64 {
    work(x)
}
