//! A call of a future, which may begin and end on different threads.
#![allow(unsafe_code)]

use std::fmt;
use std::thread::panicking;

use super::{
    InProgress, Receivers, Report, Timed, Untimed, is_for_other_threads, receivers, record, report, report_scoped,
    sampled,
};
use crate::base::clock;
use crate::base::is_scoped;
use crate::model::Outcome;
use crate::site::{Callsite, Route};
use crate::thread::{self, SiteState};

/// A call of a future in progress, which may end on another thread. If it is dropped without being finished, the future
/// was cancelled or unwound.
#[must_use]
#[repr(C)]
pub struct AsyncCall {
    /// `None` if it is not measured.
    site: Option<&'static Callsite>,
    /// The clock's reading, or [`UNTIMED`].
    start: u64,
    /// Whether a drop while the thread unwinds means that the call unwound.
    drop_may_unwind: bool,
}

/// The `start` of a call that is not timed. No clock reads this value.
const UNTIMED: u64 = u64::MAX;

/// Begins the call of an `async fn`, at its first poll.
#[inline(always)]
pub(crate) fn enter_async(site: &'static Callsite) -> AsyncCall {
    match site.route() {
        Route::OFF => AsyncCall::UNMEASURED,
        _ => begin_async(site),
    }
}

#[inline(never)]
extern "C" fn begin_async(site: &'static Callsite) -> AsyncCall {
    match cached(site) {
        Some(site_state) if site.sample() == 1 && site_state.reads_tsc() => {
            site_state.count_async(1);
            let drop_may_unwind = !panicking();
            AsyncCall { site: Some(site), drop_may_unwind, start: clock::tsc() }
        }
        Some(site_state) => begin_async_at(site_state),
        None => begin_async_slowly(site),
    }
}

/// Begins a call at its site state: one of a sampled function, or one that another clock times.
#[inline(never)]
extern "C" fn begin_async_at(site_state: &SiteState) -> AsyncCall {
    AsyncCall::begun(site_state.site(), site_state.begin_async())
}

/// Begins a call that is the first of its thread, or in a scope, or whose site state is not in its home slot.
#[inline(never)]
extern "C" fn begin_async_slowly(site: &'static Callsite) -> AsyncCall {
    match is_for_other_threads(site) {
        true => AsyncCall::UNMEASURED,
        false => begin_async_for_receivers(site),
    }
}

#[inline(never)]
extern "C" fn begin_async_for_receivers(site: &'static Callsite) -> AsyncCall {
    if receivers(site) == Receivers::None {
        return AsyncCall::UNMEASURED;
    }
    // Unparks the site: a handler receives its calls, so the next one takes the fast path.
    let begun = thread::find_unparked(site, SiteState::begin_async);
    AsyncCall::begun(site, begun.unwrap_or_else(|| count(site, SiteState::begin_async)))
}

/// Returns this thread's state of `site`, if it is [cached](thread::cached).
#[inline(always)]
fn cached<'a>(site: &'static Callsite) -> Option<&'a SiteState> {
    // SAFETY: a site state stays at its address while its thread can run this, and no caller keeps the reference for
    // longer.
    thread::cached(site).map(|site_state| unsafe { site_state.as_ref() })
}

/// Counts by `by` a call that begins or ends on this thread. The thread's number of calls in flight is negative after a
/// call that began on another thread has ended on this one.
fn count<R>(site: &'static Callsite, by: impl Fn(&SiteState) -> R) -> R {
    let counted = thread::find(site, |site_state| site_state.map(&by)).or_else(|| thread::add(site, &by));
    counted.unwrap_or_else(|| thread::with_own_or_borrowed(site, &by))
}

/// Counts a call that ends on this thread.
fn count_end(site_state: &SiteState, start: u64) {
    match start {
        UNTIMED => site_state.end_untimed(),
        _ => site_state.count_async(-1),
    }
}

impl AsyncCall {
    /// A call that has not begun.
    pub(crate) const UNMEASURED: Self = Self { site: None, start: 0, drop_may_unwind: false };

    /// A call that begins now.
    fn begun(site: &'static Callsite, is_timed: bool) -> Self {
        let drop_may_unwind = !panicking();
        Self { site: Some(site), drop_may_unwind, start: if is_timed { clock::ticks() } else { UNTIMED } }
    }

    /// Sets whether the future is being polled. A drop while the thread unwinds means that the call unwound only if it
    /// is.
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
    #[allow(clippy::redundant_pattern_matching)] // `is_some` is a call in a build without optimization.
    fn is_measured(&self) -> bool {
        matches!(self.site, Some(_))
    }

    fn discard(mut self) -> Option<&'static Callsite> {
        let start = self.start;
        let site = self.site.take()?;
        count(site, |site_state| count_end(site_state, start));
        Some(site)
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

#[cold]
#[inline(never)]
extern "C" fn dropped(site: &'static Callsite, start: u64, may_unwind: bool) {
    let unwinds = may_unwind && panicking();
    end_async(site, start, if unwinds { Outcome::Panic } else { Outcome::Cancelled });
}

#[inline(never)]
extern "C" fn end_async(site: &'static Callsite, start: u64, outcome: Outcome) {
    if start == UNTIMED {
        return end_untimed(site, outcome);
    }
    let end = clock::tsc();
    match cached(site) {
        Some(site_state) if site_state.takes_fast_path(site.route()) => {
            site_state.count_async(-1);
            // SAFETY: the state is that of this thread, and the call takes the fast path.
            record(unsafe { site_state.stats() }, outcome, site_state.span_ns(start, end));
        }
        Some(site_state) => end_async_to_handlers(site_state, outcome, start, end),
        None => end_async_elsewhere(site, outcome, start, end),
    }
}

/// Ends a call that is for other handlers than the cached aggregator.
#[inline(never)]
extern "C" fn end_async_to_handlers(site_state: &SiteState, outcome: Outcome, start: u64, end: u64) {
    site_state.count_async(-1);
    let call = match site_state.reads_tsc() {
        true => Timed { outcome, end_ticks: end, duration_ns: clock::forward_ns(site_state.span_ns(start, end)) },
        false => timed(outcome, start, end),
    };
    report(site_state, call);
}

/// Ends a call without a cached site state: no call of the site began on this thread, the thread has a scoped handler,
/// or the site state is not in its home slot.
#[inline(never)]
extern "C" fn end_async_elsewhere(site: &'static Callsite, outcome: Outcome, start: u64, end: u64) {
    let call = timed(outcome, start, end);
    count(site, |site_state| site_state.count_async(-1));
    report_found(site, call);
}

#[inline(never)]
fn timed(outcome: Outcome, start: u64, end: u64) -> Timed {
    let end_ticks = clock::reading(end);
    Timed { outcome, end_ticks, duration_ns: clock::span_ns(start, end_ticks) }
}

/// Reports a call to this thread's scoped handler, else to the handlers of the site.
fn report_found(site: &'static Callsite, call: impl Report) {
    thread::find(site, |site_state| match site_state {
        Some(site_state) if !is_scoped() => report(site_state, call),
        _ => report_scoped(site, call),
    });
}

/// Ends a call that was not timed.
#[inline(never)]
extern "C" fn end_untimed(site: &'static Callsite, outcome: Outcome) {
    if let Some(site_state) = cached(site) {
        return sampled::end_untimed(site_state, outcome);
    }
    count(site, SiteState::end_untimed);
    report_found(site, Untimed(outcome));
}

impl fmt::Debug for AsyncCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncCall").field("site", &self.site).finish_non_exhaustive()
    }
}
