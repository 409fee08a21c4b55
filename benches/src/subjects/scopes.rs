//! Scopes: what one costs, what a call costs in one, and what they cost those who have none.

use prof_runtime::{NullHandler, WithHandlerExt as _, configure_group, prof, scoped};

use super::ours::AGGREGATOR;
use crate::subject::{Guard, PLAIN_ASYNC, Subject, ours, repeat};
use crate::work::{ready, work};

pub(crate) const SUBJECTS: &[Subject] = &[
    Subject::new(ours::OFF_SCOPE_BEFORE, repeat!(off)).with_scopes().setup(|| {
        configure_group("bench.off", NullHandler);
        drop(open());
    }),
    Subject::new(ours::OFF_SCOPE_ELSEWHERE, repeat!(off))
        .with_scopes()
        .setup(|| configure_group("bench.off", NullHandler))
        .meanwhile(open),
    Subject::new("prof: aggregator, a scope elsewhere", repeat!(aggregated))
        .with_scopes()
        .setup(|| configure_group("bench.aggregated", AGGREGATOR.clone()))
        .meanwhile(open),
    Subject::new("prof: scoped aggregator", repeat!(in_scope)).with_scopes().on_thread(open),
    Subject::new(ours::SCOPE, repeat!(scope)).with_scopes(),
    Subject::new(ours::WITH_HANDLER, repeat!(poll_with_handler)).with_scopes().baseline(PLAIN_ASYNC),
];

/// Opens a scope of this thread.
fn open() -> Guard {
    Box::new(scoped(AGGREGATOR.clone()))
}

#[prof(group = "bench.off")]
#[inline(never)]
fn off(x: u64) -> u64 {
    work(x)
}

#[prof(group = "bench.aggregated")]
#[inline(never)]
fn aggregated(x: u64) -> u64 {
    work(x)
}

#[prof(group = "bench.scoped")]
#[inline(never)]
fn in_scope(x: u64) -> u64 {
    work(x)
}

#[inline(never)]
fn scope(x: u64) -> u64 {
    let _scope = scoped(AGGREGATOR.clone());
    work(x)
}

#[inline(never)]
fn poll_with_handler(x: u64) -> u64 {
    ready(async { work(x) }.with_handler(AGGREGATOR.clone()))
}
