//! What a fork does to threads, locks and queues.
//!
//! A child has only the thread that forked. A lock that another thread held at that moment stays locked for ever in the
//! child, and the threads that empty queues are missing. Two measures follow. The forking thread takes the locks that
//! [`take_locks_by`] names before each fork, and releases them after it in both processes. Values that belong to
//! threads of the parent are each an [`OfProcess`], which the child does not touch.

use std::any::Any;
use std::cell::RefCell;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Once, OnceLock};

use crate::base::sys;
use crate::base::{inside, is_inside};

/// The number of forks between the first process of the program and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Takes locks. Dropping the returned value releases them.
pub(crate) type TakeLocks = fn() -> Box<dyn Any>;

/// Takes the locks that are held over a fork.
static TAKE_LOCKS: OnceLock<TakeLocks> = OnceLock::new();

thread_local! {
    /// The locks that this thread holds while it forks.
    static HELD: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// Sets the function that takes the locks before a fork. Later calls have no effect.
pub(crate) fn take_locks_by(take: TakeLocks) {
    _ = TAKE_LOCKS.set(take);
}

/// Installs the hooks that run around forks of this process.
pub(crate) fn follow() {
    static IS_FOLLOWED: Once = Once::new();
    IS_FOLLOWED.call_once(|| sys::at_fork(before, in_parent, in_child));
}

/// Returns a number that differs between a process and its forked children. Costs one load.
#[inline]
pub(crate) fn generation() -> u32 {
    // Relaxed: only the hook in a child changes it, on the child's only thread.
    GENERATION.load(Ordering::Relaxed)
}

extern "C" fn before() {
    // A signal handler may fork inside the runtime, where this thread may already hold the locks.
    if !is_inside() {
        let held = inside(|| TAKE_LOCKS.get().map(|take| take()));
        // A thread whose thread-locals are gone forks without taking the locks.
        _ = HELD.try_with(|locks| locks.replace(held));
    }
}

extern "C" fn in_parent() {
    let held = HELD.try_with(RefCell::take).ok().flatten();
    inside(|| drop(held));
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    in_parent();
}

/// A value that threads of one process use. A forked child may only read it without locks, and does not drop it.
pub(crate) struct OfProcess<T> {
    /// `None` only during the drop.
    value: Option<T>,
    generation: u32,
}

impl<T> OfProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        follow();
        Self { value: Some(value), generation: generation() }
    }

    /// Returns whether the value belongs to the current process.
    #[inline]
    pub(crate) fn is_in_this_process(&self) -> bool {
        self.generation == generation()
    }
}

impl<T> Deref for OfProcess<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.value.as_ref().expect("only its drop takes it out")
    }
}

impl<T> Drop for OfProcess<T> {
    fn drop(&mut self) {
        if !self.is_in_this_process() {
            // The drop could wait for ever for the lock of a channel that a thread of the parent held.
            std::mem::forget(self.value.take());
        }
    }
}
