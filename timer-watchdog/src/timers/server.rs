//! The trait of servers, which hold timers for a watchdog.

use std::collections::HashSet;
use std::error::Error;
use std::time::Duration;

use crate::time::Timestamp;
use crate::timers::{ExpiredTimers, Pid, TimerRequest};

/// Holds the timers of workers and deals with workers whose timers have expired.
///
/// A [`Watchdog`](crate::Watchdog) calls it, one call at a time.
pub trait TimerServer<W = Pid>: Send + Sync {
    /// Carries out requests, in this order.
    fn register_timers(&self, requests: &[TimerRequest<W>]);

    /// Removes all timers of these workers.
    fn clear_timers(&self, worker_ids: &HashSet<W>);

    /// Returns the timers whose deadline is at or before `deadline`, by worker.
    fn expired_timers(&self, deadline: Timestamp) -> Vec<ExpiredTimers<W>>;

    /// Reaps a worker that has an expired timer.
    ///
    /// Returns true if the worker is reaped, and its timers are to be cleared. Returns false to be called again in the
    /// next pass.
    ///
    /// # Errors
    ///
    /// If the worker cannot be reaped. It then counts as reaped, as after a panic, so that it does not occupy the
    /// server for ever.
    fn reap_worker(&self, worker_id: &W) -> Result<bool, ReapError>;

    /// Returns the earliest deadline after `now`, so that a watchdog can sleep until then.
    ///
    /// With the default, none, a deadline is noticed late by up to one longest wait.
    fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let _ = now;
        None
    }

    /// Moves the deadlines of all present timers back by `gap`, in which the watchdog did not run.
    fn credit_gap(&self, gap: Duration) {
        let _ = gap;
    }
}

/// Why a worker cannot be reaped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReapError {
    /// The operating system refused.
    #[error("cannot {action} worker {worker}")]
    Os {
        /// What was tried.
        action: &'static str,
        /// The worker, as its debug form shows it.
        worker: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The worker must not be reaped.
    #[error("refused to reap worker {worker}: {reason}")]
    Refused {
        /// The worker, as its debug form shows it.
        worker: String,
        /// Why.
        reason: &'static str,
    },
    /// The reaper has not returned in time. It still runs.
    #[error("the reaper of worker {worker} has not returned within {limit:?}")]
    TimedOut {
        /// The worker, as its debug form shows it.
        worker: String,
        /// The time that it may take.
        limit: Duration,
    },
    /// The allowed number of reapers have not returned yet.
    #[error("cannot reap worker {worker}: {stuck} reapers have not returned yet")]
    Busy {
        /// The worker, as its debug form shows it.
        worker: String,
        /// Their number.
        stuck: usize,
    },
    /// A reaper outside this crate failed.
    #[error("the reaper failed")]
    Other(#[from] Box<dyn Error + Send + Sync>),
}
