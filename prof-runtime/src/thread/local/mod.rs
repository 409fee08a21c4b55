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
mod handlers;
mod here;
#[cfg(all(test, loom))]
mod model;
mod record;
mod state;

use std::cell::RefCell;
use std::ptr;
use std::sync::Arc;

pub(crate) use self::gaps::Gaps;
pub(crate) use self::handlers::Handlers;
pub(crate) use self::here::{cached, find, find_unparked, park};
pub(crate) use self::record::{record, record_by};
pub(crate) use self::state::{
    Held, add, borrow, end_loan, for_each_share, hold, in_flight_by_address, keep_target, with_any,
};
use crate::base::clock::{self, TscScale};
use crate::base::inside;
use crate::base::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use crate::base::sync::{self, OwnerCell};
use crate::counts::Stats;
use crate::site::{Callsite, Route};

/// What one thread keeps for one call site. It stays in its place until the thread ends.
///
/// Everything in it is written by its thread only. Others read how many calls are in flight.
pub(crate) struct Local {
    site: &'static Callsite,
    kind: Kind,
    /// When the outermost call on the stack began, 0 while there is none; [`NOT_INLINE`] while it is one of the nested
    /// ones. The time stamp counter never reads either.
    start: AtomicU64,
    /// How many calls are in progress within that one; all of them if it is not inline.
    nested: AtomicUsize,
    /// Calls of futures that began here less those that ended here.
    in_flight_async: AtomicI64,
    untimed: Untimed,
    own: Own,
}

/// What no other thread reads. That it need not be atomic saves instructions: it can be an operand of one in memory.
struct Own {
    /// The calls in progress that are not inline, the innermost last.
    nested: RefCell<Vec<Nested>>,
    /// The route on which a call [ends shortly](Local::ends_shortly), as its word: `owner` while no call is nested, and
    /// [`NO_OWNER`] otherwise, or if the clock is not the time stamp counter.
    short_route: OwnerCell<u64>,
    /// The same for the target: `target_route`, or [`NO_OWNER`].
    short_target_route: OwnerCell<u64>,
    /// What a tick of the time stamp counter is worth. A copy of the only one.
    tsc_scale: TscScale,
    /// The route to the aggregator that `stats` belongs to, as its word; [`NO_OWNER`] without stats.
    owner: OwnerCell<u64>,
    /// One of `all_stats`.
    stats: OwnerCell<*const Stats>,
    /// The thread's share of every aggregator in turn, as a list through [`Stats::next`]; owned by
    /// `state::Parts::stats`.
    all_stats: OwnerCell<*const Stats>,
    /// The route to `target`, as its word; [`NO_OWNER`] without one.
    target_route: OwnerCell<u64>,
    /// Owned by `state::ThreadState::targets`.
    target: OwnerCell<*const Handlers>,
}

// SAFETY: only the thread that has the state which the local is in calls what uses this; others, which find it in
// `state::ALL`, call `in_flight`.
unsafe impl Send for Own {}
// SAFETY: as above.
unsafe impl Sync for Own {}

impl Own {
    fn new() -> Self {
        Self {
            nested: RefCell::default(),
            short_route: OwnerCell::new(NO_OWNER),
            short_target_route: OwnerCell::new(NO_OWNER),
            tsc_scale: TscScale::get(),
            owner: OwnerCell::new(NO_OWNER),
            stats: OwnerCell::new(ptr::null()),
            all_stats: OwnerCell::new(ptr::null()),
            target_route: OwnerCell::new(NO_OWNER),
            target: OwnerCell::new(ptr::null()),
        }
    }
}

/// A call in progress that is not inline.
#[derive(Clone, Copy)]
struct Nested {
    start: u64,
    /// See [`Local::begin_slow`].
    is_slow: bool,
}

/// A call that has ended.
#[derive(Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) end_ticks: u64,
    pub(crate) duration_ns: u64,
    /// The call began in a scope, or on a thread that borrowed its state for it.
    pub(crate) is_slow: bool,
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

/// The start of a call that is with the nested ones: the clock is not the time stamp counter, or the outermost call
/// began in a scope.
const NOT_INLINE: u64 = u64::MAX;

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
}

