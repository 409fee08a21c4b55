//! A call in progress: the hot path.
//!
//! Only [`enter`] and the test whether a call is measured are inlined into the annotated function; with nothing
//! listening, that is all that runs. The rest is one function call at either end. These functions are
//!
//! - `#[cold]`, so that the annotated function is laid out for the case that no one listens: its body follows the test, and
//!   registers are saved where the calls are and not at its beginning, if they have to be saved for nothing else;
//! - `extern "C"`, which cannot unwind, so that the annotated function need not clean up behind them. They call the user's
//!   code through [`caught`](crate::panics::caught) only.
#![allow(unsafe_code)]

mod early;
mod future;
mod sampled;

use std::fmt;
use std::mem;
use std::ptr::NonNull;

pub use self::early::EarlyCall;
pub(crate) use self::early::{enter_early, enter_early_sampled};
pub use self::future::AsyncCall;
pub(crate) use self::future::enter_async;
pub use self::sampled::SampledCall;
pub(crate) use self::sampled::enter_sampled;
use crate::aggregator::Stats;
use crate::callsite::Callsite;
use crate::clock;
use crate::dispatch;
use crate::handler::MetricHandler;
use crate::local::{self, Local};
use crate::outcome::Outcome;
use crate::record::{CallRecord, UntimedCall};
use crate::route::{self, Route};

/// A call in progress on one thread. Dropped without being finished, it unwound.
///
/// It is one word, so that a function that no one listens to has one register less for its own use, and no more. The
/// clock's reading is with what the thread keeps for the site: calls of a function on one thread end in the reverse order.
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

/// Counts the call and reads the clock, last.
///
/// Here and in [`end`], everything that is not the common case is a call in tail position, so that the common case need
/// not save registers for it.
#[cold]
#[inline(never)]
extern "C" fn begin(site: &'static Callsite) -> Measured {
    let Some(local) = local::at_hand(site) else {
        return begin_slowly(site);
    };
    // SAFETY: what this thread keeps stays in its place for as long as the thread can run this.
    match unsafe { local.as_ref() }.begin_outermost() {
        true => Some(local),
        false => begin_nested(local),
    }
}

/// Begins a call that is nested in another of the function, or not timed by the time stamp counter.
#[inline(never)]
extern "C" fn begin_nested(local: NonNull<Local>) -> Measured {
    // SAFETY: as above.
    begin_at(unsafe { local.as_ref() })
}

#[inline(always)]
fn begin_at(local: &Local) -> Measured {
    local.begin().then_some(NonNull::from(local))
}

/// Begins a call that is the first of its thread, or whose local is not where it is looked for first.
#[inline(never)]
extern "C" fn begin_slowly(site: &'static Callsite) -> Measured {
    if local::is_inside() {
        return None;
    }
    match local::find(site, |local| local.map(begin_at)) {
        Some(measured) => measured,
        None if route::resolve(site) == Route::OFF => None,
        None => local::add(site, begin_at).unwrap_or_else(|| Some(begin_orphan(site))),
    }
}

/// Begins a call on a thread that is ending: with a local of its own, which `take` frees again.
#[cold]
fn begin_orphan(site: &'static Callsite) -> NonNull<Local> {
    let orphan = Local::orphan(site);
    // Nothing else nests calls in it.
    let is_begun = orphan.begin();
    debug_assert!(is_begun, "an orphan is made for one call");
    // From the box and not from a reference into it, since only the former may free it.
    NonNull::from(Box::leak(orphan))
}

/// A call in progress, of any kind.
pub trait InProgress {
    /// Finishes the call; `outcome` is only asked for if anyone listens.
    fn finish(self, outcome: impl FnOnce() -> Outcome);

    /// Whether anyone listened when the call began.
    fn is_measured(&self) -> bool;

    /// Ends the call as if it had not been made, and returns its site if it was measured.
    fn discard(self) -> Option<&'static Callsite>;
}

impl InProgress for Call {
    #[inline(always)]
    fn finish(self, outcome: impl FnOnce() -> Outcome) {
        let measured = self.0;
        mem::forget(self);
        if let Some(local) = measured {
            end_with(local, outcome());
        }
    }

    #[inline(always)]
    fn is_measured(&self) -> bool {
        self.0.is_some()
    }

    fn discard(self) -> Option<&'static Callsite> {
        let measured = self.0?;
        mem::forget(self);
        take(measured, |local| {
            local.end(clock::tsc());
            Some(local.site())
        })
    }
}

/// A call in progress on the stack of one thread.
pub trait OnStack: InProgress + Sized {
    /// A call that no one listens to.
    const UNMEASURED: Self;

    /// Takes the call out of a guard that is dropped without having been finished, and ends it: it returned early, or
    /// unwound. The thread was unwinding when the function was called if `began_unwinding`.
    fn leave_early(&mut self, began_unwinding: bool);
}

impl OnStack for Call {
    const UNMEASURED: Self = Self(None);

    #[inline(always)]
    fn leave_early(&mut self, began_unwinding: bool) {
        if let Some(local) = self.0.take() {
            left_early(local, began_unwinding);
        }
    }
}

