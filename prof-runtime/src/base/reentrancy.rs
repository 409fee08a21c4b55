//! Whether this thread runs code of the runtime, and the table that it may only use while it does not.
//!
//! The two belong together: the hot path looks into the cached table, and nowhere else, so that one load tells it both.
#![allow(unsafe_code)]

use std::ptr;

use crate::base::sync::OwnerCell;
use crate::base::table::Table;

/// The state of a thread that has no destructor: reachable also while the thread ends, and without a check.
struct Reentrancy {
    /// `table`, or [`Table::NONE`] while the thread is inside the runtime or has a scoped handler. Calls then miss and
    /// take the slow path, which checks for both.
    cached: OwnerCell<Table>,
    /// The thread's table. Changed only while `is_inside`, when `cached` is empty.
    table: OwnerCell<Table>,
    /// This thread is inside the runtime; annotated code that it reaches from there, such as an allocator, is not
    /// measured.
    is_inside: OwnerCell<bool>,
    /// How many scoped handlers this thread has.
    scopes: OwnerCell<u32>,
    /// How many lookups did not find their key in its home slot. Wraps.
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
    // Passes `with` as little as possible: a larger closure may keep it from being inlined.
    let state = REENTRANCY.with(ptr::from_ref);
    // SAFETY: a thread-local without a destructor is there as long as its thread, which is this one.
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

/// This thread's table, or [`Table::NONE`] while the thread is inside the runtime or has a scoped handler.
#[inline(always)]
pub(crate) fn cached_table() -> Table {
    of_thread().cached.get()
}

/// This thread's table.
#[inline(always)]
pub(crate) fn table() -> Table {
    of_thread().table.get()
}

/// Replaces this thread's table. To be called from inside.
pub(crate) fn set_table(table: Table) {
    of_thread().table.set(table);
}

/// Counts a lookup that did not find its key in the home slot; returns how many there were, modulo 2^32.
pub(crate) fn count_miss() -> u32 {
    let state = of_thread();
    let misses = state.misses.get().wrapping_add(1);
    state.misses.set(misses);
    misses
}

/// Marks this thread as inside the runtime until it is dropped.
pub(crate) struct Inside {
    was_inside: bool,
    /// Of the thread that made it; as a raw pointer, it keeps `Inside` from being `Send`.
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
        // SAFETY: as in `of_thread`: this is the thread that it came from, as it is not `Send`.
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

/// Whether this thread is inside the runtime or one of its handlers.
#[inline(always)]
pub(crate) fn is_inside() -> bool {
    of_thread().is_inside.get()
}

/// Whether this thread has a scoped handler.
#[inline(always)]
pub(crate) fn is_scoped() -> bool {
    of_thread().scopes.get() != 0
}

/// Records that this thread has one scoped handler more.
pub(crate) fn enter_scope() {
    let state = of_thread();
    state.scopes.set(state.scopes.get() + 1);
    state.cached.set(Table::NONE);
}

/// Records that this thread has one scoped handler less.
pub(crate) fn leave_scope() {
    let state = of_thread();
    state.scopes.set(state.scopes.get() - 1);
    if !state.is_inside.get() {
        state.cache();
    }
}
