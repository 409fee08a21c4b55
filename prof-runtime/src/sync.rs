//! The one switch between the standard library's atomics and loom's models of them.
//!
//! Only what a loom model exercises comes from here: what a thread keeps for a call site, and its numbers in an aggregator.

/// Atomics, from loom under `cfg(loom)`.
pub(crate) mod atomic {
    #[cfg(loom)]
    pub(crate) use loom::sync::atomic::{AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

    #[cfg(not(loom))]
    pub(crate) use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
}

/// An array of atomics with this value.
pub(crate) fn array<T, const N: usize>(value: impl Fn() -> T) -> [T; N] {
    std::array::from_fn(|_| value())
}
