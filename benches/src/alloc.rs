//! An allocator that counts what the current thread allocates, so that "no allocation in the steady state" is a number.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counted.
pub(crate) struct Counting;

/// What a thread has allocated since it began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allocated {
    /// Allocations and reallocations.
    pub(crate) count: u64,
    /// Bytes allocated and not freed by this thread; negative where it frees what others allocated.
    pub(crate) live_bytes: i64,
}

thread_local! {
    /// Neither lazily made nor destroyed, so that it can be used from within the allocator at any time.
    static ALLOCATED: Cell<Allocated> = const { Cell::new(Allocated { count: 0, live_bytes: 0 }) };
}

/// What the current thread has allocated.
pub(crate) fn allocated() -> Allocated {
    ALLOCATED.get()
}

fn add(count: u64, bytes: i64) {
    let Allocated { count: before, live_bytes } = ALLOCATED.get();
    ALLOCATED.set(Allocated { count: before + count, live_bytes: live_bytes + bytes });
}

/// A size as a signed number.
fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

// SAFETY: every method forwards to `System` with the arguments that it was given, and returns what that returns. The
// counting touches only a thread-local cell that needs no allocation and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(1, signed(layout.size()));
        // SAFETY: the caller's promises about `layout` are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(1, signed(layout.size()));
        // SAFETY: the caller's promises about `layout` are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(1, signed(size) - signed(layout.size()));
        // SAFETY: `at` came from `System` with this layout, as every method here takes its memory from there; the
        // caller promises the rest.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        add(0, -signed(layout.size()));
        // SAFETY: `at` came from `System` with this layout, as every method here takes its memory from there.
        unsafe { System.dealloc(at, layout) }
    }
}
