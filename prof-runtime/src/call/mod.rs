//! A call in progress: the hot path.
//!
//! Only [`enter`] and the test whether a call is measured are inlined into the annotated function; without
//! a handler, nothing else runs. The rest is one function call at either end. These functions are
//!
//! - `#[cold]`, so that the compiler lays the annotated function out for the case without a handler: its body follows
//!   the test, and registers are saved around these calls instead of at the function's beginning;
//! - `extern "C"`, which cannot unwind, so that the annotated function need not clean up behind them. They call the
//!   user's code through [`caught`](crate::base::panics::caught) only.
#![allow(unsafe_code)]

mod early;
mod future;
mod receivers;
mod report;
mod sampled;

use std::fmt;
use std::mem::{self, ManuallyDrop};
use std::ptr::NonNull;

pub use self::early::EarlyCall;
pub(crate) use self::early::{enter_early, enter_early_sampled};
pub use self::future::AsyncCall;
pub(crate) use self::future::enter_async;
use self::receivers::is_for_other_threads;
pub(crate) use self::receivers::{Receivers, receivers};
pub(crate) use self::report::{Report, report, report_scoped, report_slowly};
use self::report::{Timed, Untimed, report_to_cached};
pub use self::sampled::SampledCall;
pub(crate) use self::sampled::enter_sampled;
use crate::base::clock;
use crate::counts::Stats;
use crate::model::Outcome;
use crate::site::{Callsite, Route};
use crate::thread::{self, SiteState};

/// A call in progress on one thread. If it is dropped without being finished, the function unwound.
///
/// It is one word, so that a function without a handler spends one register on it. The start time is in the thread's
/// state of the site, since calls of a function on one thread end in the reverse order of their beginnings.
#[must_use]
pub struct Call(Measured);

/// The site state that counts a measured call; `None` if the call is not measured.
type Measured = Option<NonNull<SiteState>>;

/// Begins a call of an annotated function that leaves by its end, or by unwinding.
#[inline(always)]
pub(crate) fn enter(site: &'static Callsite) -> Call {
    match site.route() {
        Route::OFF => Call(None),
        _ => Call(begin(site)),
    }
}

/// Counts the call, and then reads the clock.
///
/// Here and in [`end`], every uncommon case is a tail call, so that the common case saves no registers for it.
#[cold]
#[inline(never)]
extern "C" fn begin(site: &'static Callsite) -> Measured {
    let Some(site_state) = thread::cached(site) else {
        return begin_slowly(site);
    };
    // SAFETY: a site state stays at its address while its thread can run this.
    match unsafe { site_state.as_ref() }.begin_outermost() {
        true => Some(site_state),
        false => begin_nested(site_state),
    }
}

/// Begins a call that is nested in another of the function, or not timed by the time stamp counter.
#[inline(never)]
extern "C" fn begin_nested(site_state: NonNull<SiteState>) -> Measured {
    // SAFETY: as above.
    unsafe { site_state.as_ref() }.begin_nested(false).then_some(site_state)
}

#[inline(always)]
fn begin_at(site_state: &SiteState) -> Measured {
    site_state.begin().then_some(NonNull::from(site_state))
}

/// Begins a call without a cached site state: the first of its thread, one in a scope, or one whose site state is not
/// in its home slot.
#[inline(never)]
extern "C" fn begin_slowly(site: &'static Callsite) -> Measured {
    match is_for_other_threads(site) {
        true => None,
        false => begin_for_receivers(site),
    }
}

#[inline(never)]
extern "C" fn begin_for_receivers(site: &'static Callsite) -> Measured {
    match receivers(site) {
        Receivers::None => None,
        Receivers::Handlers => begin_with(site, begin_at),
        Receivers::Scope => begin_with(site, |site_state| site_state.begin_slow().then_some(NonNull::from(site_state))),
    }
}

/// Begins a call at this thread's state of the site. Makes the state if the thread has none.
fn begin_with(site: &'static Callsite, begin: fn(&SiteState) -> Measured) -> Measured {
    let measured = thread::find_unparked(site, begin).or_else(|| thread::add(site, begin));
    measured.unwrap_or_else(|| Some(thread::borrow(site)))
}

/// A call in progress, of any kind.
pub trait InProgress {
    /// Finishes the call. `outcome` runs only if the call is measured.
    fn finish(self, outcome: impl FnOnce() -> Outcome);

    /// Whether the call is measured: a handler received calls of the site when it began.
    fn is_measured(&self) -> bool;

    /// Ends the call as if it had not been made, and returns its site if it was measured.
    fn discard(self) -> Option<&'static Callsite>;
}

impl InProgress for Call {
    #[inline(always)]
    fn finish(self, outcome: impl FnOnce() -> Outcome) {
        let call = ManuallyDrop::new(self);
        if let Some(site_state) = call.0 {
            end_with(site_state, outcome());
        }
    }

    #[inline(always)]
    #[allow(clippy::redundant_pattern_matching)] // `is_some` is a call in a build without optimization.
    fn is_measured(&self) -> bool {
        matches!(self.0, Some(_))
    }

    fn discard(self) -> Option<&'static Callsite> {
        let measured = self.0?;
        mem::forget(self);
        // SAFETY: as in `end`.
        let site_state = unsafe { measured.as_ref() };
        site_state.end(clock::tsc());
        thread::end_loan(site_state);
        Some(site_state.site())
    }
}

/// A call in progress on the stack of one thread.
pub trait OnStack: InProgress + Sized {
    /// A call that is not measured.
    const UNMEASURED: Self;

    /// Marks the call as one that began while the thread was unwinding.
    fn mark_unwinding(&mut self);

