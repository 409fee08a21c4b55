//! Calls into the C library for which `std` has no name. Each function here is safe to call.
#![allow(unsafe_code)]

#[cfg(feature = "json")]
pub(crate) mod files;
mod forks;
mod output;
mod signal_mask;
#[cfg(all(unix, feature = "signals"))]
pub(crate) mod signals;

pub(crate) use self::forks::{NotInherited, at_fork};
#[cfg(feature = "report")]
pub(crate) use self::output::stderr_columns;
pub(crate) use self::output::{Output, stderr_accepts};
pub(crate) use self::signal_mask::without_signals;

/// Registers `hook` to run when the process exits: by a return from `main`, or by `exit` on any thread. The last hook
/// runs first. Returns whether the system accepted it.
#[cfg(any(unix, windows))]
pub(crate) fn at_exit(hook: extern "C" fn()) -> bool {
    // SAFETY: `hook` has no state and does not unwind. Where this crate is in a library that is unloaded, the C library
    // calls it before that, since `atexit` is linked into each library and registers for that library.
    unsafe { libc::atexit(hook) == 0 }
}

/// Other systems have no such hook.
#[cfg(not(any(unix, windows)))]
pub(crate) fn at_exit(_: extern "C" fn()) -> bool {
    false
}
