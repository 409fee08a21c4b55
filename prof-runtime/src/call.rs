//! A call in progress: the hot path.
//!
//! Only [`enter`] and the test whether a call is measured are inlined into the annotated function; with nothing
//! listening, that is all that runs. The rest is one function call at either end.
#![allow(unsafe_code)]

use std::fmt;
use std::mem;
use std::ptr;
use std::thread::panicking;

use crate::callsite::Callsite;
use crate::clock;
use crate::dispatch;
use crate::local::{self, Local};
use crate::outcome::Outcome;
use crate::route::{self, Route};

/// A call in progress on one thread. Dropped without being finished, it unwound.
#[must_use]
pub struct Call {
    measured: Measured,
    start: u64,
}

/// Whether a call is measured, and where it is counted in flight: null if it is not measured; a [`Local`] of this
/// thread; or, with [`ORPHAN`] added, its [`Callsite`], if the thread has nothing of its own any more.
type Measured = *const u8;

/// Tells the address of a call site from that of a local; both have their lowest bit clear.
const ORPHAN: usize = 1;

const _: () = assert!(align_of::<Local>() > ORPHAN && align_of::<Callsite>() > ORPHAN);

const UNMEASURED: Call = Call { measured: ptr::null(), start: 0 };

/// Begins a call of an annotated function that leaves by its end, or by unwinding.
#[inline(always)]
pub fn enter(site: &'static Callsite) -> Call {
    match site.route() {
        Route::OFF => UNMEASURED,
        _ => begin(site),
    }
}

/// Counts the call and reads the clock, last.
#[inline(never)]
fn begin(site: &'static Callsite) -> Call {
    let measured: Measured = local::find(site, |local| {
        let Some(local) = local else { return begin_first(site) };
        local.count_in_flight(1);
        ptr::from_ref(local).cast()
    });
    // A site that is not measured for once reads the clock in vain.
    Call { measured, start: clock::ticks() }
}

/// Begins the first call of a function on a thread.
#[cold]
#[inline(never)]
fn begin_first(site: &'static Callsite) -> Measured {
    if local::is_inside() || route::resolve(site) == Route::OFF {
        return ptr::null();
    }
    let counted = |local: &Local| {
        local.count_in_flight(1);
        ptr::from_ref(local).cast()
    };
    local::add(site, counted).unwrap_or_else(|| {
        local::count_orphan(site, 1);
        ptr::from_ref(site).cast::<u8>().wrapping_add(ORPHAN)
    })
}

/// A call in progress, of any kind.
pub trait InProgress {
    /// Finishes the call; `outcome` is only asked for if anyone listens.
    fn finish(self, outcome: impl FnOnce() -> Outcome);
}

impl InProgress for Call {
    #[inline(always)]
    fn finish(self, outcome: impl FnOnce() -> Outcome) {
        if self.is_measured() {
            self.end(outcome());
        }
        mem::forget(self);
    }
}

impl Call {
    #[inline(always)]
    pub(crate) fn is_measured(&self) -> bool {
        !self.measured.is_null()
    }

    /// Reports a measured call. To be called once.
    #[inline(always)]
    fn end(&self, outcome: Outcome) {
        end(self.measured, self.start, outcome);
    }

    /// Ends the call as if it had not been made, and returns its site if it was measured.
    pub(crate) fn discard(self) -> Option<&'static Callsite> {
        let measured = self.measured;
        mem::forget(self);
        if measured.is_null() {
            return None;
        }
        // SAFETY: a measured call was made by `begin`, on this thread since a `Call` is not `Send`, and it is not used
        // any more.
        match unsafe { place(measured) } {
            Ok(local) => {
                local.count_in_flight(-1);
                Some(local.site())
            }
            Err(site) => {
                local::count_orphan(site, -1);
                Some(site)
            }
        }
    }
}

/// # Safety
///
/// `measured` was made by [`begin`], on this thread, for a call that has not ended, and is not null.
#[inline(always)]
unsafe fn place<'a>(measured: Measured) -> Result<&'a Local, &'static Callsite> {
    if measured.addr() & ORPHAN == 0 {
        // SAFETY: a local stays in its place until its thread drops what it owns, which it does when none of its
        // calls is left: they are on its stack, or in destructors that run before or after that one.
        Ok(unsafe { &*measured.cast::<Local>() })
    } else {
        // SAFETY: this is the address of a `&'static Callsite`, and `ORPHAN` more.
        Err(unsafe { &*measured.wrapping_sub(ORPHAN).cast::<Callsite>() })
    }
}

