//! The state that a thread uses: its own, or one that it borrows while it ends; and the pool of unused states.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex};

use super::thread_state::ThreadState;
use super::{SiteState, find};
use crate::base::reentrancy::set_table;
use crate::base::table::Table;
use crate::base::{inside, lock};
use crate::counts::{Counts, Stats};
use crate::site::Callsite;
use crate::thread::Handlers;

thread_local! {
    static STATE: OwnedState = const { OwnedState(RefCell::new(None)) };
    static LOAN: Loan = const { Loan { state: Cell::new(ptr::null_mut()), borrower: Cell::new(ptr::null()) } };
}

/// The state of a thread that has called an annotated function, until the thread ends.
struct OwnedState(RefCell<Option<Box<ThreadState>>>);

impl Drop for OwnedState {
    fn drop(&mut self) {
        inside(|| {
            set_table(Table::NONE);
            if let Some(state) = self.0.get_mut().take() {
                give_back(state);
            }
        });
    }
}

/// The state that a thread has borrowed while it ends.
struct Loan {
    /// From `Box::into_raw`; null without a loan.
    state: Cell<*mut ThreadState>,
    /// The site state of the call for which the thread borrowed the state.
    borrower: Cell<*const SiteState>,
}

/// The unused states.
pub(super) static POOL: Mutex<Pool> = Mutex::new(Pool { states: Vec::new(), shares: 0 });

pub(super) struct Pool {
    /// The last one is taken first.
    #[allow(clippy::vec_box)] // A loan is a pointer to the state in a box.
    states: Vec<Box<ThreadState>>,
    /// The number of shares of aggregators in `states`.
    shares: usize,
}

/// The largest number of shares of aggregators in a pool of more than one state: 3.5 MB.
const POOLED_SHARES: usize = 1024;

/// Takes a state from the pool, or makes one, and makes its table this thread's table.
#[allow(clippy::unnecessary_box_returns)] // The pool contains boxes.
fn take() -> Box<ThreadState> {
    let pooled = {
        let mut pool = lock(&POOL);
        let state = pool.states.pop();
        pool.shares -= state.as_ref().map_or(0, |state| state.shares());
        state
    };
    let state = pooled.unwrap_or_else(|| Box::new(ThreadState::register()));
    set_table(state.table());
    state
}

/// Gives a state to the pool, or frees it.
fn give_back(mut state: Box<ThreadState>) {
    state.forget_handlers();
    state.forget_dropped_aggregators();
    let shares = state.shares();
    let mut pool = lock(&POOL);
    if pool.states.is_empty() || pool.shares + shares <= POOLED_SHARES {
        pool.shares += shares;
        pool.states.push(state);
    } else {
        drop(pool);
        state.free();
    }
}

/// Runs `f` on the state that this thread owns or has borrowed. Returns `None` if the thread is ending and has neither.
fn with_state<R>(f: impl FnOnce(&mut ThreadState) -> R) -> Option<R> {
    let loan = LOAN.with(|loan| loan.state.get());
    // SAFETY: the loan is this thread's until it is returned. Only this function uses it, and `f` does not call it
    // again, since the thread is inside the runtime.
    if let Some(state) = unsafe { loan.as_mut() } {
        return Some(f(state));
    }
    let result = STATE.try_with(|state| {
        let mut state = state.0.try_borrow_mut().ok()?;
        Some(f(state.get_or_insert_with(take)))
    });
    result.ok().flatten()
}

/// Runs `f` on the state that this thread owns or has borrowed. Otherwise borrows one for `f`.
fn with_own_or_borrowed_state<R>(f: impl FnOnce(&mut ThreadState) -> R) -> R {
    let mut f = Some(f);
    let result = with_state(|state| f.take().map(|f| f(state)));
    result.flatten().unwrap_or_else(|| {
        let mut state = take();
        let result = f.take().map(|f| f(&mut state));
        set_table(Table::NONE);
        give_back(state);
        result.expect("it was not run, as there was no state")
    })
}

/// Makes this thread's state of a site that it has not called before, and runs `f` on it. Returns `None` if the thread
/// is ending.
#[cold]
pub(crate) fn add<R>(site: &'static Callsite, f: impl FnOnce(&SiteState) -> R) -> Option<R> {
    inside(|| with_state(|state| state.add(site))).map(|site_state| f(&site_state))
}

/// Runs `f` on this thread's state of a site. A thread that is ending borrows a state for that.
#[cold]
pub(crate) fn with_own_or_borrowed<R>(site: &'static Callsite, f: impl FnOnce(&SiteState) -> R) -> R {
    inside(|| with_own_or_borrowed_state(|state| f(state.site_state(site))))
}

/// Begins a call on a thread that is ending and has no state. The thread borrows one until the call has ended.
#[cold]
pub(crate) fn borrow(site: &'static Callsite) -> NonNull<SiteState> {
    inside(|| {
        let mut state = take();
        let site_state = NonNull::from(state.site_state(site));
        LOAN.with(|loan| {
            loan.state.set(Box::into_raw(state));
            loan.borrower.set(site_state.as_ptr());
        });
        // SAFETY: a thread's state keeps those of its sites until it is freed.
        let is_begun = unsafe { site_state.as_ref() }.begin_slow();
        debug_assert!(is_begun, "nothing is in progress in a state of the pool");
        site_state
    })
}

/// Returns the borrowed state to the pool if the call that has ended is the one that it was borrowed for.
#[inline]
pub(crate) fn end_loan(site_state: &SiteState) {
    // The closure is minimal, so that `with` is inlined.
    let borrower = LOAN.with(|loan| loan.borrower.get());
    if ptr::eq(borrower, site_state) && !site_state.has_calls() {
        return_loan();
    }
}

/// Returns the borrowed state to the pool.
#[cold]
fn return_loan() {
    let state = LOAN.with(|loan| {
        loan.borrower.set(ptr::null());
        loan.state.replace(ptr::null_mut())
    });
    inside(|| {
        set_table(Table::NONE);
        // SAFETY: `borrow` made the pointer of a box, and the thread has no other copy of it.
        give_back(unsafe { Box::from_raw(state) });
    });
}

/// Makes this thread's first share of `counts` for a site, and runs `f` on it.
#[cold]
pub(crate) fn share(site: &'static Callsite, counts: &Arc<Counts>, f: impl FnOnce(&Stats)) {
    inside(|| with_own_or_borrowed_state(|state| f(&state.share(site, counts))));
}

/// Caches handlers for the next calls of a site on this thread. Replaces those cached before.
#[cold]
pub(crate) fn cache_handlers(site: &'static Callsite, handlers: Arc<Handlers>) {
    let replaced = inside(|| {
        find(site, |found| {
            let site_state = found?;
            with_state(|state| {
                site_state.set_handlers(&handlers);
                state.cached_handlers.insert(site.address(), handlers)
            })
        })
    });
    // This may be the last reference to a handler, whose drop is the user's code.
    drop(replaced);
}
