//! The `metrics` facade with the prometheus recorder: looked up by its macros on every call, and with handles kept.

use std::sync::{LazyLock, OnceLock};
use std::time::Instant;

use metrics::{Counter, Histogram, counter, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::BUCKETS;
use crate::subject::{Subject, repeat};
use crate::work::work;

pub(super) const SUBJECTS: &[Subject] = &[
    Subject::new("metrics, kept handles, prometheus recorder", repeat!(by_handles)).setup(install).settle(upkeep),
    Subject::new("metrics, macros, prometheus recorder", repeat!(by_macros)).setup(install).settle(upkeep),
];

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
static HANDLES: LazyLock<(Counter, Histogram)> = LazyLock::new(|| {
    let counter = counter!("kept_calls_total", "function" => "measured", "outcome" => "ok");
    (counter, histogram!("kept_call_duration_seconds", "function" => "measured"))
});

fn install() {
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets(BUCKETS).expect("there are buckets");
        builder.install_recorder().expect("no other recorder is installed")
    });
}

/// Takes over the samples that the histograms have gathered, as a scrape does.
fn upkeep() {
    if let Some(recorder) = RECORDER.get() {
        recorder.run_upkeep();
    }
}

#[inline(never)]
fn by_handles(x: u64) -> u64 {
    let start = Instant::now();
    let value = work(x);
    let (calls, durations) = &*HANDLES;
    calls.increment(1);
    durations.record(start.elapsed());
    value
}

#[inline(never)]
fn by_macros(x: u64) -> u64 {
    let start = Instant::now();
    let value = work(x);
    counter!("calls_total", "function" => "measured", "outcome" => "ok").increment(1);
    histogram!("call_duration_seconds", "function" => "measured").record(start.elapsed());
    value
}
