//! Scopes that come and go on one thread, while others call: what a call is told at its end changes between its
//! questions.
#![allow(missing_docs)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use prof_runtime::{Aggregator, MemoryHandler, configure_group, prof, scoped};

#[prof(group = "toggled", name = "toggled")]
fn toggled(depth: u64) {
    if depth > 0 {
        toggled(depth - 1);
    }
}

#[test]
fn calls_end_where_they_began_while_scopes_come_and_go() {
    const CALLS: u64 = 200_000;
    let aggregator = Aggregator::new();
    configure_group("toggled", aggregator.clone());
    let is_done = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                drop(scoped(MemoryHandler::new()));
            }
        });
        for depth in [0, 1] {
            let calls = move || (0..CALLS / (depth + 1)).for_each(|_| toggled(depth));
            threads.spawn(calls).join().unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
    });
    let snapshot = aggregator.snapshot();
    let toggled = snapshot.function("toggled").unwrap();
    assert_eq!((toggled.success, toggled.in_flight), (2 * CALLS, 0));
    assert_eq!(toggled.histogram.count(), 2 * CALLS);
}
