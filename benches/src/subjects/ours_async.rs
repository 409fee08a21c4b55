//! `#[prof]` on functions that return a future, each polled once and ready then.
#![allow(clippy::unused_async)] // As ready as a future can be.

use std::future::Future;
use std::pin::Pin;

use prof_runtime::{NullHandler, configure_group, prof};

use super::ours::{AGGREGATOR, TakesCalls};
use crate::subject::{PLAIN_ASYNC, PLAIN_BOXED, Subject, ours, repeat};
use crate::work::{ready, work};

pub(crate) const SUBJECTS: &[Subject] = &[
    Subject::new("prof: async, off", repeat!(poll_off))
        .baseline(PLAIN_ASYNC)
        .setup(|| configure_group("bench.off", NullHandler)),
    Subject::new(ours::ASYNC, repeat!(poll_aggregated))
        .baseline(PLAIN_ASYNC)
        .setup(|| configure_group("bench.aggregated", AGGREGATOR.clone())),
    Subject::new("prof: async, custom record_call", repeat!(poll_recorded))
        .baseline(PLAIN_ASYNC)
        .setup(|| configure_group("bench.recorded", TakesCalls)),
    Subject::new("prof: boxed future, aggregator", repeat!(poll_boxed))
        .baseline(PLAIN_BOXED)
        .setup(|| configure_group("bench.aggregated", AGGREGATOR.clone())),
];

#[prof(group = "bench.off")]
async fn off(x: u64) -> u64 {
    work(x)
}

#[inline(never)]
fn poll_off(x: u64) -> u64 {
    ready(off(x))
}

#[prof(group = "bench.aggregated")]
async fn aggregated(x: u64) -> u64 {
    work(x)
}

#[inline(never)]
fn poll_aggregated(x: u64) -> u64 {
    ready(aggregated(x))
}

#[prof(group = "bench.recorded")]
async fn recorded(x: u64) -> u64 {
    work(x)
}

#[inline(never)]
fn poll_recorded(x: u64) -> u64 {
    ready(recorded(x))
}

#[prof(group = "bench.aggregated")]
#[inline(never)]
fn boxed(x: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move { work(x) })
}

#[inline(never)]
fn poll_boxed(x: u64) -> u64 {
    ready(boxed(x))
}
