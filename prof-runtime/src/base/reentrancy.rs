//! Whether this thread runs code of the runtime, and the table that it uses only outside of the runtime.
//!
//! Entering the runtime replaces the cached table by an empty one. The hot path therefore checks for both by one load.
#![allow(unsafe_code)]

use std::ptr;

use crate::base::sync::OwnerCell;
use crate::base::table::Table;

/// The state of a thread that needs no destructor. It is accessible without a check, also while the thread ends.
struct Reentrancy {
    /// `table`, or [`Table::NONE`] while the thread is inside the runtime or has a scoped handler. Calls then miss and
    /// take the slow path, which checks for both.
    cached: OwnerCell<Table>,
    /// The thread's table. Changed only while `is_inside`, when `cached` is empty.
    table: OwnerCell<Table>,
    /// Whether this thread is inside the runtime. Annotated code that runs there, such as an allocator, is not
    /// measured.
    is_inside: OwnerCell<bool>,
    /// The number of scoped handlers of this thread.
    scopes: OwnerCell<u32>,
    /// The number of lookups that did not find their key in its home slot. Wraps.
    misses: OwnerCell<u32>,
}

thread_local! {
    static REENTRANCY: Reentrancy = const {
        Reentrancy {
            cached: OwnerCell::new(Table::NONE),
            table: OwnerCell::new(Table::NONE),
            is_inside: OwnerCell::new(false),
            scopes: OwnerCell::new(0),
            misses: OwnerCell::new(0),
        }
    };
}

/// This thread's [`Reentrancy`].
#[inline(always)]
fn of_thread<'a>() -> &'a Reentrancy {
    // The closure is minimal: with a larger one, `with` may not be inlined.
    let state = REENTRANCY.with(ptr::from_ref);
    // SAFETY: a thread-local without a destructor lives as long as its thread, which is the current one.
    unsafe { &*state }
}

impl Reentrancy {
    /// Marks the thread as inside the runtime; returns whether it was.
    #[inline(always)]
    fn enter(&self) -> bool {
        let was_inside = self.is_inside.get();
        self.is_inside.set(true);
        self.cached.set(Table::NONE);
        was_inside
    }

    /// Marks the thread as outside of the runtime again, unless it `was_inside`.
    #[inline(always)]
    fn leave(&self, was_inside: bool) {
        if !was_inside {
            self.is_inside.set(false);
            self.cache();
        }
    }

    #[inline(always)]
    fn cache(&self) {
        if self.scopes.get() == 0 {
            self.cached.set(self.table.get());
        }
    }
}

/// Returns this thread's table, or [`Table::NONE`] while the thread is inside the runtime or has a scoped handler.
#[inline(always)]
pub(crate) fn cached_table() -> Table {
    of_thread().cached.get()
}

/// Returns this thread's table.
#[inline(always)]
pub(crate) fn table() -> Table {
    of_thread().table.get()
}

/// Replaces this thread's table. Call it inside the runtime only.
pub(crate) fn set_table(table: Table) {
    of_thread().table.set(table);
}

/// Counts a lookup that did not find its key in the home slot. Returns the number of these lookups, modulo 2^32.
pub(crate) fn count_miss() -> u32 {
    let state = of_thread();
    let misses = state.misses.get().wrapping_add(1);
    state.misses.set(misses);
    misses
}

/// Marks this thread as inside the runtime until it is dropped.
pub(crate) struct Inside {
    was_inside: bool,
    /// The state of the thread that created this. A raw pointer, so that `Inside` is not `Send`.
    state: *const Reentrancy,
}

impl Inside {
    #[inline(always)]
    pub(crate) fn enter() -> Self {
        let state = of_thread();
        Self { was_inside: state.enter(), state }
    }
}

impl Drop for Inside {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: as in `of_thread`: `Inside` is not `Send`, so the current thread created it.
        unsafe { &*self.state }.leave(self.was_inside);
    }
}

/// Runs `f` with this thread marked as inside the runtime.
#[inline(always)]
pub(crate) fn inside<R>(f: impl FnOnce() -> R) -> R {
    let _inside = Inside::enter();
    f()
}

/// Runs `f` with this thread marked as inside the runtime, unless it is already.
#[inline(always)]
pub(crate) fn unless_inside<R>(f: impl FnOnce() -> R) -> Option<R> {
    let state = of_thread();
    if state.is_inside.get() {
        return None;
    }
    let _inside = Inside { was_inside: state.enter(), state };
    Some(f())
}

/// Returns whether this thread is inside the runtime or one of its handlers.
#[inline(always)]
pub(crate) fn is_inside() -> bool {
    of_thread().is_inside.get()
}

/// Returns whether this thread has a scoped handler.
#[inline(always)]
pub(crate) fn is_scoped() -> bool {
    of_thread().scopes.get() != 0
}

/// Counts a scoped handler that this thread opens.
pub(crate) fn enter_scope() {
    let state = of_thread();
    state.scopes.set(state.scopes.get() + 1);
    state.cached.set(Table::NONE);
}

/// Counts a scoped handler that this thread closes.
pub(crate) fn leave_scope() {
    let state = of_thread();
    state.scopes.set(state.scopes.get() - 1);
    if !state.is_inside.get() {
        state.cache();
    }
}
