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
mod sampled;

use std::fmt;
use std::mem::{self, ManuallyDrop};
use std::ptr::NonNull;
use std::sync::Arc;

pub use self::early::EarlyCall;
pub(crate) use self::early::{enter_early, enter_early_sampled};
pub use self::future::AsyncCall;
pub(crate) use self::future::enter_async;
pub use self::sampled::SampledCall;
pub(crate) use self::sampled::enter_sampled;
use crate::base::clock;
use crate::base::{is_inside, is_scoped};
use crate::config::dispatch;
use crate::config::route;
use crate::config::scope;
use crate::counts::{Counts, Stats};
use crate::handler::MetricHandler;
use crate::model::Outcome;
use crate::site::{CallRecord, Callsite, Route, UntimedCall};
use crate::thread::local::{self, Local};

/// A call in progress on one thread. If it is dropped without being finished, the function unwound.
///
/// It is one word, so that it costs a function without a handler no more than one register. The time of the beginning
/// is in the thread's local of the site: on one thread, calls of a function end in the reverse order of their
/// beginning.
#[must_use]
pub struct Call(Measured);

/// Where a measured call is counted; `None` if it is not measured.
type Measured = Option<NonNull<Local>>;

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
    let Some(local) = local::cached(site) else {
        return begin_slowly(site);
    };
    // SAFETY: a thread's local stays where it is for as long as the thread can run this.
    match unsafe { local.as_ref() }.begin_outermost() {
        true => Some(local),
        false => begin_nested(local),
    }
}

/// Begins a call that is nested in another of the function, or not timed by the time stamp counter.
#[inline(never)]
extern "C" fn begin_nested(local: NonNull<Local>) -> Measured {
    // SAFETY: as above.
    unsafe { local.as_ref() }.begin_nested(false).then_some(local)
}

#[inline(always)]
fn begin_at(local: &Local) -> Measured {
    local.begin().then_some(NonNull::from(local))
}

/// Begins a call without a cached local: the first of its thread, one in a scope, or one whose local is not in its home
/// slot.
#[inline(never)]
extern "C" fn begin_slowly(site: &'static Callsite) -> Measured {
    match listening(site) {
        Listening::No => None,
        Listening::Handlers => begin_with(site, begin_at),
        Listening::Scope => begin_with(site, |local| local.begin_slow().then_some(NonNull::from(local))),
    }
}

/// Begins a call at this thread's local, which may have to be made.
fn begin_with(site: &'static Callsite, begin: fn(&Local) -> Measured) -> Measured {
    let measured = local::find_unparked(site, begin).or_else(|| local::add(site, begin));
    measured.unwrap_or_else(|| Some(local::borrow(site)))
}

/// Who listens to a call that begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listening {
    /// No handler.
    No,
    /// The handlers of the site.
    Handlers,
    /// The scoped handler of this thread.
    Scope,
}

/// Which handlers receive a call of `site` that begins on this thread. For calls without a cached local.
#[inline]
pub(crate) fn listening(site: &'static Callsite) -> Listening {
    if is_inside() {
        return Listening::No;
    }
    if site.route_with_slots() == Route::UNRESOLVED {
        route::resolve(site);
    }
    if is_scoped() {
        return Listening::Scope;
    }
    match site.route() {
        Route::OFF | Route::SCOPED_ONLY => Listening::No,
        _ => Listening::Handlers,
    }
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
        if let Some(local) = call.0 {
            end_with(local, outcome());
        }
    }

    #[inline(always)]
    #[allow(clippy::redundant_pattern_matching)] // `is_some` is a call in a build without optimisation.
    fn is_measured(&self) -> bool {
        matches!(self.0, Some(_))
    }

    fn discard(self) -> Option<&'static Callsite> {
        let measured = self.0?;
        mem::forget(self);
        // SAFETY: as in `end`.
        let local = unsafe { measured.as_ref() };
        local.end(clock::tsc());
        local::end_loan(local);
        Some(local.site())
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
extern "C" fn left_early(measured: NonNull<Local>) {
    if let (Some(local), outcome) = early::left(measured) {
        end_with(local, outcome);
    }
}

impl Drop for Call {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(local) = self.0 {
            unwound(local);
        }
    }
}

#[cold]
#[inline(never)]
extern "C" fn unwound(local: NonNull<Local>) {
    end(local, Outcome::Panic);
}

/// Ends a call. The most frequent outcome has a function of its own.
#[inline(always)]
fn end_with(local: NonNull<Local>, outcome: Outcome) {
    match outcome {
        Outcome::Success => succeed(local),
        outcome => fail(local, outcome),
    }
}

#[cold]
#[inline(never)]
extern "C" fn succeed(local: NonNull<Local>) {
    end(local, Outcome::Success);
}

#[cold]
#[inline(never)]
extern "C" fn fail(local: NonNull<Local>, outcome: Outcome) {
    end(local, outcome);
}

/// Reads the clock first, and then reports the call to the handlers of this moment.
#[inline(always)]
fn end(measured: NonNull<Local>, outcome: Outcome) {
    let end = clock::tsc();
    // SAFETY: `begin` or `begin_slowly` found it, on this thread since a `Call` is not `Send`. A thread has its state
    // until it ends, or until its outermost call has ended; none of its other calls is left then, as they are on its
    // stack.
    let local = unsafe { measured.as_ref() };
    let route = local.site().route();
    if !local.ends_shortly(route) {
        return match local.ends_shortly_at_target(route) {
            true => end_at_target(local, outcome, end),
            false => end_slowly(local, outcome, end),
        };
    }
    let duration_ns = local.end_outermost(end);
    // SAFETY: the local is this thread's, and `ends_shortly` says that its `stats` are cached.
    record(unsafe { local.stats() }, outcome, duration_ns);
}