#[cold]
#[inline(never)]
extern "C" fn left_early(local: NonNull<Local>, began_unwinding: bool) {
    end_with(local, early::outcome(began_unwinding));
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

/// Ends a call, by a function for the outcome that most calls have.
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

/// Reads the clock, first, and reports the call to whoever listens by now.
#[inline(always)]
fn end(measured: NonNull<Local>, outcome: Outcome) {
    let end = clock::tsc();
    // SAFETY: as in `take`; an orphan never ends shortly, so that this one is there to stay.
    let local = unsafe { measured.as_ref() };
    let route = local.site().route();
    if !local.ends_shortly(route) {
        return match local.has_target_on(route) {
            true => end_to_handlers(measured, outcome, end),
            false => end_nested(measured, outcome, end),
        };
    }
    let duration_ns = local.end_outermost(end);
    // SAFETY: the local is that of this thread, and the call ends shortly.
    record(unsafe { local.stats() }, outcome, duration_ns);
}

/// Counts a call of which the clock was the time stamp counter.
#[inline(always)]
fn record(stats: &Stats, outcome: Outcome, span_ns: u64) {
    if !stats.record_usual(outcome, span_ns) {
        stats.record_unusual(outcome, clock::forward_ns(span_ns));
    }
}

/// Ends a call for which this thread has handlers at hand.
#[inline(never)]
extern "C" fn end_to_handlers(measured: NonNull<Local>, outcome: Outcome, end: u64) {
    // SAFETY: as in `take`; an orphan has nothing at hand.
    let local = unsafe { measured.as_ref() };
    let (end_ticks, duration_ns) = local.end(end);
    report_local(local, outcome, end_ticks, duration_ns);
}

/// Ends a call that is nested in another of the function, or of which who listens changes at this moment.
#[inline(never)]
extern "C" fn end_nested(measured: NonNull<Local>, outcome: Outcome, end: u64) {
    // SAFETY: as in `take`; an orphan has nothing at hand.
    let local = unsafe { measured.as_ref() };
    let count = |stats: &Stats| record(stats, outcome, local.end_by_tsc(end));
    if !(local.reads_tsc() && local.with_stats(local.site().route(), count)) {
        end_slowly(measured, outcome, end);
    }
}

/// Ends a call that this thread has nothing at hand for, or of which the clock is not the time stamp counter.
#[inline(never)]
extern "C" fn end_slowly(measured: NonNull<Local>, outcome: Outcome, end: u64) {
    take(measured, |local| {
        let (end_ticks, duration_ns) = local.end(end);
        report_local(local, outcome, end_ticks, duration_ns);
    });
}

/// Hands out the local of a call that ends. That of an orphan ends with it.
fn take<R>(measured: NonNull<Local>, f: impl FnOnce(&Local) -> R) -> R {
    // SAFETY: `begin` or `begin_slowly` made it, on this thread since a `Call` is not `Send`, and it is taken once per
    // call. A thread keeps its locals until it drops what it owns; none of its calls is left then, as they are on its
    // stack, or in destructors that run before or after that one. An orphan belongs to its call.
    let local = unsafe { measured.as_ref() };
    let result = f(local);
    if local.is_orphan() {
        // SAFETY: it was leaked from a box when the call began, and the call is its only holder.
        let orphan = unsafe { Box::from_raw(measured.as_ptr()) };
        // Not as one more call of an orphan, if what frees memory is annotated.
        local::inside(|| drop(orphan));
    }
    result
}

/// Reports a call to the aggregator or the target that this thread has at hand, or to whom it finds.
#[inline(always)]
fn report_local(local: &Local, outcome: Outcome, end_ticks: u64, duration_ns: u64) {
    let site = local.site();
    let route = site.route();
    if local.with_stats(route, |stats| stats.record(outcome, duration_ns)) {
        return;
    }
    let record = CallRecord::at(site, outcome, end_ticks, duration_ns);
    match local.target_on(route) {
        Some(target) => dispatch::call_to(target, |handler| handler.record_call(&record)),
        None => report(&Ended::Timed(record)),
    }
}

/// Reports a call that was not timed when it is not for the aggregator whose numbers this thread has at hand.
#[inline(never)]
extern "C" fn report_untimed(site: &'static Callsite, outcome: Outcome) {
    report(&Ended::Untimed(UntimedCall::new(site, outcome)));
}

/// A call that has ended.
enum Ended {
    Timed(CallRecord<'static>),
    Untimed(UntimedCall<'static>),
}

impl Ended {
    fn site(&self) -> &'static Callsite {
        match self {
            Self::Timed(call) => call.callsite(),
            Self::Untimed(call) => call.callsite(),
        }
    }

    fn give(&self, handler: &dyn MetricHandler) {
        match self {
            Self::Timed(call) => handler.record_call(call),
            Self::Untimed(call) => handler.record_untimed_call(call),
        }
    }
}

/// Reports a call to whoever listens, and has this thread keep at hand who that is.
#[cold]
#[inline(never)]
fn report(call: &Ended) {
    let site = call.site();
    let route = site.route();
    // The handlers may have changed since the route was read, in which case they decide.
    match site.target() {
        _ if route == Route::OFF => {}
        Some(target) if route != Route::SCOPED => {
            if let Some(aggregator) = target.aggregator(target.route()) {
                call.give(aggregator);
            } else if !local::is_inside() {
                dispatch::call_to(&target, |handler| call.give(handler));
                local::keep_target(site, target);
            }
        }
        _ => dispatch::call(site, |handler| call.give(handler)),
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("is_measured", &self.is_measured()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::aggregator::{Aggregator, FunctionStats};
    use crate::clock::mock;
    use crate::prof;
    use crate::scope::scoped;

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
