//! The state of a thread, and its owners in turn: a thread while it runs, then a pool, then the next thread.
//!
//! A state stays registered when its thread ends, with its numbers in it, so that nothing has to be added up, freed and
//! allocated again for each thread that comes and goes. A thread that is ending can own no state any more. It
//! borrows one for each outermost annotated call: an annotated allocator that frees the thread's memory would otherwise
//! need a new state for each call inside. The pool is bounded. A state for which it has no room is added to the retired
//! totals of its aggregators, and freed.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ptr::{self, NonNull};
use std::sync::{Arc, LazyLock, Mutex};

use super::handlers::Handlers;
use super::here::key;
use super::{Kind, Local, find};
use crate::base::clock;
use crate::base::reentrancy::set_table;
use crate::base::table::{Entry, Table};
use crate::base::{Locked, inside, lock};
use crate::counts::shared::dropped;
use crate::counts::{Counts, Stats};
use crate::site::Callsite;

thread_local! {
    static STATE: OfThread = const { OfThread(RefCell::new(None)) };
    static LOAN: Loan = const { Loan { state: Cell::new(ptr::null_mut()), borrower: Cell::new(ptr::null()) } };
}

/// The state of a thread that has called an annotated function, until the thread ends.
struct OfThread(RefCell<Option<Box<ThreadState>>>);

impl Drop for OfThread {
    fn drop(&mut self) {
        inside(|| {
            set_table(Table::NONE);
            if let Some(state) = self.0.get_mut().take() {
                give_back(state);
            }
        });
    }
}

/// The state that an ending thread has borrowed.
struct Loan {
    /// From `Box::into_raw`; null without a loan.
    state: Cell<*mut ThreadState>,
    /// The local of the call that the state was borrowed for.
    borrower: Cell<*const Local>,
}

/// The state of one thread at a time.
struct ThreadState {
    table: Box<[Entry]>,
    used: usize,
    /// The target that is cached for a call site, by its address.
    targets: HashMap<usize, Arc<Handlers>>,
    /// The value of [`dropped`] when this state last released shares of dropped aggregators.
    dropped_aggregators: u64,
    parts: Arc<Mutex<Parts>>,
}

// SAFETY: the pointers in the table lead to call sites, which are static, and to the locals of `parts`, which are used
// by the one thread that has the state. The pool's lock is between one and the next.
unsafe impl Send for ThreadState {}

/// The part of a state that other threads may read.
#[derive(Default)]
struct Parts {
    locals: Vec<Arc<Local>>,
    /// Every share of an aggregator. Only the thread that has the state adds to it and takes from it.
    stats: Vec<Arc<Stats>>,
}

/// The parts of all states, in use and in the pool.
static ALL: Mutex<Vec<Arc<Mutex<Parts>>>> = Mutex::new(Vec::new());

/// The states that no thread uses.
static POOL: Mutex<Pool> = Mutex::new(Pool { states: Vec::new(), shares: 0 });

struct Pool {
    /// The one that was given back last is the next to be taken.
    #[allow(clippy::vec_box)] // A loan is a pointer to what is in one.
    states: Vec<Box<ThreadState>>,
    /// How many shares of aggregators are in them.
    shares: usize,
}

/// How many shares of aggregators the pool may hold, if it holds more than one state: 3.5 MB.
const POOLED_SHARES: usize = 1024;

/// Calls in flight of states that were freed, by the address of their call site. While it is locked, no state is freed.
static IN_FLIGHT_OF_FREED: LazyLock<Mutex<HashMap<usize, i64>>> = LazyLock::new(Mutex::default);

/// Takes a state from the pool, or makes one, and makes its table this thread's table.
#[allow(clippy::unnecessary_box_returns)] // The pool holds boxes, and a loan is a pointer to what is in one.
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
    state.forget_targets();
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

/// Runs `f` on the state of this thread, or on the one that it has borrowed. `None` if it is ending and has none.
fn with_state<R>(f: impl FnOnce(&mut ThreadState) -> R) -> Option<R> {
    let loan = LOAN.with(|loan| loan.state.get());
    // SAFETY: a loan is this thread's until it is given back, and is used in here only, where nothing comes back here:
    // the thread is inside the runtime.
    if let Some(state) = unsafe { loan.as_mut() } {
        return Some(f(state));
    }
    let result = STATE.try_with(|state| {
        let mut state = state.0.try_borrow_mut().ok()?;
        Some(f(state.get_or_insert_with(take)))
    });
    result.ok().flatten()
}

