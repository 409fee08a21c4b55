//! Not public API: the items that the code of `#[expires]` names. They may change in any release, and each version of
//! the macro crate goes with one version of this crate.

use std::time::Duration;

pub use core::{concat, module_path};

use crate::timers::expires::{Expires, expires_in_or_noop};

/// Names a type for the attribute.
pub type Is<T> = T;

/// Acquires a timer. A scope that gets none runs unwatched and is counted.
pub fn expires(scope: &'static str, after: Duration) -> Expires<'static> {
    expires_in_or_noop(scope, after)
}

/// Releases the timer, once the value of the function is computed.
pub fn release<T>(timer: Expires<'static>, value: T) -> T {
    drop(timer);
    value
}
