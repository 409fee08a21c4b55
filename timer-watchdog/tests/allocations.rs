//! A guard allocates nothing after its thread's first use.
//!
//! In a binary of its own, because it replaces the allocator.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;

use timer_watchdog::hang::{ClockMode, Domain, HangConfig, watch};
use timer_watchdog::{Clock, LocalQueue, LocalTimerClient, ScopeId, expires_in};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting what the calling thread asks of it.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged, which fulfils the contract. The counter is a
// constant-initialized thread-local value without destructor, so that counting neither allocates nor fails.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; the pointer came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

fn nested_guards() {
    let _outer = watch(black_box(Duration::from_secs(5)));
    for _ in 0..100 {
        let inner = watch(black_box(Duration::from_secs(1)));
        inner.pet();
        inner.pause();
        inner.resume();
    }
}

#[test]
fn a_guard_allocates_at_the_first_use_only() {
    for mode in [ClockMode::Read, ClockMode::Published] {
        let domain = Domain::new(Clock::monotonic());
        let config = HangConfig::new().clock_mode(mode).on_event(drop);
        let _watcher = config.start_in(&domain).unwrap();
        let first = allocations(|| std::mem::forget(domain.enter()));
        assert!(first > 0, "the counter counts");
        assert_eq!(allocations(nested_guards), 0);
    }
}

#[test]
fn a_compatible_guard_with_a_name_of_its_own_allocates_nothing_even_in_drop() {
    let queue = LocalQueue::new(64);
    let client = LocalTimerClient::new(queue, 1_u32);
    let scope = ScopeId::from(String::from("load"));
    let run = || drop(expires_in(scope, Duration::from_secs(5), &client).unwrap());
    assert_eq!(allocations(run), 0);
}
