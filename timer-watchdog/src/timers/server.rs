//! The server half: what a watchdog asks of whoever holds the timers.

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

    /// Deals with a worker that has an expired timer.
    ///
    /// True says that it is dealt with, and its timers go. False says "not yet": it is asked for again.
    ///
    /// # Errors
    ///
    /// A worker that cannot be reaped counts as reaped, as does one whose reap panics, so that one bad worker does
    /// not occupy the server for ever.
    fn reap_worker(&self, worker_id: &W) -> Result<bool, ReapError>;

    /// Returns the earliest deadline after `now`, so that a watchdog can sleep until then.
    ///
    /// Without it, a deadline is noticed up to one longest wait late.
    fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let _ = now;
        None
    }

    /// Gives the timers held at present this much more time: nobody has run while it passed.
    fn credit_gap(&self, gap: Duration) {
        let _ = gap;
    }
}

/// Says why a worker could not be dealt with.
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
    /// The worker must not be dealt with.
    #[error("refused to reap worker {worker}: {reason}")]
    Refused {
        /// The worker, as its debug form shows it.
        worker: String,
        /// Why not.
        reason: &'static str,
    },
    /// The reaper did not return in time; it may still be at work.
    #[error("the reaper of worker {worker} has not returned within {limit:?}")]
    TimedOut {
        /// The worker, as its debug form shows it.
        worker: String,
        /// The time that it had.
        limit: Duration,
    },
    /// As many reapers as are allowed have not returned yet.
    #[error("cannot reap worker {worker}: {stuck} reapers have not returned yet")]
    Busy {
        /// The worker, as its debug form shows it.
        worker: String,
        /// How many there are.
        stuck: usize,
    },
    /// A reaper from elsewhere failed.
    #[error("the reaper failed")]
    Other(#[from] Box<dyn Error + Send + Sync>),
}
