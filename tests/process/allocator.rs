//! An allocator that is annotated itself: what measuring its calls allocates is not measured, however its calls are
//! nested.
#![allow(missing_docs, unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::thread;

use prof_runtime::{Aggregator, MetricHandler, configure, prof};

struct Nested;

/// Allocations of these sizes are made by others of the next size, one in the other.
const NESTED: std::ops::Range<usize> = 123_400..123_440;

// SAFETY: every allocation is the system's.
unsafe impl GlobalAlloc for Nested {
    #[prof(name = "alloc")]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if NESTED.contains(&layout.size()) {
            drop(black_box(Vec::<u8>::with_capacity(layout.size() + 1)));
        }
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    #[prof(name = "dealloc")]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Nested = Nested;

fn allocate() {
    drop(black_box(Vec::<u8>::with_capacity(NESTED.start)));
}

#[test]
fn an_annotated_allocator_is_measured_and_not_by_itself() {
    let aggregator = Aggregator::new();
    configure(aggregator.clone());
    thread::scope(|scope| {
        for _ in 0..4 {
            // The first call of each thread is the one for which the runtime allocates.
            scope.spawn(|| (0..100).for_each(|_| allocate()));
        }
    });
    aggregator.flush().unwrap();
    let snapshot = aggregator.snapshot();
    let calls = |name: &str| snapshot.function(name).unwrap().success;
    let least = 4 * 100 * (NESTED.len() as u64 + 1);
    assert!(calls("alloc") >= least && calls("dealloc") >= least, "{snapshot:?}");
}