/// The same, with a state that is borrowed for `f` if there is no other.
fn with_any_state<R>(f: impl FnOnce(&mut ThreadState) -> R) -> R {
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

/// Makes this thread's local of a site that it has not called before, and runs `f` on it. Returns `None` if the thread
/// is ending.
#[cold]
pub(crate) fn add<R>(site: &'static Callsite, f: impl FnOnce(&Local) -> R) -> Option<R> {
    inside(|| with_state(|state| state.add(site))).map(|local| f(&local))
}

/// Runs `f` on the local of a site. A thread that is ending borrows a state for that.
#[cold]
pub(crate) fn with_any<R>(site: &'static Callsite, f: impl FnOnce(&Local) -> R) -> R {
    inside(|| with_any_state(|state| f(state.local(site))))
}

/// Begins a call on a thread that is ending and has no state: it borrows one until the call has ended.
#[cold]
pub(crate) fn borrow(site: &'static Callsite) -> NonNull<Local> {
    inside(|| {
        let mut state = take();
        let local = NonNull::from(state.local(site));
        LOAN.with(|loan| {
            loan.state.set(Box::into_raw(state));
            loan.borrower.set(local.as_ptr());
        });
        // SAFETY: a state keeps its locals until it is freed.
        let is_begun = unsafe { local.as_ref() }.begin_slow();
        debug_assert!(is_begun, "nothing is in progress in a state of the pool");
        local
    })
}

/// Returns the borrowed state to the pool if the call that ended at `local` is the one that borrowed it.
#[cold]
pub(crate) fn end_loan(local: &Local) {
    LOAN.with(|loan| {
        if !ptr::eq(loan.borrower.get(), local) || local.has_calls() {
            return;
        }
        let state = loan.state.replace(ptr::null_mut());
        loan.borrower.set(ptr::null());
        inside(|| {
            set_table(Table::NONE);
            // SAFETY: it was made of a box in `borrow`, and the pointer to it is gone.
            give_back(unsafe { Box::from_raw(state) });
        });
    });
}

/// Makes this thread's first share of `counts` for a site, and runs `f` on it.
#[cold]
pub(crate) fn share(site: &'static Callsite, counts: &Arc<Counts>, f: impl FnOnce(&Stats)) {
    inside(|| with_any_state(|state| f(&state.share(site, counts))));
}

/// Caches a target for the next calls of a site on this thread. Replaces the one cached before.
#[cold]
pub(crate) fn keep_target(site: &'static Callsite, target: Arc<Handlers>) {
    let replaced = inside(|| {
        find(site, |local| {
            let local = local?;
            with_state(|state| {
                local.set_target(&target);
                state.targets.insert(site.address(), target)
            })
        })
    });
    // May be the last to hold a handler: its drop is the user's code.
    drop(replaced);
}

impl ThreadState {
    fn register() -> Self {
        let parts = Arc::<Mutex<Parts>>::default();
        lock(&ALL).push(Arc::clone(&parts));
        let dropped_aggregators = dropped();
        Self { table: Box::default(), used: 0, targets: HashMap::new(), dropped_aggregators, parts }
    }

    fn table(&self) -> Table {
        Table::of(&self.table)
    }

    fn shares(&self) -> usize {
        lock(&self.parts).stats.len()
    }

    /// Finds or makes the local of a site.
    fn local<'a>(&mut self, site: &'static Callsite) -> &'a Local {
        let known = find(site, |local| local.map(ptr::from_ref));
        // SAFETY: `parts` keeps it until the state is freed, and no caller keeps the reference for as long as that.
        unsafe { &*known.unwrap_or_else(|| Arc::as_ptr(&self.add(site))) }
    }

    /// Makes the local of a site that has none.
    fn add(&mut self, site: &'static Callsite) -> Arc<Local> {
        if self.used * 2 >= self.table.len() {
            self.grow();
        }
        let kind = if clock::is_tsc() { Kind::Fast } else { Kind::Slow };
        let local = Arc::new(Local::new(site, kind));
        lock(&self.parts).locals.push(Arc::clone(&local));
        let entry = self.free_entry(site);
        entry.value.set(Arc::as_ptr(&local).cast());
        entry.key.set(key(site));
        self.used += 1;
        local
    }

    fn free_entry(&self, site: &Callsite) -> &Entry {
        let mask = self.table.len() - 1;
        let mut at = (site.slot() as usize / size_of::<Entry>()) & mask;
        while !self.table[at].key.get().is_null() {
            at = (at + 1) & mask;
        }
        &self.table[at]
    }

    /// Moves the entries to a table of twice the size.
    fn grow(&mut self) {
        let len = (self.table.len() * 2).max(4);
        let smaller = std::mem::replace(&mut self.table, (0..len).map(|_| Entry::free()).collect());
        for old in &smaller {
            // SAFETY: a site in an entry is the `&'static Callsite` that was put there.
            if let Some(site) = unsafe { old.unparked().cast::<Callsite>().as_ref() } {
                let new = self.free_entry(site);
                new.key.set(old.key.get());
                new.value.set(old.value.get());
            }
        }
        set_table(self.table());
    }

    fn share(&mut self, site: &'static Callsite, counts: &Arc<Counts>) -> Arc<Stats> {
        self.forget_dropped_aggregators();
        let local = self.local(site);
        let stats = Stats::new(site, counts);
        lock(&self.parts).stats.push(Arc::clone(&stats));
        local.add_stats(&stats);
        stats
    }

    /// Releases the shares of dropped aggregators, so that a program that often replaces its aggregator does not grow.
    /// Runs once per dropped aggregator: a search for each new share would make the first calls of a thread quadratic
    /// in their number.
    fn forget_dropped_aggregators(&mut self) {
        let dropped = dropped();
        if std::mem::replace(&mut self.dropped_aggregators, dropped) == dropped {
            return;
        }
        let is_gone = |stats: &Stats| !stats.has_aggregator();
        let mut parts = lock(&self.parts);
        for local in &parts.locals {
            local.forget_stats(is_gone);
        }
        parts.stats.retain(|stats| !is_gone(stats));
    }

    /// Releases the cached handlers, so that replaced ones are dropped.
    fn forget_targets(&mut self) {
        if self.targets.is_empty() {
            return;
        }
        lock(&self.parts).locals.iter().for_each(|local| local.forget_target());
        // May be the last to hold a handler: its drop is the user's code.
        self.targets.clear();
    }

    /// Adds the numbers to the totals that outlive the state, and unregisters the state.
    fn free(&self) {
        let locals = {
            let mut in_flight = lock(&IN_FLIGHT_OF_FREED);
            let locals = std::mem::take(&mut lock(&self.parts).locals);
            for local in &locals {
                let count = local.in_flight();
                if count != 0 {
                    *in_flight.entry(local.site.address()).or_insert(0) += count;
                }
            }
            locals
        };
        self.retire();
        lock(&ALL).retain(|parts| !Arc::ptr_eq(parts, &self.parts));
        drop(locals);
    }

    /// Adds the shares to the retired totals, one aggregator after the other.
    fn retire(&self) {
        loop {
            let last = lock(&self.parts).stats.last().cloned();
            let Some(last) = last else { return };
            let belongs = |stats: &Arc<Stats>| stats.aggregator_route() == last.aggregator_route();
            let Some(counts) = last.counts() else {
                lock(&self.parts).stats.retain(|stats| !belongs(stats));
                continue;
            };
            counts.retire(|totals| {
                // Taken from the list while no snapshot is looking.
                for stats in lock(&self.parts).stats.extract_if(.., |stats| belongs(stats)) {
                    totals.add(&stats);
                }
            });
        }
    }
}

