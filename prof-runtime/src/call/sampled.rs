//! A call of a function of which only some calls are timed: `#[prof(sample = N)]`.
//!
//! Which ones is drawn ahead by the thread (see [`Gaps`](crate::local::Gaps)): the calls in between neither read the clock
//! nor touch the histogram, but are counted like all others.
#![allow(unsafe_code)]

use std::fmt;
use std::mem;
use std::ptr::NonNull;

use super::{InProgress, Measured, OnStack, begin_at, early, end, report_untimed};
use crate::callsite::Callsite;
use crate::local::{self, Local};
use crate::outcome::Outcome;
use crate::route::{self, Route};

/// A call in progress, of which the guard knows whether it is timed. Dropped without being finished, it unwound.
///
/// The pointer to the local of a call that is not timed is one byte off.
#[must_use]
pub struct SampledCall(Measured);

const _: () = assert!(align_of::<Local>() > 1);

/// Begins a call of an annotated function that leaves by its end, or by unwinding.
///
/// Unlike for functions of which every call is timed, what most calls do is inlined into the function: it is short, and
/// to call a function for it would take longer.
#[inline(always)]
pub(crate) fn enter_sampled(site: &'static Callsite) -> SampledCall {
    if site.route() == Route::OFF {
        return SampledCall(None);
    }
    SampledCall(match local::at_hand(site) {
        // SAFETY: what this thread keeps stays in its place for as long as the thread can run this.
        Some(local) if unsafe { local.as_ref() }.begin_untimed() => Some(untimed(local)),
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

/// Begins a call that is the first of its thread, or whose local is not where it is looked for first.
///
/// What a thread calls in its last destructors, where it keeps nothing any more, is timed.
#[cold]
#[inline(never)]
extern "C" fn begin_slowly(site: &'static Callsite) -> Measured {
    if local::is_inside() {
        return None;
    }
    let begin = |local: &Local| match local.begin_untimed() {
        true => Some(untimed(NonNull::from(local))),
        false => begin_timed(NonNull::from(local)),
    };
    match local::find(site, |local| local.map(begin)) {
        Some(measured) => measured,
        None if route::resolve(site) == Route::OFF => None,
        None => local::add(site, begin).unwrap_or_else(|| super::begin_slowly(site)),
    }
}

#[inline(always)]
fn untimed(local: NonNull<Local>) -> NonNull<Local> {
    // SAFETY: the next byte is in the local.
    unsafe { local.byte_add(1) }
}

/// The local of a call that is not timed; `None` for one that is.
#[inline(always)]
fn of_untimed(measured: &NonNull<Local>) -> Option<&Local> {
    if measured.addr().get().is_multiple_of(align_of::<Local>()) {
        return None;
    }
    // SAFETY: it is what `untimed` made of a local that stays in its place for as long as the thread can run this.
    Some(unsafe { measured.byte_sub(1).as_ref() })
}

/// Ends a call that is timed.
#[cold]
#[inline(never)]
extern "C" fn end_timed(measured: NonNull<Local>, outcome: Outcome) {
    end(measured, outcome);
}

/// Ends a call that was not finished.
#[cold]
#[inline(never)]
extern "C" fn fail(measured: NonNull<Local>, outcome: Outcome) {
    match of_untimed(&measured) {
        Some(local) => end_untimed(local, outcome),
        None => end(measured, outcome),
    }
}

#[cold]
#[inline(never)]
extern "C" fn left_early(measured: NonNull<Local>, began_unwinding: bool) {
    fail(measured, early::outcome(began_unwinding));
}

/// Counts a call that was not timed.
#[inline(always)]
pub(super) fn end_untimed(local: &Local, outcome: Outcome) {
    local.end_untimed();
    let site = local.site();
    if !local.with_stats(site.route(), |stats| stats.count(outcome)) {
        report_untimed(site, outcome);
    }
}

impl InProgress for SampledCall {
    #[inline(always)]
    fn finish(self, outcome: impl FnOnce() -> Outcome) {
        let measured = self.0;
        mem::forget(self);
        if let Some(measured) = measured {
            match of_untimed(&measured) {
                Some(local) => end_untimed(local, outcome()),
                None => end_timed(measured, outcome()),
            }
        }
    }

    #[inline(always)]
    fn is_measured(&self) -> bool {
        self.0.is_some()
    }

    fn discard(self) -> Option<&'static Callsite> {
        let measured = self.0;
        mem::forget(self);
        let measured = measured?;
        match of_untimed(&measured) {
            Some(local) => {
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
    fn leave_early(&mut self, began_unwinding: bool) {
        if let Some(measured) = self.0.take() {
            left_early(measured, began_unwinding);
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
