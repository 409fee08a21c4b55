//! What each thread keeps for itself: its counts of calls in flight, and its share of every aggregator.
//!
//! A thread finds its entry for a call site in an open-addressed table that only it reads and writes. The numbers that
//! the entries point to are atomics with a single writer, the thread, which adds by a relaxed load and a relaxed store;
//! whoever takes a snapshot reads them from other threads. No instruction here locks the bus.
//!
//! A thread that ends folds its numbers into the aggregators. Code that runs after that, in other thread-local
//! destructors, writes to the shared totals under their lock.
#![allow(unsafe_code)]

mod gaps;
mod here;
#[cfg(all(test, loom))]
mod model;
mod owned;

use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use self::gaps::Gaps;
pub(crate) use self::here::{at_hand, find, inside, is_inside, slot, unless_inside};
pub(crate) use self::owned::{add, count_orphan, for_each_share, in_flight, in_flight_by_address, keep_target, share};
use crate::aggregator::Stats;
use crate::callsite::Callsite;
use crate::clock::{self, TscScale};
use crate::route::{Route, Target};
use crate::sync;
use crate::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

/// What one thread keeps for one call site. It stays in its place until the thread ends.
///
/// Everything in it is written by its thread only. Others read how many calls are in flight.
pub(crate) struct Local {
    site: &'static Callsite,
    kind: Kind,
    /// When the outermost call on the stack began, 0 while there is none; [`NOT_HERE`] where the clock is not the time stamp
    /// counter, which never reads either.
    start: AtomicU64,
    /// How many calls are in progress within that one; all of them if it is not here.
    nested: AtomicUsize,
    /// Calls of futures that began here less those that ended here.
    in_flight_async: AtomicI64,
    untimed: Untimed,
    own: Own,
}

/// What no other thread reads. That it need not be atomic saves instructions: it can be an operand of one in memory.
struct Own {
    /// When the nested calls began.
    nested_starts: RefCell<Vec<u64>>,
    /// The route on which a call [ends shortly](Local::ends_shortly), as its word: `owner` while no call is nested, and
    /// [`NO_OWNER`] otherwise, or if the clock is not the time stamp counter.
    short_route: Cell<u64>,
    /// What a tick of the time stamp counter is worth. A copy of the only one, at hand.
    tsc_scale: TscScale,
    /// The route to the aggregator that `stats` belongs to, as its word; [`NO_OWNER`] without stats.
    owner: Cell<u64>,
    /// Owned by `owned::Owned::stats` of the thread.
    stats: Cell<*const Stats>,
    /// The route to `target`, as its word; [`NO_OWNER`] without one.
    target_route: Cell<u64>,
    /// Owned by `owned::Owned::targets` of the thread.
    target: Cell<*const Target>,
}

// SAFETY: only the thread that a local was made for calls what uses this; others, which find it in `owned::THREADS`, call
// `in_flight` and drop it, when its thread has ended.
unsafe impl Send for Own {}
// SAFETY: as above.
unsafe impl Sync for Own {}

impl Own {
    fn new() -> Self {
        Self {
            nested_starts: RefCell::default(),
            short_route: Cell::new(NO_OWNER),
            tsc_scale: TscScale::get(),
            owner: Cell::new(NO_OWNER),
            stats: Cell::new(ptr::null()),
            target_route: Cell::new(NO_OWNER),
            target: Cell::new(ptr::null()),
        }
    }
}

/// The calls of a sampled function that are not timed. They are in progress without being nested in one another.
struct Untimed {
    /// How many began here.
    begun: AtomicU64,
    /// How many will have begun when the next call is timed; the same as `begun` where all calls are.
    until: AtomicU64,
    /// How many ended here.
    ended: AtomicU64,
    gaps: Gaps,
}

impl Untimed {
    fn new(sample: u32) -> Self {
        let gaps = Gaps::new(sample);
        let until = gaps.draw();
        Self { begun: AtomicU64::new(0), until: AtomicU64::new(until), ended: AtomicU64::new(0), gaps }
    }

    fn in_flight(&self) -> i64 {
        self.begun.load(Ordering::Relaxed).wrapping_sub(self.ended.load(Ordering::Relaxed)).cast_signed()
    }
}

/// The start of a call that is with the nested ones.
const NOT_HERE: u64 = u64::MAX;

/// How many calls may be nested in the outermost one before memory is allocated again.
const NESTED_AT_FIRST: usize = 8;

/// The word of no route.
const NO_OWNER: u64 = u64::MAX;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The clock is the time stamp counter: the common case.
    Fast,
    /// The clock is another one.
    Slow,
    /// The thread is ending and has nothing of its own any more: it belongs to its one call.
    Orphan,
}

