//! The one switch between the standard library's atomics and loom's models of them.
//!
//! Only what a loom model exercises comes from here: what a thread keeps for a call site, and its numbers in an aggregator.
#![allow(unsafe_code)]

/// Atomics, from loom under `cfg(loom)`.
pub(crate) mod atomic {
    #[cfg(loom)]
    pub(crate) use loom::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};

    #[cfg(not(loom))]
    pub(crate) use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
}

/// What the only thread that writes to an atomic reads there. Unlike an atomic reading, it can be an operand in memory.
///
/// # Safety
///
/// No other thread writes to it.
#[inline(always)]
pub(crate) unsafe fn own(number: &atomic::AtomicU64) -> u64 {
    // SAFETY: others do not write, and what they read does not matter to this.
    #[cfg(not(loom))]
    return unsafe { number.as_ptr().read() };
    // SAFETY: as above.
    #[cfg(loom)]
    return unsafe { number.unsync_load() };
}

/// An array of atomics with this value.
pub(crate) fn array<T, const N: usize>(value: impl Fn() -> T) -> [T; N] {
    std::array::from_fn(|_| value())
}
