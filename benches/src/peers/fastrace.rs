//! fastrace with a reporter that drops what it is given, and a trace of a hundred calls at a time.

use std::hint::black_box;

use fastrace::Span;
use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};

use crate::subject::{Subject, repeat};
use crate::work::work;

pub(super) const SUBJECTS: &[Subject] = &[
    Subject::new("fastrace, no trace", repeat!(measured)),
    Subject::new("fastrace, traces of 100", run_in_traces).setup(report).settle(fastrace::flush),
];

struct Dropped;

impl Reporter for Dropped {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        black_box(spans);
    }
}

fn report() {
    fastrace::set_reporter(Dropped, Config::default());
}

#[fastrace::trace]
#[inline(never)]
fn measured(x: u64) -> u64 {
    work(x)
}

/// A trace keeps its spans until it ends, so there is no measuring of calls in one trace for ever.
#[inline(never)]
fn run_in_traces(calls: u64) {
    const CALLS_PER_TRACE: u64 = 100;
    let mut made = 0;
    while made < calls {
        let root = Span::root("root", SpanContext::random());
        let _parent = root.set_local_parent();
        let end = calls.min(made + CALLS_PER_TRACE);
        while made < end {
            black_box(measured(black_box(made)));
            made += 1;
        }
    }
}