    /// Removes the mark, if there is one. Only [`leave_early`](Self::leave_early) accepts a marked call.
    fn take_mark_off(&mut self);

    /// Ends the call of a guard that is dropped unfinished: the function returned early, or unwound.
    fn leave_early(&mut self);
}

impl OnStack for Call {
    const UNMEASURED: Self = Self(None);

    #[inline(always)]
    fn mark_unwinding(&mut self) {
        self.0 = early::with_mark(self.0);
    }

    #[inline(always)]
    fn take_mark_off(&mut self) {
        self.0 = early::without_mark(self.0);
    }

    #[inline(always)]
    fn leave_early(&mut self) {
        if let Some(measured) = self.0.take() {
            left_early(measured);
        }
    }
}

#[cold]
#[inline(never)]
extern "C" fn left_early(measured: NonNull<SiteState>) {
    if let (Some(site_state), outcome) = early::left(measured) {
        end_with(site_state, outcome);
    }
}

impl Drop for Call {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(site_state) = self.0 {
            unwound(site_state);
        }
    }
}

#[cold]
#[inline(never)]
extern "C" fn unwound(site_state: NonNull<SiteState>) {
    end(site_state, Outcome::Panic);
}

/// Ends a call. The most frequent outcome has a function of its own.
#[inline(always)]
fn end_with(site_state: NonNull<SiteState>, outcome: Outcome) {
    match outcome {
        Outcome::Success => succeed(site_state),
        outcome => fail(site_state, outcome),
    }
}

#[cold]
#[inline(never)]
extern "C" fn succeed(site_state: NonNull<SiteState>) {
    end(site_state, Outcome::Success);
}

#[cold]
#[inline(never)]
extern "C" fn fail(site_state: NonNull<SiteState>, outcome: Outcome) {
    end(site_state, outcome);
}

/// Reads the clock first, and then reports the call to the handlers of this moment.
#[inline(always)]
fn end(measured: NonNull<SiteState>, outcome: Outcome) {
    let end = clock::tsc();
    // SAFETY: `begin` or `begin_slowly` found it, on this thread since a `Call` is not `Send`. A thread has its state
    // until it ends, or until its outermost call has ended; none of its other calls is left then, as they are on its
    // stack.
    let site_state = unsafe { measured.as_ref() };
    let route = site_state.site().route();
    if !site_state.takes_fast_path(route) {
        return match site_state.takes_fast_path_to_handlers(route) {
            true => end_for_cached_handlers(site_state, outcome, end),
            false => end_slowly(site_state, outcome, end),
        };
    }
    let duration_ns = site_state.end_outermost(end);
    // SAFETY: the state is this thread's, and `takes_fast_path` says that its `stats` are cached.
    record(unsafe { site_state.stats() }, outcome, duration_ns);
}

/// Counts a call that was timed by the time stamp counter.
#[inline(always)]
fn record(stats: &Stats, outcome: Outcome, span_ns: u64) {
    if !stats.record_in_range(outcome, span_ns) {
        stats.record_out_of_range(outcome, clock::forward_ns(span_ns));
    }
}

/// Ends a call for which this thread has the handlers cached.
#[inline(never)]
extern "C" fn end_for_cached_handlers(site_state: &SiteState, outcome: Outcome, tsc: u64) {
    let duration_ns = clock::forward_ns(site_state.end_outermost(tsc));
    report_to_cached(site_state, Timed { outcome, end_ticks: tsc, duration_ns });
}

/// Ends a call that is nested or not timed by the time stamp counter, or whose handlers are not cached.
#[inline(never)]
extern "C" fn end_slowly(site_state: &SiteState, outcome: Outcome, tsc: u64) {
    let call = site_state.end(tsc);
    match site_state.stats_on(site_state.site().route()) {
        Some(stats) if !call.is_slow => stats.record(outcome, call.duration_ns),
        _ => end_for_handlers(site_state, outcome, &call),
    }
}

/// Ends a call that is not for an aggregator alone, or that began in a scope or on a thread that borrowed its state for
/// it.
#[cold]
#[inline(never)]
fn end_for_handlers(site_state: &SiteState, outcome: Outcome, call: &thread::Ended) {
    let timed = Timed { outcome, end_ticks: call.end_ticks, duration_ns: call.duration_ns };
    if call.is_slow {
        report_scoped(site_state.site(), timed);
        thread::end_loan(site_state);
    } else {
        report_to_cached(site_state, timed);
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("is_measured", &self.is_measured()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::aggregate::Aggregator;
    use crate::base::clock::mock;
    use crate::config::scope::scoped;
    use crate::counts::FunctionStats;
    use crate::prof;

    #[prof(name = "call.tests.take")]
    fn take(ticks: u64) {
        mock::set(mock::now() + ticks);
    }

    fn stats(aggregator: &Aggregator) -> FunctionStats {
        aggregator.snapshot().function("call.tests.take").unwrap().clone()
    }

    #[test]
    fn a_duration_is_what_the_clock_says() {
        mock::set(1 << 40);
        let aggregator = Aggregator::new();
        let _scope = scoped(aggregator.clone());
        take(250);
        take(750);
        let stats = stats(&aggregator);
        assert_eq!((stats.total_ns, stats.min_ns, stats.max_ns), (1000, Some(250), Some(750)));
        assert_eq!(stats.mean_ns(), Some(500));
    }

    #[test]
    fn a_clock_at_its_very_start_is_a_clock() {
        mock::set(0);
        let aggregator = Aggregator::new();
        let _scope = scoped(aggregator.clone());
        take(3);
        assert_eq!((stats(&aggregator).success, stats(&aggregator).total_ns), (1, 3));
    }
}
