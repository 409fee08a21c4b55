//! The default handler is replaced under load: every call goes to exactly one.
#![allow(missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use prof_runtime::{Aggregator, CallRecord, FanoutHandler, MetricData, MetricHandler, configure, prof};

#[prof(name = "load")]
fn load(fails: bool) -> Result<(), ()> {
    if fails { Err(()) } else { Ok(()) }
}

#[derive(Default)]
struct Counts {
    calls: AtomicU64,
    failures: AtomicU64,
}

impl MetricHandler for Counts {
    fn emit(&self, _: &MetricData<'_>) {}

    fn record_call(&self, call: &CallRecord<'_>) {
        assert_eq!(call.callsite().name(), "load");
        self.calls.fetch_add(1, Ordering::Relaxed);
        if call.outcome() == prof_runtime::Outcome::Failure {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn nothing_is_lost_while_handlers_are_replaced() {
    const THREADS: u64 = 4;
    const CALLS: u64 = 50_000;
    let aggregators = [Aggregator::new(), Aggregator::new()];
    let counts = [Arc::new(Counts::default()), Arc::new(Counts::default())];
    // A handler receives metrics from the start.
    configure(aggregators[0].clone());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| (0..CALLS).for_each(|i| assert_eq!(load(i % 5 == 0).is_err(), i % 5 == 0))))
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                configure(counts[0].clone());
                configure(aggregators[1].clone());
                configure(FanoutHandler::new().with(counts[1].clone()));
                configure(aggregators[0].clone());
                aggregators[1].snapshot();
            }
        });
        for worker in workers {
            worker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    let mut calls = 0;
    let mut failures = 0;
    for aggregator in &aggregators {
        let snapshot = aggregator.snapshot();
        let load = snapshot.function("load").unwrap();
        assert_eq!(load.in_flight, 0);
        assert_eq!(load.histogram.count(), load.calls());
        calls += load.calls();
        failures += load.failure;
    }
    for counts in &counts {
        calls += counts.calls.load(Ordering::Relaxed);
        failures += counts.failures.load(Ordering::Relaxed);
    }
    assert_eq!((calls, failures), (THREADS * CALLS, THREADS * CALLS / 5));
}
