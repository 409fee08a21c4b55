//! Not public API: what the code that `#[expires]` generates calls. It may change in any release; the macro crate is
//! pinned to this one's version.

use std::time::Duration;

pub use core::{concat, module_path};

use crate::timers::expires::{Expires, expires_in_or_noop};

/// The type that it is given, under a name that comes from the attribute.
pub type Is<T> = T;

/// Acquires a timer; without a client, or if it fails, the scope runs unwatched, and is counted.
pub fn expires(scope: &'static str, after: Duration) -> Expires<'static> {
    expires_in_or_noop(scope, after)
}

/// Releases the timer, after the value of the function is there.
pub fn release<T>(timer: Expires<'static>, value: T) -> T {
    drop(timer);
    value
}
