//! A call of a function that may return early with a value that the attribute does not inspect.

use std::fmt;
use std::mem::{self, ManuallyDrop};
use std::ptr::NonNull;
use std::thread::panicking;

use super::{Call, InProgress, Measured, OnStack, SampledCall, begin, enter_sampled};
use crate::model::Outcome;
use crate::site::{Callsite, Route};
use crate::thread::SiteState;

/// A call of a function that may return early, with a value that is no failure or that the attribute does not see. If
/// it is dropped without being finished, the function returned or unwound.
///
/// It is one word, as its inner call is. Where the thread was unwinding when it called the function, the pointer is
/// tagged by `BEGAN_UNWINDING`.
#[must_use]
pub struct EarlyCall<C: OnStack = Call>(
    /// Not dropped, since its drop counts an unfinished call as one that unwound.
    ManuallyDrop<C>,
);

const BEGAN_UNWINDING: usize = 4;

// Sampled calls use the bits below.
const _: () = assert!(align_of::<SiteState>() > BEGAN_UNWINDING);

/// Begins a call of an annotated function whose early returns the attribute does not inspect.
#[inline(always)]
pub(crate) fn enter_early(site: &'static Callsite) -> EarlyCall {
    EarlyCall(ManuallyDrop::new(match site.route() {
        Route::OFF => Call::UNMEASURED,
        _ => Call(begin_early(site)),
    }))
}

/// Does what [`begin`] does, and marks the call if the thread is unwinding. One function, so that the annotated
/// function contains one call.
#[cold]
#[inline(never)]
extern "C" fn begin_early(site: &'static Callsite) -> Measured {
    match panicking() {
        false => begin(site),
        true => with_mark(begin(site)),
    }
}

/// Does what [`enter_early`] does, for a sampled function.
#[inline(always)]
pub(crate) fn enter_early_sampled(site: &'static Callsite) -> EarlyCall<SampledCall> {
    let mut call = enter_sampled(site);
    if call.is_measured() && panicking() {
        call.mark_unwinding();
    }
    EarlyCall(ManuallyDrop::new(call))
}

/// Returns the pointer of a call that left early without its mark, and how the call ended.
///
/// If the thread was unwinding when the call began, the function runs in a destructor and has returned: a panic that
/// leaves a destructor during unwinding aborts the process.
pub(super) fn left(measured: NonNull<SiteState>) -> (Measured, Outcome) {
    let began_unwinding = measured.addr().get() & BEGAN_UNWINDING != 0;
    let outcome = if panicking() && !began_unwinding { Outcome::Panic } else { Outcome::Success };
    (without_mark(Some(measured)), outcome)
}

/// Returns the pointer with the mark of a call that began while the thread was unwinding.
#[cold]
pub(super) fn with_mark(measured: Measured) -> Measured {
    measured.map(|site_state| site_state.map_addr(|address| address | BEGAN_UNWINDING))
}

/// Returns the pointer without the mark.
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
