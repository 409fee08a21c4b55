//! A call in progress: the hot path.
//!
//! Only [`enter`] and the test whether a call is measured are inlined into the annotated function; with nothing
//! listening, that is all that runs. The rest is one function call at either end.
#![allow(unsafe_code)]

use std::fmt;
use std::mem;
use std::ptr::NonNull;
use std::thread::panicking;

use crate::callsite::Callsite;
use crate::clock;
use crate::dispatch;
use crate::local::{self, Local};
use crate::outcome::Outcome;
use crate::record::CallRecord;
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
#[inline(never)]
fn begin(site: &'static Callsite) -> Measured {
    let Some(local) = local::at_hand(site) else {
        return begin_slowly(site);
    };
    // SAFETY: what this thread keeps stays in its place for as long as the thread can run this.
    let is_begun = unsafe { local.as_ref() }.begin_shallow();
    match is_begun {
        true => Some(local),
        false => begin_slowly(site),
    }
}

#[inline(never)]
fn begin_slowly(site: &'static Callsite) -> Measured {
    let begin_at = |local: &Local| {
        local.begin();
        NonNull::from(local)
    };
    if let Some(local) = local::find(site, |local| local.map(begin_at)) {
        return Some(local);
    }
    if local::is_inside() || route::resolve(site) == Route::OFF {
        return None;
    }
    Some(local::add(site, begin_at).unwrap_or_else(|| begin_orphan(site)))
}

/// Begins a call on a thread that is ending: with a local of its own, which `take` frees again.
#[cold]
fn begin_orphan(site: &'static Callsite) -> NonNull<Local> {
    let orphan = Local::orphan(site);
    orphan.begin();
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
        if let Some(local) = self.0 {
            end_with(local, outcome());
        }
        mem::forget(self);
    }

    #[inline(always)]
    fn is_measured(&self) -> bool {
        self.0.is_some()
    }

    fn discard(self) -> Option<&'static Callsite> {
        let measured = self.0?;
        mem::forget(self);
        take(measured, |local| {
            local.end();
            Some(local.site())
        })
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
fn unwound(local: NonNull<Local>) {
    end_slowly(local, Outcome::Panic);
}

/// Ends a call, by a function for the outcome that most calls have.
#[inline(always)]
fn end_with(local: NonNull<Local>, outcome: Outcome) {
    match outcome {
        Outcome::Success => succeed(local),
        outcome => fail(local, outcome),
    }
}

#[inline(never)]
fn succeed(local: NonNull<Local>) {
    end(local, Outcome::Success);
}

#[inline(never)]
fn fail(local: NonNull<Local>, outcome: Outcome) {
    end(local, outcome);
}

/// Reads the clock, first, and reports the call to whoever listens by now.
#[inline(always)]
fn end(measured: NonNull<Local>, outcome: Outcome) {
    // SAFETY: as in `take`; an orphan never ends shallowly, so that this one is there to stay.
    let local = unsafe { measured.as_ref() };
    match local.end_shallow() {
        Some((end_ticks, duration_ns)) => report_local(local, outcome, end_ticks, duration_ns),
        None => end_slowly(measured, outcome),
    }
}

#[inline(never)]
fn end_slowly(measured: NonNull<Local>, outcome: Outcome) {
    take(measured, |local| {
        let (end_ticks, duration_ns) = local.end();
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
        drop(unsafe { Box::from_raw(measured.as_ptr()) });
    }
    result
}

#[inline(always)]
fn report_local(local: &Local, outcome: Outcome, end_ticks: u64, duration_ns: u64) {
    let site = local.site();
    if !local.with_stats(site.route(), |stats| stats.record(outcome, duration_ns)) {
        report_to_handlers(local, outcome, end_ticks, duration_ns);
    }
}

/// Reports a call when it is not for the aggregator whose numbers this thread has at hand.
#[inline(never)]
fn report_to_handlers(local: &Local, outcome: Outcome, end_ticks: u64, duration_ns: u64) {
    let site = local.site();
    match local.target_on(site.route()) {
        Some(target) => dispatch::call_to(target, &CallRecord::at(site, outcome, end_ticks, duration_ns)),
        None => report(site, outcome, end_ticks, duration_ns),
    }
}

/// Reports a call to whoever listens, and has this thread keep at hand who that is.
#[cold]
#[inline(never)]
fn report(site: &'static Callsite, outcome: Outcome, end_ticks: u64, duration_ns: u64) {
    let route = site.route();
    let record = CallRecord::at(site, outcome, end_ticks, duration_ns);
    // The handlers may have changed since the route was read, in which case they decide.
    match site.target() {
        _ if route == Route::OFF => {}
        Some(target) if route != Route::SCOPED => {
            if let Some(aggregator) = target.aggregator(target.route()) {
                aggregator.record(site, outcome, duration_ns);
            } else if !local::is_inside() {
                dispatch::call_to(&target, &record);
                local::keep_target(site, target);
            }
        }
        _ => dispatch::call(&record),
    }
}

/// A call of a function that may return early, what it returns then being no failure, or not to be seen. Dropped without
/// being finished, it returned, or unwound.
#[must_use]
pub struct EarlyCall {
    call: mem::ManuallyDrop<Call>,
    /// The thread was unwinding when the function was called.
    began_unwinding: bool,
}

/// Begins a call of an annotated function whose early returns cannot be looked into.
#[inline(always)]
pub(crate) fn enter_early(site: &'static Callsite) -> EarlyCall {
    let call = enter(site);
    let began_unwinding = call.is_measured() && panicking();
    EarlyCall { call: mem::ManuallyDrop::new(call), began_unwinding }
}

impl InProgress for EarlyCall {
    #[inline(always)]
    fn finish(self, outcome: impl FnOnce() -> Outcome) {
        if let Some(local) = self.call.0 {
            end_with(local, outcome());
        }
        mem::forget(self);
    }

    #[inline(always)]
    fn is_measured(&self) -> bool {
        self.call.is_measured()
    }

    fn discard(self) -> Option<&'static Callsite> {
        let mut early = mem::ManuallyDrop::new(self);
        mem::replace(&mut *early.call, Call(None)).discard()
    }
}