/// Reads the clock, first, and reports the call to whoever listens by now.
#[inline(never)]
fn end(measured: Measured, start: u64, outcome: Outcome) {
    let end_ticks = clock::ticks();
    let duration_ns = clock::span_ns(start, end_ticks);
    // SAFETY: `Call::end` is the only caller: the call was made by `begin`, is measured, and has not ended. A `Call` is
    // not `Send`, so that this is the thread that made it.
    match unsafe { place(measured) } {
        Ok(local) => {
            local.count_in_flight(-1);
            report_local(local, outcome, end_ticks, duration_ns);
        }
        Err(site) => {
            local::count_orphan(site, -1);
            report(site, outcome, end_ticks, duration_ns);
        }
    }
}

#[inline(always)]
fn report_local(local: &Local, outcome: Outcome, end_ticks: u64, duration_ns: u64) {
    match local.stats_on(local.site().route()) {
        Some(stats) => stats.record(outcome, duration_ns),
        None => report(local.site(), outcome, end_ticks, duration_ns),
    }
}

/// Reports a call to whoever listens, when that is more than the aggregator whose numbers this thread has at hand.
#[inline(never)]
fn report(site: &'static Callsite, outcome: Outcome, end_ticks: u64, duration_ns: u64) {
    let route = site.route();
    if route == Route::OFF {
        return;
    }
    if route.is_aggregator()
        && let Some(aggregator) = site.target().as_ref().and_then(|target| target.aggregator(route))
    {
        return aggregator.record(site, outcome, duration_ns);
    }
    // The handlers may have changed since the route was read, in which case they decide.
    dispatch::call(site, outcome, end_ticks, duration_ns);
}

impl Drop for Call {
    #[inline(always)]
    fn drop(&mut self) {
        if self.is_measured() {
            unwound(self.measured, self.start);
        }
    }
}

#[cold]
#[inline(never)]
fn unwound(measured: Measured, start: u64) {
    end(measured, start, Outcome::Panic);
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
pub fn enter_early(site: &'static Callsite) -> EarlyCall {
    let call = enter(site);
    let began_unwinding = call.is_measured() && panicking();
    EarlyCall { call: mem::ManuallyDrop::new(call), began_unwinding }
}

impl InProgress for EarlyCall {
    #[inline(always)]
    fn finish(self, outcome: impl FnOnce() -> Outcome) {
        if self.call.is_measured() {
            self.call.end(outcome());
        }
        mem::forget(self);
    }
}

impl Drop for EarlyCall {
    #[inline(always)]
    fn drop(&mut self) {
        if self.call.is_measured() {
            left_early(self);
        }
    }
}

/// On a thread that was unwinding already, the function runs in a destructor. It can only be told to have returned: a
/// panic in there would have to be caught before it left the destructor.
#[inline(never)]
fn left_early(early: &EarlyCall) {
    let unwinds = panicking() && !early.began_unwinding;
    early.call.end(if unwinds { Outcome::Panic } else { Outcome::Success });
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
pub fn enter_async(site: &'static Callsite) -> AsyncCall {
    match site.route() {
        Route::OFF => AsyncCall::UNMEASURED,
        _ => begin_async(site),
    }
}

#[inline(never)]
fn begin_async(site: &'static Callsite) -> AsyncCall {
    let call = begin(site);
    let site = call.is_measured().then_some(site);
    let start = call.start;
    // It stays counted in flight: a call may end on another thread, whose count then goes below zero.
    mem::forget(call);
    AsyncCall { site, start, drop_may_unwind: !panicking() }
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
        local.count_in_flight(-1);
        report_local(local, outcome, end_ticks, duration_ns);
    };
    let reported = local::find(site, |local| local.map(report_here));
    if reported.is_none() && local::add(site, report_here).is_none() {
        local::count_orphan(site, -1);
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
