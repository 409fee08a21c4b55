//! The state that one thread keeps for one call site: its calls in progress, and what it caches.
#![allow(unsafe_code)]

mod cached;
#[cfg(all(test, loom))]
mod model;
mod sample_gaps;
mod untimed;

use self::cached::OwnerOnly;
use self::sample_gaps::SampleGaps;
use self::untimed::Untimed;
use crate::base::clock;
use crate::base::inside;
use crate::base::sync;
use crate::base::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use crate::site::Callsite;

/// The state of one call site on one thread. It stays at its address as long as the thread's state exists.
///
/// Only the owning thread writes. Others read the number of calls in flight.
pub(crate) struct SiteState {
    site: &'static Callsite,
    clock: ClockKind,
    /// The beginning of the outermost call on the stack, as a reading of the time stamp counter. 0 without a call,
    /// [`NOT_INLINE`] if that call is in `OwnerOnly::nested`; the counter never reads either.
    start: AtomicU64,
    /// The number of calls in `OwnerOnly::nested`.
    nested: AtomicUsize,
    /// The number of futures' calls that began on this thread, less those that ended on it.
    in_flight_async: AtomicI64,
    untimed: Untimed,
    owner_only: OwnerOnly,
}

/// A call in progress whose beginning is not in [`SiteState`] itself.
#[derive(Clone, Copy)]
struct Nested {
    start: u64,
    /// See [`SiteState::begin_slow`].
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

/// The `start` of a call that is among the nested ones: the clock is not the time stamp counter, or the outermost call
/// began in a scope.
const NOT_INLINE: u64 = u64::MAX;

/// The number of nested calls for which memory is allocated at once.
const NESTED_AT_FIRST: usize = 8;

/// The clock that times the calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ClockKind {
    /// The time stamp counter: the common case.
    Tsc,
    /// Any other clock.
    Other,
}

impl SiteState {
    pub(super) fn new(site: &'static Callsite, clock: ClockKind) -> Self {
        Self {
            site,
            clock,
            start: AtomicU64::new(if clock == ClockKind::Tsc { 0 } else { NOT_INLINE }),
            nested: AtomicUsize::new(0),
            in_flight_async: AtomicI64::new(0),
            untimed: Untimed::new(site.sample()),
            owner_only: OwnerOnly::new(),
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

    /// Ends the call that is in progress at the reading `end`, which has to be [the outermost](Self::is_outermost).
    /// Returns its duration, as [`TscScale::span_ns`](clock::TscScale::span_ns) does.
    #[inline(always)]
    pub(crate) fn end_outermost(&self, end: u64) -> u64 {
        let duration_ns = self.span_ns(self.start(), end);
        sync::store(&self.start, 0);
        duration_ns
    }

    /// Returns the nanoseconds from one reading of the time stamp counter to another, as
    /// [`TscScale::span_ns`](clock::TscScale::span_ns) does.
    #[inline(always)]
    pub(crate) fn span_ns(&self, from: u64, to: u64) -> u64 {
        self.owner_only.tsc_scale.span_ns(from, to)
    }

    /// Begins a call, nested or not, and returns whether it did. A call of an annotated allocator does not begin if it
    /// makes room for another nested call of the same function.
    #[inline(always)]
    pub(crate) fn begin(&self) -> bool {
        self.begin_outermost() || self.begin_nested(false)
    }

    /// Begins a call that is to end on the slow path, as a nested one: in a scope, whose handler is looked for there,
    /// or on a thread that has borrowed its state for the call.
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
        let Ok(mut nested) = self.owner_only.nested.try_borrow_mut() else { return false };
        if nested.len() == nested.capacity() {
            make_room(&mut nested);
        }
        self.nested.store(nested.len() + 1, Ordering::Relaxed);
        self.owner_only.clear_fast_routes();
        nested.push(Nested { start: clock::ticks(), is_slow });
        true
    }

    /// Ends the innermost call, nested or not. `tsc` is the time stamp counter's reading, which is the end if that is
    /// the clock.
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

    /// Takes out the innermost of the nested calls; `None` if no call is nested.
    #[inline(always)]
    fn pop_nested(&self) -> Option<Nested> {
        if self.nested.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut nested = self.owner_only.nested.borrow_mut();
        let call = nested.pop();
        self.nested.store(nested.len(), Ordering::Relaxed);
        if nested.is_empty() {
            if self.reads_tsc() && self.start() == NOT_INLINE {
                self.start.store(0, Ordering::Relaxed);
            }
            self.set_fast_routes();
        }
        call
    }

    /// Returns whether the clock is the time stamp counter.
    #[inline(always)]
    pub(crate) fn reads_tsc(&self) -> bool {
        self.clock == ClockKind::Tsc
    }

    /// Returns whether the clock is the time stamp counter and no call is nested, so that a call that ends is the one
    /// that `start` is about.
    #[inline(always)]
    pub(crate) fn is_outermost(&self) -> bool {
        self.reads_tsc() && self.nested.load(Ordering::Relaxed) == 0
    }

    /// Counts a call of a future that begins or ends.
    pub(crate) fn count_async(&self, by: i64) {
        self.in_flight_async.store(self.in_flight_async.load(Ordering::Relaxed) + by, Ordering::Relaxed);
    }

    /// Returns whether a call of a function that is no future is in progress.
    pub(super) fn has_calls(&self) -> bool {
        self.nested.load(Ordering::Relaxed) != 0 || !matches!(self.start(), 0 | NOT_INLINE)
    }

    /// Returns the number of calls that have begun on this thread and not ended, less those that have ended here only.
    pub(super) fn in_flight(&self) -> i64 {
        let outermost = i64::from(!matches!(self.start.load(Ordering::Relaxed), 0 | NOT_INLINE));
        let nested = i64::try_from(self.nested.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let stacked = nested.saturating_add(outermost);
        stacked.saturating_add(self.in_flight_async.load(Ordering::Relaxed)).saturating_add(self.untimed.in_flight())
    }
}

/// Ends a call that another clock than the time stamp counter times. `tsc` is that counter's reading.
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
