//! Calls of a function within each other, each timed for itself, however they end and whichever handlers there are.
#![allow(missing_docs)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};

use prof_runtime::{Aggregator, CallRecord, MetricData, MetricHandler, configure_group, prof};

/// Calls itself until `until`, at which it does what `last` says.
#[prof(group = "nested", name = "nested")]
fn nested(depth: u64, until: u64, last: &dyn Fn()) {
    if depth < until {
        nested(depth + 1, until, last);
    } else {
        last();
    }
}

/// The durations of the calls of [`nested`], as they ended.
struct Durations(Mutex<Vec<u64>>);

impl MetricHandler for Durations {
    fn emit(&self, _: &MetricData<'_>) {}

    fn record_call(&self, call: &CallRecord<'_>) {
        self.0.lock().unwrap().push(call.duration_ns());
    }
}

#[test]
fn nested_calls_are_timed_each_for_itself() {
    let aggregator = Aggregator::new();
    let in_flight = |expected| {
        let aggregator = aggregator.clone();
        move || assert_eq!(aggregator.snapshot().function("nested").map_or(0, |nested| nested.in_flight), expected)
    };
    configure_group("nested", aggregator.clone());
    nested(1, 3, &|| ());
    // How deep does not matter, nor that some unwind, nor that the handlers are others in the end than in the
    // beginning.
    nested(1, 1, &in_flight(1));
    nested(1, 30, &in_flight(30));
    catch_unwind(AssertUnwindSafe(|| nested(1, 20, &|| resume_unwind(Box::new("quietly"))))).unwrap_err();
    let durations = Arc::new(Durations(Mutex::default()));
    nested(1, 25, &|| configure_group("nested", Arc::clone(&durations)));
    nested(1, 12, &|| ());
    nested(1, 7, &|| configure_group("nested", aggregator.clone()));
    nested(1, 1, &in_flight(1));

    let snapshot = aggregator.snapshot();
    let counted = snapshot.function("nested").unwrap();
    assert_eq!((counted.success, counted.panic, counted.in_flight), (3 + 1 + 30 + 7 + 1, 20, 0));
    assert_eq!(counted.histogram.count(), counted.calls());
    // What ends later began earlier.
    let durations = durations.0.lock().unwrap();
    let (first, second) = durations.split_at(25);
    assert_eq!(second.len(), 12);
    assert!(first.is_sorted() && second.is_sorted(), "{durations:?}");
}
