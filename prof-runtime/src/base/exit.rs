//! The end of a process: ends every part that is still running, once and in bounded time.
//!
//! Dropping a guard ends its parts, but neither [`std::process::exit`] nor a signal drops guards. Every part that
//! buffers something therefore registers here. A hook that the C library calls, or the thread that waits for signals,
//! ends the registered parts. That work runs on a thread of its own, so that the exiting thread never waits longer than
//! the bound, even if a target, stderr, or a lock that the exiting thread holds blocks the work.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock, Weak};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::base::background::{self, BackgroundThread};
use crate::base::clock;
use crate::base::panics::caught;
use crate::base::sys;
use crate::base::{inside, lock};

/// A part that has to end before the process does.
pub(crate) trait End: Send + Sync {
    /// Returns how long the part may take to end. The exit waits for the longest timeout of all parts, and at least
    /// [`TIMEOUT`].
    fn timeout(&self) -> Duration {
        TIMEOUT
    }

    /// Returns whether ending the part writes to stderr or runs the user's code. Otherwise it only waits for a thread.
    fn may_block(&self) -> bool {
        true
    }

    /// Begins to write out the buffered metrics, and returns a function that waits for that until `deadline`, which is
    /// `timeout` from now. Returns `None` if the part buffers nothing, or if this thread is the one that writes.
    fn begin_flush(&self, deadline: Instant, timeout: Duration) -> Option<FlushWait> {
        let _ = (deadline, timeout);
        None
    }

    /// Tells the part to end, without waiting. Several threads may call this, at the same time and repeatedly.
    fn begin(&self);

    /// Waits until the part has ended, at most until `deadline`. Several threads may call this, at the same time and
    /// repeatedly; each waits.
    fn finish(&self, deadline: Instant);
}

/// Waits for a flush that has begun.
pub(crate) type FlushWait = Box<dyn FnOnce() -> Result<(), FlushFault>>;

/// Why a part could not write out its buffered metrics.
pub(crate) struct FlushFault {
    /// The target that the part writes to.
    pub(crate) target: String,
    pub(crate) cause: Box<dyn Error + Send + Sync>,
}

/// The default timeout of a part: half of the 10 s after which container runtimes kill a program.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// Extra time for stderr to accept the last lines and the report.
const STDERR_GRACE: Duration = Duration::from_secs(1);

/// All registered parts in the order of their start, each with the id of the process that started it.
static LISTED: Mutex<Vec<(u32, Weak<dyn End>)>> = Mutex::new(Vec::new());
/// The id of the process that last registered a part or installed a handler; 0 before the first.
static PROCESS_ID: AtomicU32 = AtomicU32::new(0);
/// The longest timeout of all parts that were ever registered.
static TIMEOUT_MS: AtomicU64 = AtomicU64::new(0);
/// Flushes the handlers of the configuration. Not set until a handler is installed that may buffer metrics.
static FLUSH: OnceLock<fn()> = OnceLock::new();
/// The number of registered parts. If it is 0, the hook does not take the lock.
static LENGTH: AtomicUsize = AtomicUsize::new(0);
/// The thread that returned from `main` or called `exit`.
static EXITING: OnceLock<ThreadId> = OnceLock::new();

thread_local! {
    /// Whether this thread is ending parts. The user's code that it runs may call `exit`, and the exit hook must not
    /// wait for this thread.
    static IS_ENDING: Cell<bool> = const { Cell::new(false) };
}

/// Keeps a part registered until it is dropped.
pub(crate) struct ExitRegistration(Option<Weak<dyn End>>);

/// Has the exit of the process end `end`, until the returned value is dropped.
pub(crate) fn list(end: &Arc<impl End + 'static>) -> ExitRegistration {
    let weak = Arc::downgrade(end) as Weak<dyn End>;
    inside(|| {
        prepare();
        let timeout_ms = u64::try_from(end.timeout().as_millis()).unwrap_or(u64::MAX);
        TIMEOUT_MS.fetch_max(timeout_ms, Ordering::Relaxed);
        lock(&LISTED).push((std::process::id(), Weak::clone(&weak)));
        LENGTH.fetch_add(1, Ordering::Relaxed);
    });
    ExitRegistration(Some(weak))
}

