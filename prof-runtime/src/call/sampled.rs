//! A call of a function of which only some calls are timed: `#[prof(sample = N)]`.
//!
//! The thread draws the next timed call in advance (see `SampleGaps`). The calls before it neither read the clock nor
//! touch the histogram, but are counted like all others.
#![allow(unsafe_code)]

use std::fmt;
use std::mem;
use std::ptr::NonNull;

use super::{
    InProgress, Measured, OnStack, Receivers, Untimed, begin_at, begin_with, early, end, is_for_other_threads,
    receivers, report, report_scoped,
};
use crate::model::Outcome;
use crate::site::{Callsite, Route};
use crate::thread::{self, SiteState};

/// A call in progress of a sampled function. If it is dropped without being finished, the function unwound.
///
/// A tagged pointer. The tag is `UNTIMED` if the call is not timed, and `UNTIMED_SCOPED` if it also began in a scope.
#[must_use]
pub struct SampledCall(Measured);

const UNTIMED: usize = 1;
const UNTIMED_SCOPED: usize = 2;

const _: () = assert!(align_of::<SiteState>() > UNTIMED | UNTIMED_SCOPED);

/// Begins a call of an annotated function that leaves by its end, or by unwinding.
///
/// The path of calls that are not timed is inlined into the annotated function: it is shorter than a function call.
#[inline(always)]
pub(crate) fn enter_sampled(site: &'static Callsite) -> SampledCall {
    if site.route() == Route::OFF {
        return SampledCall(None);
    }
    SampledCall(match thread::cached(site) {
        // SAFETY: what this thread keeps stays in its place for as long as the thread can run this.
        Some(site_state) if unsafe { site_state.as_ref() }.begin_untimed() => Some(tagged(site_state, UNTIMED)),
        Some(site_state) => begin_timed(site_state),
        None => begin_slowly(site),
    })
}

/// Begins a call that is timed.
#[cold]
#[inline(never)]
extern "C" fn begin_timed(site_state: NonNull<SiteState>) -> Measured {
    // SAFETY: as above.
    let site_state = unsafe { site_state.as_ref() };
    // Before the clock is read.
    site_state.choose_timed();
    begin_at(site_state)
}

/// Begins a call that is the first of its thread, or in a scope, or whose site state is not in its home slot.
///
/// What a thread calls in its last destructors, where it keeps nothing anymore, is timed.
#[cold]
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
        Receivers::Handlers => begin_with(site, |site_state| match site_state.begin_untimed() {
            true => Some(tagged(NonNull::from(site_state), UNTIMED)),
            false => begin_timed(NonNull::from(site_state)),
        }),
        Receivers::Scope => begin_with(site, |site_state| {
            if site_state.begin_untimed() {
                return Some(tagged(NonNull::from(site_state), UNTIMED_SCOPED));
            }
            site_state.choose_timed();
            site_state.begin_slow().then_some(NonNull::from(site_state))
        }),
    }
}

#[inline(always)]
fn tagged(site_state: NonNull<SiteState>, tag: usize) -> NonNull<SiteState> {
    // SAFETY: the next bytes are in the state.
    unsafe { site_state.byte_add(tag) }
}

/// The state of a site with a call that is not timed and began outside of scopes.
#[inline(always)]
fn untimed(measured: NonNull<SiteState>) -> Option<NonNull<SiteState>> {
    // SAFETY: it was tagged when the call began.
    (measured.addr().get() & UNTIMED != 0).then(|| unsafe { measured.byte_sub(UNTIMED) })
}

/// The state of a site with a call that is not timed.
fn untimed_anywhere(measured: NonNull<SiteState>) -> Option<NonNull<SiteState>> {
    let tag = measured.addr().get() & (UNTIMED | UNTIMED_SCOPED);
    // SAFETY: as above.
    (tag != 0).then(|| unsafe { measured.byte_sub(tag) })
}

/// Ends a call that is timed, or that began in a scope.
#[cold]
#[inline(never)]
extern "C" fn end_timed(measured: NonNull<SiteState>, outcome: Outcome) {
    match untimed_anywhere(measured) {
        // SAFETY: what this thread keeps stays in its place for as long as the thread can run this.
        Some(site_state) => end_untimed_slowly(unsafe { site_state.as_ref() }, outcome, true),
        None => end(measured, outcome),
    }
}

/// Ends a call that was not finished.
#[cold]
#[inline(never)]
extern "C" fn fail(measured: NonNull<SiteState>, outcome: Outcome) {
    match untimed(measured) {
        // SAFETY: as above.
        Some(site_state) => end_untimed(unsafe { site_state.as_ref() }, outcome),
        None => end_timed(measured, outcome),
    }
}

#[cold]
#[inline(never)]
extern "C" fn left_early(measured: NonNull<SiteState>) {
    if let (Some(measured), outcome) = early::left(measured) {
        fail(measured, outcome);
    }
}

/// Ends a call that was not timed and began outside of scopes.
#[inline(always)]
pub(super) fn end_untimed(site_state: &SiteState, outcome: Outcome) {
    match site_state.stats_on(site_state.site().route()) {
        Some(stats) => {
            site_state.end_untimed();
            stats.count(outcome);
        }
        None => end_untimed_slowly(site_state, outcome, false),
    }
}

/// Ends a call that was not timed, for several handlers or for one that is no aggregator.
#[cold]
#[inline(never)]
extern "C" fn end_untimed_slowly(site_state: &SiteState, outcome: Outcome, may_be_scoped: bool) {
    site_state.end_untimed();
    match may_be_scoped {
        false => report(site_state, Untimed(outcome)),
        true => report_scoped(site_state.site(), Untimed(outcome)),
    }
}

impl InProgress for SampledCall {
    #[inline(always)]
    fn finish(self, outcome: impl FnOnce() -> Outcome) {
        let measured = self.0;
        mem::forget(self);
        if let Some(measured) = measured {
            match untimed(measured) {
                // SAFETY: what this thread keeps stays in its place for as long as the thread can run this.
                Some(site_state) => end_untimed(unsafe { site_state.as_ref() }, outcome()),
                None => end_timed(measured, outcome()),
            }
        }
    }

    #[inline(always)]
    #[allow(clippy::redundant_pattern_matching)] // `is_some` is a call in a build without optimization.
    fn is_measured(&self) -> bool {
        matches!(self.0, Some(_))
    }

    fn discard(self) -> Option<&'static Callsite> {
        let measured = self.0;
        mem::forget(self);
        let measured = measured?;
        match untimed_anywhere(measured) {
            Some(site_state) => {
                // SAFETY: as above.
                let site_state = unsafe { site_state.as_ref() };
                site_state.end_untimed();
                Some(site_state.site())
            }
            None => super::Call(Some(measured)).discard(),
        }
    }
}

impl OnStack for SampledCall {
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

impl Drop for SampledCall {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(measured) = self.0 {
            fail(measured, Outcome::Panic);
        }
    }
}

impl fmt::Debug for SampledCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SampledCall").field("is_measured", &self.is_measured()).finish_non_exhaustive()
    }
}
