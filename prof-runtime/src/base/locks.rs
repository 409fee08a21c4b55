//! The one way in which the crate takes locks.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::reentrancy::Inside;

/// Keeps a mutex locked until it is dropped. The thread counts as inside the runtime while it holds the lock: annotated
/// code that runs meanwhile, such as an allocator, is not measured and takes no lock of the runtime.
#[must_use = "the mutex is unlocked at once if the guard is dropped"]
pub struct Locked<'a, T> {
    // Unlocked before the thread leaves the runtime.
    value: MutexGuard<'a, T>,
    _inside: Inside,
}

impl<T> std::ops::Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> std::ops::DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Locked<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Locks a mutex and ignores poisoning: this crate leaves no data half-changed when it panics.
///
/// All locks of this crate are taken by this function, since code under a lock may allocate. Do not call the user's
/// code under a lock: a handler could wait for the same lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> Locked<'_, T> {
    // Before the wait, since waiting may allocate too.
    let inside = Inside::enter();
    #[allow(clippy::disallowed_methods)] // This is the one place.
    let value = mutex.lock();
    Locked { value: value.unwrap_or_else(PoisonError::into_inner), _inside: inside }
}