impl Drop for ExitRegistration {
    fn drop(&mut self) {
        let Some(weak) = self.0.take() else { return };
        // In a forked child, a thread of the parent may hold the lock for ever.
        if PROCESS_ID.load(Ordering::Relaxed) == std::process::id() {
            inside(|| lock(&LISTED).retain(|(_, listed)| !listed.ptr_eq(&weak)));
            LENGTH.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for ExitRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExitRegistration").finish_non_exhaustive()
    }
}

/// Has the exit of the process call `flush`, which flushes the configured handlers. The first call counts.
pub(crate) fn flush_by(flush: fn()) {
    prepare();
    _ = FLUSH.set(flush);
}

fn prepare() {
    static IS_HOOKED: Once = Once::new();
    // Forked children inherit the hook.
    IS_HOOKED.call_once(|| _ = sys::at_exit(at_exit));
    PROCESS_ID.store(std::process::id(), Ordering::Relaxed);
}

extern "C" fn at_exit() {
    // The process is about to end and nothing can receive an error.
    let _ = caught(|| {
        let is_in_this_process = PROCESS_ID.load(Ordering::Relaxed) == std::process::id();
        if is_in_this_process && !IS_ENDING.try_with(Cell::get).unwrap_or_default() {
            let _ = EXITING.set(thread::current().id());
            end_all();
        }
    });
}

/// Returns whether `thread` has returned from `main` or called `exit`. It does no other work anymore.
pub(crate) fn is_exiting(thread: ThreadId) -> bool {
    EXITING.get() == Some(&thread)
}

/// Ends one part within its timeout.
pub(crate) fn end(end: Arc<dyn End>) {
    let timeout = end.timeout();
    let deadline = clock::deadline(timeout);
    within(timeout, move || {
        end.begin();
        end.finish(deadline);
    });
}

/// Ends every registered part within the longest of their timeouts, and flushes the handlers of the configuration.
pub(crate) fn end_all() {
    let flush = FLUSH.get();
    if flush.is_none() && LENGTH.load(Ordering::Relaxed) == 0 {
        return;
    }
    let begun = clock::monotonic();
    let timeout = longest_timeout();
    within(timeout, move || {
        let listed = listed();
        for end in &listed {
            end.begin();
        }
        let (may_block, others): (Vec<_>, Vec<_>) = listed.into_iter().partition(|end| end.may_block());
        let deadline = move |end: &Arc<dyn End>| deadline_from(begun, end.timeout());
        // Concurrently, so that a part that blocks does not delay the others.
        let mut blocking: Vec<BackgroundThread> = Vec::new();
        if let Some(flush) = flush {
            blocking.extend(on_own_thread(flush));
        }
        for end in may_block {
            blocking.extend(on_own_thread(move || end.finish(deadline(&end))));
        }
        for end in &others {
            end.finish(deadline(end));
        }
        // No bound is needed here: the exit waits for this thread in bounded time.
        for thread in &blocking {
            let _ = thread.done().recv();
        }
    });
}

/// Begins to flush every part, and returns functions that wait for the flushes.
pub(crate) fn begin_flush() -> Vec<FlushWait> {
    let timeout = longest_timeout();
    let deadline = clock::deadline(timeout);
    listed().iter().filter_map(|part| part.begin_flush(deadline, timeout)).collect()
}

/// The longest timeout of all parts, and at least [`TIMEOUT`].
fn longest_timeout() -> Duration {
    Duration::from_millis(TIMEOUT_MS.load(Ordering::Relaxed)).max(TIMEOUT)
}

fn deadline_from(begun: Instant, timeout: Duration) -> Instant {
    begun.checked_add(timeout).unwrap_or_else(|| clock::deadline(timeout))
}

/// Returns the parts that this process registered, the newest first: a newer part may depend on an older one.
fn listed() -> Vec<Arc<dyn End>> {
    let here = std::process::id();
    let listed = lock(&LISTED);
    let listed = listed.iter().rev().filter(|(process_id, _)| *process_id == here);
    listed.filter_map(|(_, end)| end.upgrade()).collect()
}

/// Runs `f` on a thread of its own, or on the calling thread if the system refuses one.
fn on_own_thread(f: impl FnOnce() + Send + 'static) -> Option<BackgroundThread> {
    background::start_or_run("prof-end", || {
        let was_ending = IS_ENDING.replace(true);
        f();
        IS_ENDING.set(was_ending);
    })
}

/// Runs `f` on a thread of its own, and waits for it for at most `timeout` plus [`STDERR_GRACE`].
fn within(timeout: Duration, f: impl FnOnce() + Send + 'static) {
    let deadline = clock::deadline(timeout.saturating_add(STDERR_GRACE));
    if let Some(thread) = on_own_thread(f) {
        let _ = thread.done().recv_deadline(deadline);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_without_an_end_is_one() {
        let begun = clock::monotonic();
        assert_eq!(deadline_from(begun, TIMEOUT), begun + TIMEOUT);
        assert!(deadline_from(begun, Duration::MAX) > begun + TIMEOUT);
    }
}