impl Local {
    pub(crate) fn new(site: &'static Callsite, kind: Kind) -> Self {
        Self {
            site,
            kind,
            start: AtomicU64::new(if kind == Kind::Fast { 0 } else { NOT_INLINE }),
            nested: AtomicUsize::new(0),
            in_flight_async: AtomicI64::new(0),
            untimed: Untimed::new(site.sample()),
            own: Own::new(),
        }
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

    /// Begins a call, unless it is nested in another or the clock is not the time stamp counter; returns whether it
    /// did.
    #[inline(always)]
    pub(crate) fn begin_outermost(&self) -> bool {
        if self.start() != 0 {
            return false;
        }
        sync::store(&self.start, clock::tsc());
        true
    }

    /// Whether the only handler on `route` is the aggregator of which this thread has its [`stats`](Self::stats)
    /// cached, and a call that ends is [the outermost](Self::is_outermost).
    #[inline(always)]
    pub(crate) fn ends_shortly(&self, route: Route) -> bool {
        self.own.short_route.get() == route.word()
    }

    /// Whether the handlers on `route` are cached, and a call that ends is [the outermost](Self::is_outermost).
    #[inline(always)]
    pub(crate) fn ends_shortly_at_target(&self, route: Route) -> bool {
        self.own.short_target_route.get() == route.word()
    }

    /// Ends the outermost call at `end`, if it is [that](Self::is_outermost) which ends: its duration as
    /// [`TscScale::span_ns`] has it.
    #[inline(always)]
    pub(crate) fn end_outermost(&self, end: u64) -> u64 {
        let duration_ns = self.span_ns(self.start(), end);
        sync::store(&self.start, 0);
        duration_ns
    }

    /// The nanoseconds from one reading of the time stamp counter to another, as [`TscScale::span_ns`] has them.
    #[inline(always)]
    pub(crate) fn span_ns(&self, from: u64, to: u64) -> u64 {
        self.own.tsc_scale.span_ns(from, to)
    }

    /// Begins a call, nested or not; returns whether it did. It does not if it is an allocator's that is called to make
    /// room for another nested call of itself.
    #[inline(always)]
    pub(crate) fn begin(&self) -> bool {
        self.begin_outermost() || self.begin_nested(false)
    }

    /// Begins a call as a nested one, so that its end takes the slow path: on a thread that has a scoped handler, which
    /// is looked for there, or for which the thread has borrowed its state.
    pub(crate) fn begin_slow(&self) -> bool {
        let is_outermost = self.start() == 0;
        let is_begun = self.begin_nested(true);
        if is_outermost && is_begun {
            self.start.store(NOT_INLINE, Ordering::Relaxed);
        }
        is_begun
    }

    /// Begins a call as a nested one, which may be [slow](Self::begin_slow).
    pub(crate) fn begin_nested(&self, is_slow: bool) -> bool {
        let Ok(mut nested) = self.own.nested.try_borrow_mut() else { return false };
        if nested.len() == nested.capacity() {
            make_room(&mut nested);
        }
        self.nested.store(nested.len() + 1, Ordering::Relaxed);
        self.own.short_route.set(NO_OWNER);
        self.own.short_target_route.set(NO_OWNER);
        nested.push(Nested { start: clock::ticks(), is_slow });
        true
    }

    /// Ends the innermost call, nested or not, at `tsc` if that is the clock.
    #[inline(always)]
    pub(crate) fn end(&self, tsc: u64) -> Ended {
        let call = self.pop_nested();
        let is_slow = call.is_some_and(|call| call.is_slow);
        if self.reads_tsc() {
            let span_ns = match call {
                Some(call) => self.span_ns(call.start, tsc),
                None => self.end_outermost(tsc),
            };
            return Ended { end_ticks: tsc, duration_ns: clock::forward_ns(span_ns), is_slow };
        }
        end_by_other_clock(tsc, call)
    }

    /// Takes the innermost of the nested calls, which is one no more; `None` if no call is nested.
    #[inline(always)]
    fn pop_nested(&self) -> Option<Nested> {
        if self.nested.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut nested = self.own.nested.borrow_mut();
        let call = nested.pop();
        self.nested.store(nested.len(), Ordering::Relaxed);
        if nested.is_empty() {
            if self.reads_tsc() && self.start() == NOT_INLINE {
                self.start.store(0, Ordering::Relaxed);
            }
            self.set_short_routes();
        }
        call
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

    fn set_short_routes(&self) {
        let own = &self.own;
        let (route, target_route) = match self.is_outermost() {
            true => (own.owner.get(), own.target_route.get()),
            false => (NO_OWNER, NO_OWNER),
        };
        own.short_route.set(route);
        own.short_target_route.set(target_route);
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

    /// Whether a call of a function that is no future is in progress.
    fn has_calls(&self) -> bool {
        self.nested.load(Ordering::Relaxed) != 0 || !matches!(self.start(), 0 | NOT_INLINE)
    }

    /// How many calls have begun on this thread and not ended, less those that have ended here only.
    fn in_flight(&self) -> i64 {
        let outermost = i64::from(!matches!(self.start.load(Ordering::Relaxed), 0 | NOT_INLINE));
        let nested = i64::try_from(self.nested.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let stacked = nested.saturating_add(outermost);
        stacked.saturating_add(self.in_flight_async.load(Ordering::Relaxed)).saturating_add(self.untimed.in_flight())
    }

    /// The thread's share of the aggregator that `route` leads to, if it is cached. To be called by the thread itself.
    #[inline(always)]
    pub(crate) fn stats_on(&self, route: Route) -> Option<&Stats> {
        if self.own.owner.get() != route.word() {
            return None;
        }
        // SAFETY: the owner is no route's word without stats.
        Some(unsafe { self.stats() })
    }

    /// The thread's share of the aggregator that is cached.
    ///
    /// # Safety
    ///
    /// The thread is this one's and has an owner of stats cached, as where a call [ends shortly](Self::ends_shortly).
    /// The reference is not kept while anything runs but what records a call.
    #[inline(always)]
    pub(crate) unsafe fn stats(&self) -> &Stats {
        // SAFETY: an owner is set with stats, after them. They are kept alive by `Parts::stats` of the state that this
        // is in: `forget_dropped_aggregators` clears the owner before it lets go of them, and when a state is freed, no
        // call is in progress and no table leads to it. Neither can happen while the reference is in use.
        unsafe { &*self.own.stats.get() }
    }

    /// The thread's share of any aggregator, cached or not, if there is one. To be called by the thread itself.
    #[inline]
    pub(crate) fn stats_of(&self, aggregator: Route) -> Option<&Stats> {
        let mut next = self.own.all_stats.get();
        // SAFETY: as in `stats`: what `forget_dropped_aggregators` lets go of it has taken out of the list before.
        while let Some(stats) = unsafe { next.as_ref() } {
            if stats.aggregator_route() == aggregator {
                return Some(stats);
            }
            next = stats.next();
        }
        None
    }

    /// The target that `route` leads to, if it is cached. To be called by the thread itself, and not from within a
    /// handler.
    #[inline(always)]
    pub(crate) fn target_on(&self, route: Route) -> Option<&Handlers> {
        if self.own.target_route.get() != route.word() {
            return None;
        }
        // SAFETY: no route has the word `NO_OWNER`, and any other is set with a target that `ThreadState::targets`
        // keeps alive until `keep_target` puts another in its place here first. That is called by this thread at
        // the end of a call only, and while a handler of this target runs, no end of a call comes this far.
        Some(unsafe { &*self.own.target.get() })
    }

    fn forget_target(&self) {
        self.own.target_route.set(NO_OWNER);
        self.set_short_routes();
    }

    pub(crate) fn set_target(&self, target: &Arc<Handlers>) {
        self.own.target.set(Arc::as_ptr(target));
        self.own.target_route.set(target.route().word());
        self.set_short_routes();
    }

    /// Adds the thread's share of an aggregator.
    fn add_stats(&self, stats: &Arc<Stats>) {
        stats.set_next(self.own.all_stats.get());
        self.own.all_stats.set(Arc::as_ptr(stats));
    }

    /// Caches the thread's share of the aggregator that is all that `route` leads to, if there is one.
    pub(crate) fn cache_stats(&self, route: Route) {
        if let Some(stats) = self.stats_of(route) {
            self.own.stats.set(stats);
            self.own.owner.set(route.word());
            self.set_short_routes();
        }
    }

    /// Takes the shares of aggregators that are gone out of the list.
    fn forget_stats(&self, is_gone: impl Fn(&Stats) -> bool) {
        self.own.owner.set(NO_OWNER);
        self.own.stats.set(ptr::null());
        self.set_short_routes();
        let mut kept = ptr::null();
        let mut next = self.own.all_stats.get();
        // SAFETY: as in `stats_of`.
        while let Some(stats) = unsafe { next.as_ref() } {
            next = stats.next();
            if !is_gone(stats) {
                stats.set_next(kept);
                kept = stats;
            }
        }
        self.own.all_stats.set(kept);
    }
}

/// Ends a call of which the clock was not the time stamp counter; `tsc` is that counter's reading.
#[cold]
#[inline(never)]
fn end_by_other_clock(tsc: u64, call: Option<Nested>) -> Ended {
    let end_ticks = clock::reading(tsc);
    let start = call.map_or(end_ticks, |call| call.start);
    let is_slow = call.is_some_and(|call| call.is_slow);
    Ended { end_ticks, duration_ns: clock::span_ns(start, end_ticks), is_slow }
}

/// Makes room for more nested calls.
#[cold]
#[inline(never)]
fn make_room(nested: &mut Vec<Nested>) {
    inside(|| nested.reserve(NESTED_AT_FIRST));
}
