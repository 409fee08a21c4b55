//! A call that may return early, without that being looked into.

use std::fmt;
use std::mem::{self, ManuallyDrop};
use std::ptr::NonNull;
use std::thread::panicking;

use super::{Call, InProgress, Measured, OnStack, SampledCall, begin, enter_sampled};
use crate::model::Outcome;
use crate::site::{Callsite, Route};
use crate::thread::SiteState;

/// A call of a function that may return early, what it returns then being no failure, or not to be seen. Dropped
/// without being finished, it returned, or unwound.
///
/// It is one word, as its inner call is: `BEGAN_UNWINDING` is added to the pointer where the thread was unwinding when
/// the function was called.
#[must_use]
pub struct EarlyCall<C: OnStack = Call>(
    /// Its own drop takes a call that is not finished for one that unwound.
    ManuallyDrop<C>,
);

const BEGAN_UNWINDING: usize = 4;

// Sampled calls use the bits below.
const _: () = assert!(align_of::<SiteState>() > BEGAN_UNWINDING);

/// Begins a call of an annotated function whose early returns cannot be looked into.
#[inline(always)]
pub(crate) fn enter_early(site: &'static Callsite) -> EarlyCall {
    EarlyCall(ManuallyDrop::new(match site.route() {
        Route::OFF => Call::UNMEASURED,
        _ => Call(begin_early(site)),
    }))
}

/// As [`begin`], in one piece, so that the annotated function is laid out as any other.
#[cold]
#[inline(never)]
extern "C" fn begin_early(site: &'static Callsite) -> Measured {
    match panicking() {
        false => begin(site),
        true => with_mark(begin(site)),
    }
}

/// The same, of a function of which only some calls are timed.
#[inline(always)]
pub(crate) fn enter_early_sampled(site: &'static Callsite) -> EarlyCall<SampledCall> {
    let mut call = enter_sampled(site);
    if call.is_measured() && panicking() {
        call.mark_unwinding();
    }
    EarlyCall(ManuallyDrop::new(call))
}

/// Takes the mark off the pointer of a call that left early, and returns how it ended.
///
/// On a thread that was unwinding already, the function runs in a destructor. It can only be told to have returned: a
/// panic in there would have to be caught before it left the destructor.
pub(super) fn left(measured: NonNull<SiteState>) -> (Measured, Outcome) {
    let began_unwinding = measured.addr().get() & BEGAN_UNWINDING != 0;
    let outcome = if panicking() && !began_unwinding { Outcome::Panic } else { Outcome::Success };
    (without_mark(Some(measured)), outcome)
}

/// The pointer of a call that began while the thread was unwinding.
#[cold]
pub(super) fn with_mark(measured: Measured) -> Measured {
    measured.map(|site_state| site_state.map_addr(|address| address | BEGAN_UNWINDING))
}

/// The pointer as it was without the mark.
#[inline(always)]
pub(super) fn without_mark(measured: Measured) -> Measured {
    match measured {
        Some(site_state) => NonNull::new(site_state.as_ptr().map_addr(|address| address & !BEGAN_UNWINDING)),
        None => None,
    }
}

impl<C: OnStack> EarlyCall<C> {
    #[inline(always)]
    fn into_inner(self) -> C {
        let mut early = ManuallyDrop::new(self);
        let mut call = mem::replace(&mut *early.0, C::UNMEASURED);
        call.take_mark_off();
        call
    }
}

impl<C: OnStack> InProgress for EarlyCall<C> {
    #[inline(always)]
    fn finish(self, outcome: impl FnOnce() -> Outcome) {
        self.into_inner().finish(outcome);
    }

    #[inline(always)]
    fn is_measured(&self) -> bool {
        self.0.is_measured()
    }

    fn discard(self) -> Option<&'static Callsite> {
        self.into_inner().discard()
    }
}

impl<C: OnStack> Drop for EarlyCall<C> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.leave_early();
    }
}

impl<C: OnStack> fmt::Debug for EarlyCall<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarlyCall").field("is_measured", &self.is_measured()).finish_non_exhaustive()
    }
}
