//! A call of a function of which only some calls are timed: `#[prof(sample = N)]`.
//!
//! Which ones is drawn ahead by the thread (see [`Gaps`](crate::thread::local::Gaps)): the calls in between neither
//! read the clock nor touch the histogram, but are counted like all others.
#![allow(unsafe_code)]

use std::fmt;
use std::mem;
use std::ptr::NonNull;

use super::{
    InProgress, Listening, Measured, OnStack, Untimed, begin_at, begin_with, early, end, listening, report,
    report_scoped,
};
use crate::model::Outcome;
use crate::site::{Callsite, Route};
use crate::thread::local::{self, Local};

/// A call in progress, of which the guard knows whether it is timed. Dropped without being finished, it unwound.
///
/// A tagged pointer: `UNTIMED` is added where the call is not timed, `UNTIMED_SCOPED` where it also began in a scope.
#[must_use]
pub struct SampledCall(Measured);

const UNTIMED: usize = 1;
const UNTIMED_SCOPED: usize = 2;

const _: () = assert!(align_of::<Local>() > UNTIMED | UNTIMED_SCOPED);

/// Begins a call of an annotated function that leaves by its end, or by unwinding.
///
/// Unlike for functions of which every call is timed, what most calls do is inlined into the function: it is short, and
/// to call a function for it would take longer.
#[inline(always)]
pub(crate) fn enter_sampled(site: &'static Callsite) -> SampledCall {
    if site.route() == Route::OFF {
        return SampledCall(None);
    }
    SampledCall(match local::cached(site) {
        // SAFETY: what this thread keeps stays in its place for as long as the thread can run this.
        Some(local) if unsafe { local.as_ref() }.begin_untimed() => Some(tagged(local, UNTIMED)),
        Some(local) => begin_timed(local),
        None => begin_slowly(site),
    })
}

/// Begins a call that is timed.
#[cold]
#[inline(never)]
extern "C" fn begin_timed(local: NonNull<Local>) -> Measured {
    // SAFETY: as above.
    let local = unsafe { local.as_ref() };
    // Before the clock is read.
    local.choose_timed();
    begin_at(local)
}

/// Begins a call that is the first of its thread, or in a scope, or whose local is not in its home slot.
///
/// What a thread calls in its last destructors, where it keeps nothing any more, is timed.
#[cold]
#[inline(never)]
extern "C" fn begin_slowly(site: &'static Callsite) -> Measured {
    match listening(site) {
        Listening::No => None,
        Listening::Handlers => begin_with(site, |local| match local.begin_untimed() {
            true => Some(tagged(NonNull::from(local), UNTIMED)),
            false => begin_timed(NonNull::from(local)),
        }),
        Listening::Scope => begin_with(site, |local| {
            if local.begin_untimed() {
                return Some(tagged(NonNull::from(local), UNTIMED_SCOPED));
            }
            local.choose_timed();
            local.begin_slow().then_some(NonNull::from(local))
        }),
    }
}

#[inline(always)]
fn tagged(local: NonNull<Local>, tag: usize) -> NonNull<Local> {
    // SAFETY: the next bytes are in the local.
    unsafe { local.byte_add(tag) }
}

/// The local of a call that is not timed and began outside of scopes.
#[inline(always)]
fn untimed(measured: NonNull<Local>) -> Option<NonNull<Local>> {
    // SAFETY: it was tagged when the call began.
    (measured.addr().get() & UNTIMED != 0).then(|| unsafe { measured.byte_sub(UNTIMED) })
}

/// The local of a call that is not timed.
fn untimed_anywhere(measured: NonNull<Local>) -> Option<NonNull<Local>> {
    let tag = measured.addr().get() & (UNTIMED | UNTIMED_SCOPED);
    // SAFETY: as above.
    (tag != 0).then(|| unsafe { measured.byte_sub(tag) })
}

/// Ends a call that is timed, or that began in a scope.
#[cold]
#[inline(never)]
extern "C" fn end_timed(measured: NonNull<Local>, outcome: Outcome) {
    match untimed_anywhere(measured) {
        // SAFETY: what this thread keeps stays in its place for as long as the thread can run this.
        Some(local) => end_untimed_slowly(unsafe { local.as_ref() }, outcome, true),
        None => end(measured, outcome),
    }
}

/// Ends a call that was not finished.
#[cold]
#[inline(never)]
extern "C" fn fail(measured: NonNull<Local>, outcome: Outcome) {
    match untimed(measured) {
        // SAFETY: as above.
        Some(local) => end_untimed(unsafe { local.as_ref() }, outcome),
        None => end_timed(measured, outcome),
    }
}

#[cold]
#[inline(never)]
extern "C" fn left_early(measured: NonNull<Local>) {
    if let (Some(measured), outcome) = early::left(measured) {
        fail(measured, outcome);
    }
}

/// Counts a call that was not timed and began outside of scopes.
#[inline(always)]
pub(super) fn end_untimed(local: &Local, outcome: Outcome) {
    match local.stats_on(local.site().route()) {
        Some(stats) => {
            local.end_untimed();
            stats.count(outcome);
        }
        None => end_untimed_slowly(local, outcome, false),
    }
}

/// Ends a call that was not timed and is not for one aggregator alone.
#[cold]
#[inline(never)]
extern "C" fn end_untimed_slowly(local: &Local, outcome: Outcome, may_be_scoped: bool) {
    local.end_untimed();
    match may_be_scoped {
        false => report(local, Untimed(outcome)),
        true => report_scoped(local.site(), Untimed(outcome)),
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
                Some(local) => end_untimed(unsafe { local.as_ref() }, outcome()),
                None => end_timed(measured, outcome()),
            }
        }
    }

    #[inline(always)]
    #[allow(clippy::redundant_pattern_matching)] // `is_some` is a call in a build without optimisation.
    fn is_measured(&self) -> bool {
        matches!(self.0, Some(_))
    }

    fn discard(self) -> Option<&'static Callsite> {
        let measured = self.0;
        mem::forget(self);
        let measured = measured?;
        match untimed_anywhere(measured) {
            Some(local) => {
                // SAFETY: as above.
                let local = unsafe { local.as_ref() };
                local.end_untimed();
                Some(local.site())
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
