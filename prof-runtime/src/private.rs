//! Not public API: what the code that the attributes generate calls. It may change in any release; the macro crate is
//! pinned to this one's version.

use std::any::type_name;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::pin::Pin;

pub use core::option::Option::{None, Some};
pub use core::{concat, file, line, module_path};
pub use inventory;

pub use crate::__prof_list as list;
pub use crate::{
    __prof_finish_by_type as finish_by_type, __prof_finish_value_by_type as finish_value_by_type,
    __prof_lazy_by_type as lazy_by_type,
};

use crate::call::{self, InProgress};
pub use crate::call::{AsyncCall, Call, EarlyCall, SampledCall};
use crate::failure::Predicate;
pub use crate::failure::{Finish, Judging, Lazy, Probe, finish_judged, lazy, probe, probe_output};
pub use crate::handler::LinkedHandler;
pub use crate::model::Objective;
use crate::model::Outcome;
use crate::site::registry;
pub use crate::site::{Callsite, GaugeCells, Instrument, crate_name};

/// The record of a function, without its place; the name of the closure's type tells what the function stands in.
pub const fn site<F: Fn() + Copy>(_inside: F, function: &'static str, module_path: &'static str) -> Unplaced {
    Unplaced { function, type_name: type_name::<F>, module_path }
}

/// The record of a function that does not know its place.
#[allow(missing_debug_implementations)] // It is gone when the program is compiled.
pub struct Unplaced {
    function: &'static str,
    type_name: fn() -> &'static str,
    module_path: &'static str,
}

impl Unplaced {
    /// The record, at the place that the name of this method has in the source.
    ///
    /// `line!()` cannot stand there: in edition 2015, no path leads from every place to the macros of `core`.
    #[track_caller]
    pub const fn here(self) -> Callsite {
        let here = Location::caller();
        Callsite::new(self.function, self.type_name, self.module_path, here.file(), here.line())
    }
}

/// The record of an instrument.
pub const fn instrument(
    name: &'static str,
    group: &'static str,
    instrument: Instrument,
    module_path: &'static str,
) -> Callsite {
    Callsite::new(name, || "", module_path, "", 0).with_name(name).with_group(group).with_instrument(instrument)
}

/// Enters a call site into the list of all.
pub fn list(site: &'static Callsite) {
    registry::list(site);
}

// The functions below are not `inline(always)`: without optimization, what is inlined takes stack in every annotated
// function, and with it they are inlined all the same.

/// Begins a call that leaves by its end, or by unwinding.
#[inline]
pub fn enter(site: &'static Callsite) -> Call {
    call::enter(site)
}

/// Begins a call that may return early, without that being looked into.
#[inline]
pub fn enter_early(site: &'static Callsite) -> EarlyCall {
    call::enter_early(site)
}

/// Begins a call of a function of which only some calls are timed.
#[inline]
pub fn enter_sampled(site: &'static Callsite) -> SampledCall {
    call::enter_sampled(site)
}

/// The same, of one that may return early, without that being looked into.
#[inline]
pub fn enter_early_sampled(site: &'static Callsite) -> EarlyCall<SampledCall> {
    call::enter_early_sampled(site)
}

/// Begins a call of an `async fn`.
#[inline]
pub fn enter_async(site: &'static Callsite) -> AsyncCall {
    call::enter_async(site)
}

/// Returns whether a handler received calls of the site when the call began.
#[inline(always)]
pub fn is_measured(call: &impl InProgress) -> bool {
    call.is_measured()
}

/// Ends a call that is not measured: without optimization, its drop is two calls of functions.
#[inline(always)]
pub fn forget(call: impl InProgress) {
    let _ = ManuallyDrop::new(call);
}

/// Finishes a call that cannot fail, and gives its value back.
#[inline]
pub fn finish<T>(call: impl InProgress, value: T) -> T {
    call.finish(|| Outcome::Success);
    value
}

/// Finishes a call that succeeded if `ok` holds.
#[inline]
pub fn finish_ok_if<T>(call: impl InProgress, value: T, ok: impl Fn(&T) -> bool) -> T {
    finish_judged(call, value, Predicate::new(ok, false))
}

/// Finishes a call that failed if `err` holds.
#[inline]
pub fn finish_err_if<T>(call: impl InProgress, value: T, err: impl Fn(&T) -> bool) -> T {
    finish_judged(call, value, Predicate::new(err, true))
}

/// Measures a future that succeeded if `ok` holds for its output.
pub fn lazy_ok_if<F: Future, P: Fn(&F::Output) -> bool>(
    call: impl InProgress,
    future: F,
    ok: P,
) -> Lazy<F, Predicate<P>> {
    lazy(call, future, Predicate::new(ok, false))
}

/// Measures a future that failed if `err` holds for its output.
pub fn lazy_err_if<F: Future, P: Fn(&F::Output) -> bool>(
    call: impl InProgress,
    future: F,
    err: P,
) -> Lazy<F, Predicate<P>> {
    lazy(call, future, Predicate::new(err, true))
}

/// Boxes a future.
pub fn pin<F: Future>(future: F) -> Pin<Box<F>> {
    Box::pin(future)
}

/// The type that it is given, under a name that comes from the attribute.
pub type Is<T> = T;

/// Gives a closure back, known to return an `R`, and known to be called at most once, so that it may hand out what it
/// captured.
#[inline]
pub fn once<R, F: FnOnce() -> R>(closure: F) -> F {
    closure
}

/// A value of any type, in code that is never run.
pub fn never<T>() -> T {
    unreachable!("this is only here to tell the compiler a type")
}