impl Local {
    pub(crate) fn new(site: &'static Callsite, kind: Kind) -> Self {
        Self {
            site,
            kind,
            start: AtomicU64::new(if kind == Kind::Fast { 0 } else { NOT_HERE }),
            nested: AtomicUsize::new(0),
            in_flight_async: AtomicI64::new(0),
            untimed: Untimed::new(site.sample()),
            own: Own::new(),
        }
    }

    /// One for a single call on a thread that is ending.
    #[cold]
    pub(crate) fn orphan(site: &'static Callsite) -> Box<Self> {
        inside(|| Box::new(Self::new(site, Kind::Orphan)))
    }

    pub(crate) fn is_orphan(&self) -> bool {
        self.kind == Kind::Orphan
    }

    #[inline(always)]
    pub(crate) fn site(&self) -> &'static Callsite {
        self.site
    }

    #[inline(always)]
    fn start(&self) -> u64 {
        // SAFETY: only this thread begins and ends calls here.
        unsafe { sync::own(&self.start) }
    }

    /// Begins a call, unless it is nested in another or the clock is not the time stamp counter; returns whether it did.
    #[inline(always)]
    pub(crate) fn begin_outermost(&self) -> bool {
        if self.start() != 0 {
            return false;
        }
        self.start.store(clock::tsc(), Ordering::Relaxed);
        true
    }

    /// Whether all that listens on `route` is the aggregator that this thread has its [`stats`](Self::stats) of at hand, and
    /// a call that ends is [the outermost](Self::is_outermost).
    #[inline(always)]
    pub(crate) fn ends_shortly(&self, route: Route) -> bool {
        self.own.short_route.get() == route.word()
    }

    /// Ends the outermost call at `end`, if it is [that](Self::is_outermost) which ends: its duration as [`TscScale::span_ns`] has
    /// it.
    #[inline(always)]
    pub(crate) fn end_outermost(&self, end: u64) -> u64 {
        let duration_ns = self.span_ns(self.start(), end);
        self.start.store(0, Ordering::Relaxed);
        duration_ns
    }

    /// The nanoseconds from one reading of the time stamp counter to another, as [`TscScale::span_ns`] has them.
    #[inline(always)]
    pub(crate) fn span_ns(&self, from: u64, to: u64) -> u64 {
        self.own.tsc_scale.span_ns(from, to)
    }

    /// Begins a call, nested or not; returns whether it did. It does not if it is an allocator's that is called to make room
    /// for another nested call of itself.
    #[inline(always)]
    pub(crate) fn begin(&self) -> bool {
        if self.begin_outermost() {
            return true;
        }
        let Ok(mut starts) = self.own.nested_starts.try_borrow_mut() else { return false };
        if starts.len() == starts.capacity() {
            make_room(&mut starts);
        }
        if self.kind == Kind::Orphan {
            count_orphan(self.site, 1);
        }
        self.nested.store(starts.len() + 1, Ordering::Relaxed);
        self.own.short_route.set(NO_OWNER);
        starts.push(clock::ticks());
        true
    }

    /// Ends the innermost call, nested or not, at `tsc` if that is the clock: the clock's reading, and the call's duration.
    #[inline(always)]
    pub(crate) fn end(&self, tsc: u64) -> (u64, u64) {
        if self.reads_tsc() {
            return (tsc, clock::forward_ns(self.end_by_tsc(tsc)));
        }
        if self.kind == Kind::Orphan {
            count_orphan(self.site, -1);
        }
        let end = clock::reading(tsc);
        let start = self.pop_nested().unwrap_or(end);
        (end, clock::span_ns(start, end))
    }

    /// Ends the innermost call, nested or not, at `end`, where the clock [is the time stamp counter](Self::reads_tsc): its
    /// duration as [`TscScale::span_ns`] has it.
    #[inline(always)]
    pub(crate) fn end_by_tsc(&self, end: u64) -> u64 {
        match self.pop_nested() {
            Some(start) => self.span_ns(start, end),
            None => self.end_outermost(end),
        }
    }

    /// When the innermost of the nested calls began, which is one no more; `None` if no call is nested.
    #[inline(always)]
    fn pop_nested(&self) -> Option<u64> {
        if self.nested.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut starts = self.own.nested_starts.borrow_mut();
        let start = starts.pop();
        self.nested.store(starts.len(), Ordering::Relaxed);
        if starts.is_empty() {
            self.set_short_route();
        }
        start
    }

    /// Whether the clock is the time stamp counter.
    #[inline(always)]
    pub(crate) fn reads_tsc(&self) -> bool {
        self.kind == Kind::Fast
    }

    /// Whether the clock is the time stamp counter, and the innermost call not nested in another.
    #[inline(always)]
    pub(crate) fn is_outermost(&self) -> bool {
        self.reads_tsc() && self.nested.load(Ordering::Relaxed) == 0
    }

    fn set_short_route(&self) {
        let route = if self.is_outermost() { self.own.owner.get() } else { NO_OWNER };
        self.own.short_route.set(route);
    }

    /// Begins a call that is not timed, if the next one is not; returns whether it did.
    #[inline(always)]
    pub(crate) fn begin_untimed(&self) -> bool {
        let begun = self.untimed.begun.load(Ordering::Relaxed);
        if begun == self.untimed.until.load(Ordering::Relaxed) {
            return false;
        }
        self.untimed.begun.store(begun.wrapping_add(1), Ordering::Relaxed);
        true
    }

    /// Ends a call that is not timed. One of a future may have begun on another thread.
    #[inline(always)]
    pub(crate) fn end_untimed(&self) {
        self.untimed.ended.store(self.untimed.ended.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Chooses the next call of a sampled function that is timed, after one was.
    #[cold]
    #[inline(never)]
    pub(crate) fn choose_timed(&self) {
        let gap = self.untimed.gaps.draw();
        self.untimed.until.store(self.untimed.begun.load(Ordering::Relaxed).wrapping_add(gap), Ordering::Relaxed);
    }

    /// Begins the call of a future; returns whether it is timed.
    #[inline(always)]
    pub(crate) fn begin_async(&self) -> bool {
        if self.begin_untimed() {
            return false;
        }
        if self.site.sample() > 1 {
            self.choose_timed();
        }
        self.count_async(1);
        true
    }

    /// Counts a call of a future that begins or ends.
    pub(crate) fn count_async(&self, by: i64) {
        self.in_flight_async.store(self.in_flight_async.load(Ordering::Relaxed) + by, Ordering::Relaxed);
    }

    /// How many calls have begun on this thread and not ended, less those that have ended here only.
    fn in_flight(&self) -> i64 {
        let outermost = i64::from(self.kind == Kind::Fast && self.start.load(Ordering::Relaxed) != 0);
        let nested = i64::try_from(self.nested.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let stacked = nested.saturating_add(outermost);
        stacked.saturating_add(self.in_flight_async.load(Ordering::Relaxed)).saturating_add(self.untimed.in_flight())
    }

    /// Hands the thread's share of the aggregator that is all that `route` leads to, if it is at hand, to `record`; returns
    /// whether it did. To be called by the thread itself.
    #[inline(always)]
    pub(crate) fn with_stats(&self, route: Route, record: impl FnOnce(&Stats)) -> bool {
        if self.own.owner.get() != route.word() {
            return false;
        }
        // SAFETY: the owner is no route's word without stats, and `record` leads nowhere else.
        record(unsafe { self.stats() });
        true
    }

    /// The thread's share of the aggregator that it has at hand.
    ///
    /// # Safety
    ///
    /// The thread is this one's and has an owner of stats at hand, as where a call [ends shortly](Self::ends_shortly). The
    /// reference is not kept while anything runs but what records a call.
    #[inline(always)]
    pub(crate) unsafe fn stats(&self) -> &Stats {
        // SAFETY: an owner is set with stats, after them. They are kept alive by `Owned::stats` of this thread:
        // `forget_dropped_aggregators` clears the owner before it lets go of them, and when `Owned` is dropped, no call is in
        // progress and the table is cleared. Neither can happen while the reference is in use.
        unsafe { &*self.own.stats.get() }
    }

    /// The target that `route` leads to, if it is at hand. To be called by the thread itself, and not from within a
    /// handler.
    #[inline(always)]
    pub(crate) fn target_on(&self, route: Route) -> Option<&Target> {
        if !self.has_target_on(route) {
            return None;
        }
        // SAFETY: no route has the word `NO_OWNER`, and any other is set with a target that `Owned::targets` of this
        // thread keeps alive until `keep_target` puts another in its place here first. That is called by this thread at
        // the end of a call only, and while a handler of this target runs, no end of a call comes this far.
        Some(unsafe { &*self.own.target.get() })
    }

    #[inline(always)]
    pub(crate) fn has_target_on(&self, route: Route) -> bool {
        self.own.target_route.get() == route.word()
    }

    pub(crate) fn set_target(&self, target: &Arc<Target>) {
        self.own.target.set(Arc::as_ptr(target));
        self.own.target_route.set(target.route().word());
    }

    fn set_stats(&self, owner: Route, stats: &Arc<Stats>) {
        self.own.stats.set(Arc::as_ptr(stats));
        self.own.owner.set(owner.word());
        self.set_short_route();
    }

    fn forget_stats(&self) {
        self.own.owner.set(NO_OWNER);
        self.set_short_route();
        self.own.stats.set(ptr::null());
    }
}

/// Makes room for more nested calls.
#[cold]
#[inline(never)]
fn make_room(starts: &mut Vec<u64>) {
    inside(|| starts.reserve(NESTED_AT_FIRST));
}

/// Locks whatever happened to the last holder: nothing here is left half-done by a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn address(site: &Callsite) -> usize {
    ptr::from_ref(site).addr()
}

/// The address under which [`in_flight_by_address`] lists a site.
pub(crate) fn key(site: &Callsite) -> usize {
    address(site)
}
