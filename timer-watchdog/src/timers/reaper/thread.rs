//! A reaper that asks threads to end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread, ThreadId};

use super::Reaper;
use crate::timers::ReapError;

/// Asks a thread to end: sets a flag that the thread polls, and unparks the thread.
///
/// A kill of a thread would harm its process. Work that cannot poll a flag must run in a process of its own. The id of
/// a worker is its [`ThreadId`].
///
/// # Examples
///
/// ```
/// use timer_watchdog::{Reaper, ThreadReaper};
///
/// let reaper = ThreadReaper::new();
/// let enrolment = reaper.enrol();
/// assert!(!enrolment.is_cancelled());
/// assert_eq!(reaper.reap(&std::thread::current().id()).unwrap(), true);
/// assert!(enrolment.is_cancelled());
/// ```
#[derive(Debug, Clone, Default)]
pub struct ThreadReaper {
    threads: Arc<Mutex<HashMap<ThreadId, Enrolled>>>,
}

#[derive(Debug)]
struct Enrolled {
    thread: Thread,
    is_cancelled: Arc<AtomicBool>,
}

impl ThreadReaper {
    /// Returns a reaper that knows no threads.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the calling thread known. A second enrolment replaces the first.
    pub fn enrol(&self) -> Enrolment {
        let thread = thread::current();
        let id = thread.id();
        let is_cancelled = Arc::new(AtomicBool::new(false));
        let enrolled = Enrolled { thread, is_cancelled: Arc::clone(&is_cancelled) };
        self.threads().insert(id, enrolled);
        Enrolment { reaper: self.clone(), id, is_cancelled }
    }

    fn threads(&self) -> MutexGuard<'_, HashMap<ThreadId, Enrolled>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reaper<ThreadId> for ThreadReaper {
    /// Asks the thread to end. A thread that is not known counts as gone.
    fn reap(&self, worker_id: &ThreadId) -> Result<bool, ReapError> {
        if let Some(enrolled) = self.threads().get(worker_id) {
            enrolled.is_cancelled.store(true, Ordering::Release);
            enrolled.thread.unpark();
        }
        Ok(true)
    }
}

/// Keeps a thread known to a [`ThreadReaper`].
#[derive(Debug)]
#[must_use = "the thread is forgotten when this value is dropped"]
pub struct Enrolment {
    reaper: ThreadReaper,
    id: ThreadId,
    is_cancelled: Arc<AtomicBool>,
}

impl Enrolment {
    /// Returns whether the thread has been asked to end.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }
}

impl Drop for Enrolment {
    fn drop(&mut self) {
        let mut threads = self.reaper.threads();
        let is_mine = |enrolled: &Enrolled| Arc::ptr_eq(&enrolled.is_cancelled, &self.is_cancelled);
        if threads.get(&self.id).is_some_and(is_mine) {
            threads.remove(&self.id);
        }
    }
}
