//! What a fork does to threads, locks and queues.
//!
//! A child has only the thread that forked. A lock that another thread held at that moment stays locked for ever in the
//! child, and no thread empties a queue any more. So the locks that [`take_locks_by`] names are taken before each fork
//! and released after it, in both processes, and what belongs to threads of the parent is an [`OfProcess`], which the
//! child leaves alone.

use std::any::Any;
use std::cell::RefCell;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Once, OnceLock};

use crate::base::sys;
use crate::base::{inside, is_inside};

/// How many forks are between this process and the one that was started.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Takes locks; the drop of what it returns releases them.
pub(crate) type TakeLocks = fn() -> Box<dyn Any>;

/// Takes the locks that are held over a fork.
static TAKE_LOCKS: OnceLock<TakeLocks> = OnceLock::new();

thread_local! {
    /// The locks that this thread holds while it forks.
    static HELD: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// Sets what takes the locks before a fork. The first call counts.
pub(crate) fn take_locks_by(take: TakeLocks) {
    _ = TAKE_LOCKS.set(take);
}

/// Has forks of this process do what they have to. Without it they are not noticed.
pub(crate) fn follow() {
    static IS_FOLLOWED: Once = Once::new();
    IS_FOLLOWED.call_once(|| sys::at_fork(before, in_parent, in_child));
}

/// A number that is another one in each child. Costs one load.
#[inline]
pub(crate) fn generation() -> u32 {
    // Relaxed: only the child's one thread has changed it, before everything else that it does.
    GENERATION.load(Ordering::Relaxed)
}

extern "C" fn before() {
    // A signal handler may fork in the middle of the runtime, where this thread may hold the locks itself.
    if !is_inside() {
        let held = inside(|| TAKE_LOCKS.get().map(|take| take()));
        // A thread that has no thread-locals any more goes on without.
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

/// What belongs to threads of one process. In a forked child it may be looked at as far as that takes no lock, and is
/// not dropped.
pub(crate) struct OfProcess<T> {
    /// `None` only while it is dropped.
    value: Option<T>,
    generation: u32,
}

impl<T> OfProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        follow();
        Self { value: Some(value), generation: generation() }
    }

    /// Whether this is the process that it belongs to.
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
            // A drop may wait for a lock of a channel that a thread of the parent's has taken.
            std::mem::forget(self.value.take());
        }
    }
}
