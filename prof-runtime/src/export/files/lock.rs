//! The advisory lock of a file that several processes write to: shared by those that write a line, and for one alone that
//! moves the file or mends its end. Nobody waits for it without a bound.

use std::fs::File;

use crate::sys::{Lock, flock};

/// Takes the lock for this file alone. `false` if another one has it, in either way.
pub(super) fn try_lock(file: &File) -> bool {
    flock(file, Lock::Alone)
}

/// Takes the lock beside others that write. Whoever has it alone gives it back at once, unless it is stopped: then this goes
/// on without.
pub(super) fn lock_shared(file: &File) {
    /// How often another thread may go first.
    const ATTEMPTS: u32 = 1000;
    for _ in 0..ATTEMPTS {
        if flock(file, Lock::Shared) {
            return;
        }
        std::thread::yield_now();
    }
}

/// Gives the lock back.
pub(super) fn unlock(file: &File) {
    flock(file, Lock::Unlock);
}