/// Locks of all states, taken around a fork: no other thread is in the middle of a change.
pub(crate) struct Held {
    _parts: Vec<HeldParts>,
    _all: Locked<'static, Vec<Arc<Mutex<Parts>>>>,
    _pool: Locked<'static, Pool>,
    _in_flight: Locked<'static, HashMap<usize, i64>>,
}

struct HeldParts {
    /// Of the mutex below, and dropped before it.
    _locked: Locked<'static, Parts>,
    _parts: Arc<Mutex<Parts>>,
}

/// Takes the locks, in the order in which others take one inside the other. Runs inside.
pub(crate) fn hold() -> Held {
    let (in_flight, pool, all) = (lock(&IN_FLIGHT_OF_FREED), lock(&POOL), lock(&ALL));
    let hold = |parts: &Arc<Mutex<Parts>>| {
        // SAFETY: the mutex is on the heap and lives as long as the `Arc` beside the lock, which is dropped after it.
        let locked = lock(unsafe { &*Arc::as_ptr(parts) });
        HeldParts { _locked: locked, _parts: Arc::clone(parts) }
    };
    Held { _parts: all.iter().map(hold).collect(), _all: all, _pool: pool, _in_flight: in_flight }
}

/// Calls `f` with every share of any aggregator. A state that is freed meanwhile waits for the aggregator.
pub(crate) fn for_each_share(mut f: impl FnMut(&Stats)) {
    let all = lock(&ALL).clone();
    for parts in all {
        lock(&parts).stats.iter().for_each(|stats| f(stats));
    }
}

impl Callsite {
    /// Returns the number of calls that have begun and not ended, over all threads and tasks.
    ///
    /// Calls are counted only while a handler receives them.
    pub fn in_flight(&'static self) -> u64 {
        inside(|| in_flight_by_address().get(&self.address()).copied().unwrap_or(0))
    }
}

/// The number of calls in flight of every site that has any, by the site's address.
pub(crate) fn in_flight_by_address() -> HashMap<usize, u64> {
    inside(|| {
        let freed = lock(&IN_FLIGHT_OF_FREED);
        let mut counts = freed.clone();
        let all = lock(&ALL).clone();
        for parts in all {
            for local in &lock(&parts).locals {
                *counts.entry(local.site.address()).or_insert(0) += local.in_flight();
            }
        }
        drop(freed);
        // Other threads keep counting, so the end of a call may be seen without its beginning: a sum may be negative.
        counts.into_iter().filter_map(|(site, count)| Some((site, u64::try_from(count).ok()?))).collect()
    })
}
