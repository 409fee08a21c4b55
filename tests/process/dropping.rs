//! A replaced handler that panics when it is dropped. While any thread has a scope, none has a handler cached, so
//! that this needs a process without one.
#![allow(missing_docs)]

use prof_runtime::{MemoryHandler, MetricData, MetricHandler, configure_group, prof};

struct PanicsWhenDropped(MemoryHandler);

impl MetricHandler for PanicsWhenDropped {
    fn emit(&self, data: &MetricData<'_>) {
        self.0.emit(data);
    }
}

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        self.0.emit(&MetricData::new("faults", "dropped", 1));
        panic!("a bad drop");
    }
}

#[prof(name = "outlives", group = "faults.dropped")]
fn outlives() {}

/// The thread that has called a replaced handler is the one that drops it, at the end of its next call.
#[test]
fn a_handler_that_panics_when_it_is_dropped_harms_no_call() {
    let (before, after) = (MemoryHandler::new(), MemoryHandler::new());
    configure_group("faults.dropped", PanicsWhenDropped(before.clone()));
    outlives();
    configure_group("faults.dropped", after.clone());
    assert_eq!((before.count("outlives.success"), before.count("dropped")), (1, 0));
    outlives();
    assert_eq!((before.count("dropped"), after.count("outlives.success")), (1, 1));
}
