//! Threads that come and go in a program whose allocator is annotated: what ends with a thread does not multiply with
//! what the allocator does.
#![allow(missing_docs, unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use prof_runtime::{Aggregator, configure, prof};

/// Calls annotated code for each block that is freed, as one that keeps a ledger does.
struct Ledger;

const LOOKS: u64 = 16;

static FREED: AtomicU64 = AtomicU64::new(0);

#[prof(name = "look")]
fn look(_: u64) {}

#[prof(name = "remove")]
fn remove() {
    (0..LOOKS).for_each(look);
}

// SAFETY: every allocation is the system's.
unsafe impl GlobalAlloc for Ledger {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        FREED.fetch_add(1, Ordering::Relaxed);
        remove();
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static LEDGER: Ledger = Ledger;

struct FreesLast(#[allow(dead_code)] Box<u64>);

thread_local! {
    static LAST: RefCell<Option<FreesLast>> = const { RefCell::new(None) };
}

/// How many blocks are freed by threads that come and go, some of them in the threads' last destructors.
fn freed_by(threads: u64) -> u64 {
    let before = FREED.load(Ordering::Relaxed);
    for n in 0..threads {
        thread::spawn(move || {
            LAST.with(|last| last.replace(Some(FreesLast(Box::new(n)))));
            drop(vec![1_u8; 64]);
        })
        .join()
        .unwrap();
    }
    FREED.load(Ordering::Relaxed) - before
}

#[test]
fn threads_that_end_free_as_much_as_without_an_aggregator_and_every_call_counts() {
    const THREADS: u64 = 50;
    freed_by(1);
    let plain = freed_by(THREADS);
    let aggregator = Aggregator::new();
    configure(aggregator.clone());
    // What the first thread allocates is there for those after it.
    freed_by(2);
    let before = aggregator.snapshot();
    let measured = freed_by(THREADS);
    let after = aggregator.snapshot();
    assert!(measured <= plain + 8, "{measured} blocks were freed, {plain} without an aggregator");
    let calls = |name: &str| {
        let of = |snapshot: &prof_runtime::Snapshot| snapshot.function(name).unwrap().calls();
        of(&after) - of(&before)
    };
    // What the runtime frees itself, in a snapshot, is not measured.
    assert!(calls("remove") >= plain, "{} of {plain} calls were counted", calls("remove"));
    assert_eq!(calls("look"), LOOKS * calls("remove"));
    assert_eq!(after.function("look").unwrap().in_flight + after.function("remove").unwrap().in_flight, 0);
}