impl Drop for EarlyCall {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(local) = self.call.0 {
            left_early(local, self.began_unwinding);
        }
    }
}

/// On a thread that was unwinding already, the function runs in a destructor. It can only be told to have returned: a
/// panic in there would have to be caught before it left the destructor.
#[inline(never)]
fn left_early(local: NonNull<Local>, began_unwinding: bool) {
    let unwinds = panicking() && !began_unwinding;
    end_with(local, if unwinds { Outcome::Panic } else { Outcome::Success });
}

/// A call of a future in progress, which may end on another thread. Dropped without being finished, it was cancelled, or
/// unwound.
#[must_use]
pub struct AsyncCall {
    /// `None` if it is not measured.
    site: Option<&'static Callsite>,
    start: u64,
    /// A drop means that the call unwound if the thread unwinds.
    drop_may_unwind: bool,
}

/// Begins the call of an `async fn`, at its first poll.
#[inline(always)]
pub(crate) fn enter_async(site: &'static Callsite) -> AsyncCall {
    match site.route() {
        Route::OFF => AsyncCall::UNMEASURED,
        _ => begin_async(site),
    }
}

#[inline(never)]
fn begin_async(site: &'static Callsite) -> AsyncCall {
    if site.route() == Route::UNRESOLVED && (local::is_inside() || route::resolve(site) == Route::OFF) {
        return AsyncCall::UNMEASURED;
    }
    count_async(site, 1);
    AsyncCall { site: Some(site), drop_may_unwind: !panicking(), start: clock::ticks() }
}

/// Counts a call that begins or ends on this thread; one that began elsewhere takes this thread's count below zero.
fn count_async(site: &'static Callsite, by: i64) {
    let count = |local: &Local| local.count_async(by);
    let counted = local::find(site, |local| local.map(count)).or_else(|| local::add(site, count));
    if counted.is_none() {
        local::count_orphan(site, by);
    }
}

impl AsyncCall {
    /// A call that has not begun.
    pub(crate) const UNMEASURED: Self = Self { site: None, start: 0, drop_may_unwind: false };

    /// Says whether the future is being polled, so that a drop need not be judged by whether the thread unwinds.
    #[inline(always)]
    pub(crate) fn set_polled(&mut self, is_polled: bool) {
        self.drop_may_unwind = is_polled;
    }
}

impl InProgress for AsyncCall {
    #[inline(always)]
    fn finish(mut self, outcome: impl FnOnce() -> Outcome) {
        if let Some(site) = self.site.take() {
            end_async(site, self.start, outcome());
        }
    }

    #[inline(always)]
    fn is_measured(&self) -> bool {
        self.site.is_some()
    }

    fn discard(mut self) -> Option<&'static Callsite> {
        self.site.take().inspect(|site| count_async(site, -1))
    }
}

impl Drop for AsyncCall {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(site) = self.site {
            dropped(site, self.start, self.drop_may_unwind);
        }
    }
}

#[inline(never)]
fn dropped(site: &'static Callsite, start: u64, may_unwind: bool) {
    let unwinds = may_unwind && panicking();
    end_async(site, start, if unwinds { Outcome::Panic } else { Outcome::Cancelled });
}

#[inline(never)]
fn end_async(site: &'static Callsite, start: u64, outcome: Outcome) {
    let end_ticks = clock::ticks();
    let duration_ns = clock::span_ns(start, end_ticks);
    let report_here = |local: &Local| {
        local.count_async(-1);
        report_local(local, outcome, end_ticks, duration_ns);
    };
    if local::find(site, |local| local.map(report_here)).is_none() {
        count_async(site, -1);
        report(site, outcome, end_ticks, duration_ns);
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("is_measured", &self.is_measured()).finish_non_exhaustive()
    }
}

impl fmt::Debug for EarlyCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarlyCall").field("call", &self.call).finish_non_exhaustive()
    }
}

impl fmt::Debug for AsyncCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncCall").field("site", &self.site).finish_non_exhaustive()
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
