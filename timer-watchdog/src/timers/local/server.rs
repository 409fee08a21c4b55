//! A server that keeps its timers in memory.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::time::Timestamp;
use crate::timers::pausable::PausableTimers;
use crate::timers::{ExpiredTimers, Pid, ReapError, Reaper, TimerRequest, TimerServer, WorkerId};

/// Keeps the timers of workers in memory, and has a [`Reaper`] reap expired workers.
///
/// # Examples
///
/// ```
/// use timer_watchdog::{LocalTimerServer, ReapError, TimerRequest, TimerServer, Timestamp};
///
/// let server = LocalTimerServer::new(|worker: &&str| {
///     assert_eq!(*worker, "worker");
///     Ok::<bool, ReapError>(true)
/// });
/// server.register_timers(&[TimerRequest::acquire("worker", "load", Timestamp::from_nanos(7))]);
/// assert_eq!(server.expired_timers(Timestamp::from_nanos(6)), []);
/// assert_eq!(server.expired_timers(Timestamp::from_nanos(7)).len(), 1);
/// assert_eq!(server.reap_worker(&"worker").unwrap(), true);
/// ```
pub struct LocalTimerServer<R, W = Pid> {
    timers: Mutex<PausableTimers<W>>,
    reaper: R,
}

impl<R: Reaper<W>, W: WorkerId> LocalTimerServer<R, W> {
    /// Returns a server without timers.
    pub fn new(reaper: R) -> Self {
        Self { timers: Mutex::new(PausableTimers::new()), reaper }
    }

    /// Returns the number of timers.
    pub fn len(&self) -> usize {
        self.timers().len()
    }

    /// Returns whether there is no timer.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the reaper.
    pub fn reaper(&self) -> &R {
        &self.reaper
    }

    /// Never held while a reaper runs.
    fn timers(&self) -> MutexGuard<'_, PausableTimers<W>> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Reaper<W>, W: WorkerId> TimerServer<W> for LocalTimerServer<R, W> {
    fn register_timers(&self, requests: &[TimerRequest<W>]) {
        for request in requests {
            let is_new = self.timers().register(request);
            if is_new {
                self.reaper.meet(&request.worker_id);
            }
        }
    }

    fn clear_timers(&self, worker_ids: &HashSet<W>) {
        let mut timers = self.timers();
        for worker_id in worker_ids {
            timers.clear(worker_id);
        }
    }

    fn expired_timers(&self, deadline: Timestamp) -> Vec<ExpiredTimers<W>> {
        self.timers().expired(deadline)
    }

    fn reap_worker(&self, worker_id: &W) -> Result<bool, ReapError> {
        self.reaper.reap(worker_id)
    }

    fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.timers().next_deadline(now)
    }

    fn credit_gap(&self, gap: Duration) {
        self.timers().credit(gap);
    }
}

impl<R: fmt::Debug, W> fmt::Debug for LocalTimerServer<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalTimerServer").field("reaper", &self.reaper).finish_non_exhaustive()
    }
}
