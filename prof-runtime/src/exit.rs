//! The end of a process: what was started and is not ended yet is ended then, once and within a bound.
//!
//! A guard that is dropped ends what it guards. [`std::process::exit`] drops no guards, nor does a signal; so everything that
//! holds something back is listed here, and ended by a hook that the C library calls, or by the thread that waits for
//! signals. All of it happens on a thread of its own, so that whoever ends the process waits no longer than for the bound,
//! whatever blocks: a target, stderr, or a lock that the thread itself holds.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock, Weak};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::clock;
use crate::local::{self, lock};
use crate::panics::caught;
use crate::route;
use crate::sys;
use crate::worker::{self, Worker};

/// Something that is ended at the latest when the process exits.
pub(crate) trait End: Send + Sync {
    /// How long it may take. At least [`TIMEOUT`] is waited in all.
    fn timeout(&self) -> Duration {
        TIMEOUT
    }

    /// Whether its end does more than wait: it speaks, or runs code of the user's.
    fn may_block(&self) -> bool {
        true
    }

    /// Begins to end, without waiting for anything. May be called again, and at the same time from another thread.
    fn begin(&self);

    /// Waits for the end until the deadline. May be called again, and at the same time from another thread: then it waits
    /// for that one.
    fn finish(&self, deadline: Instant);
}

/// How long the end may take by default: half of what container runtimes grant a program before they kill it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// How much longer may be waited for stderr to take what is said at the end, and the report.
const SPEECH_TIMEOUT: Duration = Duration::from_secs(1);

/// Everything that is to be ended, in the order in which it was started, and the process that started it.
static LISTED: Mutex<Vec<(u32, Weak<dyn End>)>> = Mutex::new(Vec::new());
/// The last process that listed something, or installed a handler; 0 if none did.
static PROCESS_ID: AtomicU32 = AtomicU32::new(0);
/// The longest timeout of all that was listed.
static TIMEOUT_MS: AtomicU64 = AtomicU64::new(0);
/// A handler was installed that may hold something back.
static HAS_HANDLERS: AtomicBool = AtomicBool::new(false);
/// How many are listed, so that the hook need not take the lock if there is nothing to do.
static LENGTH: AtomicUsize = AtomicUsize::new(0);
/// The thread that exits.
static EXITING: OnceLock<ThreadId> = OnceLock::new();

thread_local! {
    /// This thread ends things: what it calls of the user's may exit, and must not wait for itself.
    static IS_ENDING: Cell<bool> = const { Cell::new(false) };
}

/// Keeps something listed until it is dropped.
pub(crate) struct Listed(Option<Weak<dyn End>>);

/// Has `end` ended when the process exits, unless the returned value is dropped before.
pub(crate) fn list(end: &Arc<impl End + 'static>) -> Listed {
    let weak = Arc::downgrade(end) as Weak<dyn End>;
    local::inside(|| {
        prepare();
        let timeout_ms = u64::try_from(end.timeout().as_millis()).unwrap_or(u64::MAX);
        TIMEOUT_MS.fetch_max(timeout_ms, Ordering::Relaxed);
        lock(&LISTED).push((std::process::id(), Weak::clone(&weak)));
        LENGTH.fetch_add(1, Ordering::Relaxed);
    });
    Listed(Some(weak))
}

impl Drop for Listed {
    fn drop(&mut self) {
        let Some(weak) = self.0.take() else { return };
        // In a forked child, the lock may be another thread's of the parent, for ever.
        if PROCESS_ID.load(Ordering::Relaxed) == std::process::id() {
            local::inside(|| lock(&LISTED).retain(|(_, listed)| !listed.ptr_eq(&weak)));
            LENGTH.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listed").finish_non_exhaustive()
    }
}

/// Has the handlers of the configuration flushed when the process exits.
pub(crate) fn flush_handlers() {
    prepare();
    HAS_HANDLERS.store(true, Ordering::Relaxed);
}

fn prepare() {
    static IS_HOOKED: Once = Once::new();
    // The hooks of a process are also those of its forked children.
    IS_HOOKED.call_once(|| _ = sys::at_exit(at_exit));
    PROCESS_ID.store(std::process::id(), Ordering::Relaxed);
}

extern "C" fn at_exit() {
    // The process is about to end: there is no one to tell.
    let _ = caught(|| {
        let is_here = PROCESS_ID.load(Ordering::Relaxed) == std::process::id();
        if is_here && !IS_ENDING.try_with(Cell::get).unwrap_or_default() {
            let _ = EXITING.set(thread::current().id());
            end_all();
        }
    });
}

/// Whether this is the thread that exits, which does nothing else any more.
pub(crate) fn is_exiting(thread: ThreadId) -> bool {
    EXITING.get() == Some(&thread)
}

/// Ends one thing, within its bound.
pub(crate) fn end(end: Arc<dyn End>) {
    let timeout = end.timeout();
    let deadline = clock::deadline(timeout);
    within(timeout, move || {
        end.begin();
        end.finish(deadline);
    });
}

/// Ends everything that was started, within the longest of the bounds, and flushes the handlers of the configuration.
pub(crate) fn end_all() {
    let has_handlers = HAS_HANDLERS.load(Ordering::Relaxed);
    if !has_handlers && LENGTH.load(Ordering::Relaxed) == 0 {
        return;
    }
    let begun = clock::monotonic();
    let timeout = Duration::from_millis(TIMEOUT_MS.load(Ordering::Relaxed)).max(TIMEOUT);
    within(timeout, move || {
        let listed = listed();
        for end in &listed {
            end.begin();
        }
        let (may_block, others): (Vec<_>, Vec<_>) = listed.into_iter().partition(|end| end.may_block());
        let deadline = move |end: &Arc<dyn End>| deadline_from(begun, end.timeout());
        // Side by side: one that blocks keeps none of the others from its end.
        let mut blocking: Vec<Worker> = Vec::new();
        if has_handlers {
            // Whatever it says, no one can do anything about it any more. Handlers count what they lose.
            blocking.extend(beside(|| drop(route::flush())));
        }
        for end in may_block {
            blocking.extend(beside(move || end.finish(deadline(&end))));
        }
        for end in &others {
            end.finish(deadline(end));
        }
        // The wait for this thread has the bound.
        for thread in &blocking {
            let _ = thread.done().recv();
        }
    });
}

fn deadline_from(begun: Instant, timeout: Duration) -> Instant {
    begun.checked_add(timeout).unwrap_or_else(|| clock::deadline(timeout))
}

/// What is listed by this process, the last first: what was started last rests on what was started before.
fn listed() -> Vec<Arc<dyn End>> {
    let here = std::process::id();
    let listed = lock(&LISTED);
    let listed = listed.iter().rev().filter(|(process_id, _)| *process_id == here);
    listed.filter_map(|(_, end)| end.upgrade()).collect()
}

/// Runs `f` on a thread of its own, or here if the system refuses one.
fn beside(f: impl FnOnce() + Send + 'static) -> Option<Worker> {
    worker::start_or_run("prof-end", || {
        let was_ending = IS_ENDING.replace(true);
        f();
        IS_ENDING.set(was_ending);
    })
}

/// Runs `f` on a thread of its own, and waits for it at most for `timeout` and for what is said then.
fn within(timeout: Duration, f: impl FnOnce() + Send + 'static) {
    let deadline = clock::deadline(timeout.saturating_add(SPEECH_TIMEOUT));
    if let Some(thread) = beside(f) {
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
