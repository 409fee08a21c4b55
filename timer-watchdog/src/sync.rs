//! The one switch between the standard library's synchronisation and loom's models of it.
//!
//! Only what a loom model exercises comes from here: the frames of [`crate::hang`] and the monitor behind every
//! wait, stop and wake.

#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};

#[cfg(not(loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
