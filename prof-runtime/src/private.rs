//! Not public API: what the code that the attributes generate calls. It may change in any release; the macro crate is
//! pinned to this one's version.

use std::future::Future;
use std::pin::Pin;

pub use core::any::type_name_of_val;
pub use core::option::Option::{None, Some};
pub use core::{concat, file, line, module_path};
pub use inventory;

use crate::call::InProgress;
pub use crate::call::{AsyncCall, Call, EarlyCall, enter, enter_async, enter_early};
pub use crate::callsite::{Callsite, crate_name};
use crate::judge::Predicate;
pub use crate::judge::{Finish, Judging, Probe, finish_judged, probe, probe_output};
pub use crate::link::LinkedHandler;
use crate::outcome::Outcome;
pub use crate::timed::{Lazy, lazy};

/// What a type name is, under a name that no user's `str` can stand before.
pub type Text = &'static str;

/// Finishes a call that cannot fail, and gives its value back.
#[inline(always)]
pub fn finish<T>(call: impl InProgress, value: T) -> T {
    call.finish(|| Outcome::Success);
    value
}

/// Finishes a call that succeeded if `ok` holds.
#[inline(always)]
pub fn finish_ok_if<T>(call: impl InProgress, value: T, ok: impl Fn(&T) -> bool) -> T {
    finish_judged(call, value, Predicate::new(ok, false))
}

/// Finishes a call that failed if `err` holds.
#[inline(always)]
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

/// Gives a closure back, known to be called at most once, so that it may hand out what it captured.
#[inline(always)]
pub fn once<R, F: FnOnce() -> R>(closure: F) -> F {
    closure
}

/// A value of any type, in code that is never run.
pub fn never<T>() -> T {
    unreachable!("this is only here to tell the compiler a type")
}
