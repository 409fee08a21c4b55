//! A server that keeps its timers in memory.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::{ExpiredTimers, Pid, ReapError, Reaper, RequestKind, TimerRequest, TimerServer, TimerTable, WorkerId};

/// Keeps the timers of workers in memory and leaves expired workers to a [`Reaper`].
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
    timers: Mutex<Timers<W>>,
    reaper: R,
}

/// The table, in a time of its own that stands still during gaps.
struct Timers<W> {
    table: TimerTable<W>,
    /// All gaps so far. A deadline that comes in later is moved back by it, so that only earlier ones gain.
    credited: Duration,
}

impl<R: Reaper<W>, W: WorkerId> LocalTimerServer<R, W> {
    /// Returns a server without timers.
    pub fn new(reaper: R) -> Self {
        Self { timers: Mutex::new(Timers { table: TimerTable::new(), credited: Duration::ZERO }), reaper }
    }

    /// Returns the number of timers.
    pub fn len(&self) -> usize {
        self.timers().table.len()
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
    fn timers(&self) -> MutexGuard<'_, Timers<W>> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: WorkerId> Timers<W> {
    fn register(&mut self, request: &TimerRequest<W>) -> bool {
        match request.kind {
            RequestKind::Acquire { expiration } if !self.credited.is_zero() => {
                let expiration = expiration.before(self.credited);
                let kind = RequestKind::Acquire { expiration };
                self.table.register(&TimerRequest { kind, ..request.clone() })
            }
            _ => self.table.register(request),
        }
    }

    fn expired(&self, now: Timestamp) -> Vec<ExpiredTimers<W>> {
        let mut expired = self.table.expired(now.before(self.credited));
        if !self.credited.is_zero() {
            for timer in expired.iter_mut().flat_map(|worker| &mut worker.timers) {
                if let RequestKind::Acquire { expiration } = &mut timer.kind {
                    *expiration = expiration.after(self.credited);
                }
            }
        }
        expired
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
            timers.table.clear(worker_id);
        }
    }

    fn expired_timers(&self, deadline: Timestamp) -> Vec<ExpiredTimers<W>> {
        self.timers().expired(deadline)
    }

    fn reap_worker(&self, worker_id: &W) -> Result<bool, ReapError> {
        self.reaper.reap(worker_id)
    }

    fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let timers = self.timers();
        let next = timers.table.next_deadline_after(now.before(timers.credited))?;
        Some(next.after(timers.credited))
    }

    fn credit_gap(&self, gap: Duration) {
        let mut timers = self.timers();
        timers.credited = timers.credited.saturating_add(gap);
    }
}

impl<R: fmt::Debug, W> fmt::Debug for LocalTimerServer<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalTimerServer").field("reaper", &self.reaper).finish_non_exhaustive()
    }
}
