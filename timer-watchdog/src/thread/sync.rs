//! The one switch between the standard library's synchronisation and loom's models of it.
//!
//! Only what a loom model exercises comes from here: the frames of [`crate::hang`] and the monitor behind every
//! wait, stop and wake.

#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};

#[cfg(not(loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

/// Atomics, from loom under `cfg(loom)`.
pub(crate) mod atomic {
    #[cfg(loom)]
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};

    #[cfg(not(loom))]
    pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};
}
