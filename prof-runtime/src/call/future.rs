//! A call of a future, which may begin and end on different threads.
#![allow(unsafe_code)]

use std::fmt;
use std::thread::panicking;

use super::{Ended, InProgress, record, report, report_local, report_untimed, sampled};
use crate::callsite::Callsite;
use crate::clock;
use crate::local::{self, Local};
use crate::outcome::Outcome;
use crate::record::CallRecord;
use crate::route::{self, Route};

/// A call of a future in progress, which may end on another thread. Dropped without being finished, it was cancelled, or
/// unwound.
#[must_use]
#[repr(C)]
pub struct AsyncCall {
    /// `None` if it is not measured.
    site: Option<&'static Callsite>,
    /// The clock's reading, or [`UNTIMED`].
    start: u64,
    /// A drop means that the call unwound if the thread unwinds.
    drop_may_unwind: bool,
}

/// What no clock reads: the start of a call that is not timed.
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
    match at_hand(site) {
        Some(local) if site.sample() == 1 && local.reads_tsc() => {
            local.count_async(1);
            let drop_may_unwind = !panicking();
            AsyncCall { site: Some(site), drop_may_unwind, start: clock::tsc() }
        }
        Some(local) => begin_async_at(local),
        None => begin_async_slowly(site),
    }
}

/// Begins a call of which nothing is known but where it is counted.
#[inline(never)]
extern "C" fn begin_async_at(local: &Local) -> AsyncCall {
    AsyncCall::begun(local.site(), local.begin_async())
}

/// Begins a call that is the first of its thread, or whose local is not where it is looked for first.
#[inline(never)]
extern "C" fn begin_async_slowly(site: &'static Callsite) -> AsyncCall {
    if local::is_inside() || (site.route() == Route::UNRESOLVED && route::resolve(site) == Route::OFF) {
        return AsyncCall::UNMEASURED;
    }
    AsyncCall::begun(site, count(site, Local::begin_async, 1).unwrap_or(true))
}

/// What this thread keeps for `site`, if that is where it is looked for first.
#[inline(always)]
fn at_hand<'a>(site: &'static Callsite) -> Option<&'a Local> {
    // SAFETY: what this thread keeps stays in its place for as long as the thread can run this, and no one in here keeps
    // the reference for longer.
    local::at_hand(site).map(|local| unsafe { local.as_ref() })
}

/// Has this thread count a call that begins or ends here, by `by`; one that began elsewhere takes its count below zero.
/// `None` if the thread is ending, and its calls are counted elsewhere.
fn count<R>(site: &'static Callsite, here: impl Fn(&Local) -> R, by: i64) -> Option<R> {
    let counted = local::find(site, |local| local.map(&here)).or_else(|| local::add(site, &here));
    if counted.is_none() {
        local::count_orphan(site, by);
    }
    counted
}

/// Counts a call that ends on this thread.
fn count_end(local: &Local, start: u64) {
    match start {
        UNTIMED => local.end_untimed(),
        _ => local.count_async(-1),
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
        let start = self.start;
        let site = self.site.take()?;
        count(site, |local| count_end(local, start), -1);
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
    match at_hand(site) {
        Some(local) if local.ends_shortly(site.route()) => {
            local.count_async(-1);
            // SAFETY: the local is that of this thread, and the call ends shortly.
            record(unsafe { local.stats() }, outcome, local.span_ns(start, end));
        }
        Some(local) => end_async_to_handlers(local, outcome, start, end),
        None => end_async_elsewhere(site, outcome, start, end),
    }
}

/// Ends a call when it is not for the aggregator whose numbers this thread has at hand.
#[inline(never)]
extern "C" fn end_async_to_handlers(local: &Local, outcome: Outcome, start: u64, end: u64) {
    local.count_async(-1);
    let end = clock::reading(end);
    report_local(local, outcome, end, clock::span_ns(start, end));
}

/// Ends a call on a thread on which none began, or whose local is not where it is looked for first.
#[inline(never)]
extern "C" fn end_async_elsewhere(site: &'static Callsite, outcome: Outcome, start: u64, end: u64) {
    let end = clock::reading(end);
    count(site, |local| local.count_async(-1), -1);
    report(&Ended::Timed(CallRecord::at(site, outcome, end, clock::span_ns(start, end))));
}

/// Ends a call that was not timed.
#[inline(never)]
extern "C" fn end_untimed(site: &'static Callsite, outcome: Outcome) {
    if let Some(local) = at_hand(site) {
        return sampled::end_untimed(local, outcome);
    }
    count(site, Local::end_untimed, -1);
    report_untimed(site, outcome);
}

impl fmt::Debug for AsyncCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncCall").field("site", &self.site).finish_non_exhaustive()
    }
}