/// Counts a call that was timed by the time stamp counter.
#[inline(always)]
fn record(stats: &Stats, outcome: Outcome, span_ns: u64) {
    if !stats.record_usual(outcome, span_ns) {
        stats.record_unusual(outcome, clock::forward_ns(span_ns));
    }
}

/// Ends a call for which this thread has the handlers cached.
#[inline(never)]
extern "C" fn end_at_target(local: &Local, outcome: Outcome, tsc: u64) {
    let duration_ns = clock::forward_ns(local.end_outermost(tsc));
    report_at_target(local, Timed { outcome, end_ticks: tsc, duration_ns });
}

/// Ends a call that is nested, or not timed by the time stamp counter, or has nothing cached.
#[inline(never)]
extern "C" fn end_slowly(local: &Local, outcome: Outcome, tsc: u64) {
    let call = local.end(tsc);
    match local.stats_on(local.site().route()) {
        Some(stats) if !call.is_slow => stats.record(outcome, call.duration_ns),
        _ => end_elsewhere(local, outcome, &call),
    }
}

/// Ends a call that is not for an aggregator alone, or that began in a scope or on a thread that borrowed its state for
/// it.
#[cold]
#[inline(never)]
fn end_elsewhere(local: &Local, outcome: Outcome, call: &local::Ended) {
    let timed = Timed { outcome, end_ticks: call.end_ticks, duration_ns: call.duration_ns };
    if call.is_slow {
        report_scoped(local.site(), timed);
        local::end_loan(local);
    } else {
        report_at_target(local, timed);
    }
}

/// A call that has ended, with or without a duration, or the change of an instrument, as it is reported.
pub(crate) trait Report: Copy {
    /// Counts the call on a thread's share of an aggregator.
    fn count(self, stats: &Stats);

    /// Counts the call on this thread's share of an aggregator, which may have to be made.
    fn count_by(self, counts: &Arc<Counts>, site: &'static Callsite);

    /// Hands the call to a handler.
    fn give(self, handler: &dyn MetricHandler, site: &'static Callsite);
}

#[derive(Clone, Copy)]
struct Timed {
    outcome: Outcome,
    end_ticks: u64,
    duration_ns: u64,
}

impl Report for Timed {
    #[inline(always)]
    fn count(self, stats: &Stats) {
        stats.record(self.outcome, self.duration_ns);
    }

    fn count_by(self, counts: &Arc<Counts>, site: &'static Callsite) {
        local::record(counts, site, self.outcome, Some(self.duration_ns));
    }

    #[inline(always)]
    fn give(self, handler: &dyn MetricHandler, site: &'static Callsite) {
        handler.record_call(&CallRecord::at(site, self.outcome, self.end_ticks, self.duration_ns));
    }
}

#[derive(Clone, Copy)]
struct Untimed(Outcome);

impl Report for Untimed {
    #[inline(always)]
    fn count(self, stats: &Stats) {
        stats.count(self.0);
    }

    fn count_by(self, counts: &Arc<Counts>, site: &'static Callsite) {
        local::record(counts, site, self.0, None);
    }

    #[inline(always)]
    fn give(self, handler: &dyn MetricHandler, site: &'static Callsite) {
        handler.record_untimed_call(&UntimedCall::new(site, self.0));
    }
}

/// Reports a call to the aggregator or target that this thread has cached, else to the handlers of the site.
#[inline(always)]
pub(crate) fn report(local: &Local, call: impl Report) {
    match local.stats_on(local.site().route()) {
        Some(stats) => call.count(stats),
        None => report_at_target(local, call),
    }
}

/// Reports a call to the target that this thread has cached, else to the handlers of the site.
#[inline(always)]
fn report_at_target(local: &Local, call: impl Report) {
    let site = local.site();
    let Some(target) = local.target_on(site.route()) else { return report_slowly(site, call) };
    for counts in target.aggregators() {
        match local.stats_of(counts.route()) {
            Some(stats) => call.count(stats),
            None => call.count_by(counts, site),
        }
    }
    if target.has_others() {
        dispatch::handlers(target, |handler| call.give(handler, site));
    }
}

/// Reports a call to this thread's scoped handler, if it has one by now.
#[cold]
#[inline(never)]
pub(crate) fn report_scoped(site: &'static Callsite, call: impl Report) {
    match scope::current() {
        Some(scoped) => dispatch::to(&scoped, |handler| call.give(handler, site)),
        None => report_slowly(site, call),
    }
}

/// Reports a call to the handlers of its site, and caches them for this thread.
#[cold]
#[inline(never)]
pub(crate) fn report_slowly(site: &'static Callsite, call: impl Report) {
    let target = route::target_of(site);
    // Aggregators first: they run no user code.
    target.aggregators().iter().for_each(|counts| call.count_by(counts, site));
    dispatch::handlers(&target, |handler| call.give(handler, site));
    if target.has_others() || target.aggregators().len() > 1 {
        local::keep_target(site, target);
    } else if target.route() == Route::OFF {
        // No handler is left: the next call is not to be measured.
        local::park(site);
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
