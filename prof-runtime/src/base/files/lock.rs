//! The advisory lock of a file that several processes write to. A process takes it shared to write a line, and
//! exclusive to move the file or to repair its end. Every wait for it is bounded.

use std::fs::File;

use crate::base::sys::files::{Lock, flock};

/// Takes the exclusive lock. Returns `false` if another open file has the lock, shared or exclusive.
pub(super) fn try_lock(file: &File) -> bool {
    flock(file, Lock::Exclusive)
}

/// Takes the shared lock. A process with the exclusive lock releases it within moments. If it does not, because it is
/// stopped, this returns without the lock.
pub(super) fn lock_shared(file: &File) {
    /// The number of attempts. The thread yields after each.
    const ATTEMPTS: u32 = 1000;
    for _ in 0..ATTEMPTS {
        if flock(file, Lock::Shared) {
            return;
        }
        std::thread::yield_now();
    }
}

/// Releases the lock.
pub(super) fn unlock(file: &File) {
    flock(file, Lock::Release);
}
