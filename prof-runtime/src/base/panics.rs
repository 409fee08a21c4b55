//! Panics in the user's code that must not get any further.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the user's `f`. `None` if it panicked.
///
/// Unwind safety is the user's: what `f` leaves half-done is its own, as nothing of this crate is changed inside.
#[inline]
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(f)).map_err(discard).ok()
}

/// Drops the payload of a caught panic. One that panics when it is dropped is leaked instead.
#[cold]
#[inline(never)]
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}
