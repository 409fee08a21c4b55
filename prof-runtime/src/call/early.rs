//! A call that may return early, without that being looked into.

use std::fmt;
use std::mem::{self, ManuallyDrop};
use std::thread::panicking;

use super::{Call, InProgress, OnStack, SampledCall, enter, enter_sampled};
use crate::callsite::Callsite;
use crate::outcome::Outcome;

/// A call of a function that may return early, what it returns then being no failure, or not to be seen. Dropped without
/// being finished, it returned, or unwound.
#[must_use]
pub struct EarlyCall<C: OnStack = Call> {
    /// Its own drop takes a call that is not finished for one that unwound.
    call: ManuallyDrop<C>,
    /// The thread was unwinding when the function was called.
    began_unwinding: bool,
}

/// Begins a call of an annotated function whose early returns cannot be looked into.
#[inline(always)]
pub(crate) fn enter_early(site: &'static Callsite) -> EarlyCall {
    EarlyCall::new(enter(site))
}

/// The same, of a function of which only some calls are timed.
#[inline(always)]
pub(crate) fn enter_early_sampled(site: &'static Callsite) -> EarlyCall<SampledCall> {
    EarlyCall::new(enter_sampled(site))
}

/// How a call ended that was not finished.
///
/// On a thread that was unwinding already, the function runs in a destructor. It can only be told to have returned: a
/// panic in there would have to be caught before it left the destructor.
pub(super) fn outcome(began_unwinding: bool) -> Outcome {
    if panicking() && !began_unwinding { Outcome::Panic } else { Outcome::Success }
}

impl<C: OnStack> EarlyCall<C> {
    #[inline(always)]
    fn new(call: C) -> Self {
        let began_unwinding = call.is_measured() && panicking();
        Self { call: ManuallyDrop::new(call), began_unwinding }
    }

    #[inline(always)]
    fn into_inner(self) -> C {
        let mut early = ManuallyDrop::new(self);
        mem::replace(&mut *early.call, C::UNMEASURED)
    }
}

impl<C: OnStack> InProgress for EarlyCall<C> {
    #[inline(always)]
    fn finish(self, outcome: impl FnOnce() -> Outcome) {
        self.into_inner().finish(outcome);
    }

    #[inline(always)]
    fn is_measured(&self) -> bool {
        self.call.is_measured()
    }

    fn discard(self) -> Option<&'static Callsite> {
        self.into_inner().discard()
    }
}

impl<C: OnStack> Drop for EarlyCall<C> {
    #[inline(always)]
    fn drop(&mut self) {
        self.call.leave_early(self.began_unwinding);
    }
}

impl<C: OnStack> fmt::Debug for EarlyCall<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarlyCall").field("is_measured", &self.is_measured()).finish_non_exhaustive()
    }
}
