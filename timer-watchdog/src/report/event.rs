//! What a watchdog tells about its steps.

use std::fmt;
use std::time::Duration;

use crate::engine::PassError;
use crate::timers::{Pid, ReapError, TimerRequest};

/// One step of a [`Watchdog`](crate::Watchdog).
///
/// Its `Display` form is one line for a log.
#[derive(Debug)]
#[non_exhaustive]
pub enum TimerEvent<W = Pid> {
    /// The watchdog's thread runs.
    Started {
        /// The longest wait of its loop.
        max_interval: Duration,
    },
    /// Requests have been carried out, in this order.
    Registered {
        /// All requests of one pass; never empty.
        requests: Vec<TimerRequest<W>>,
    },
    /// Timers of a worker have expired; comes again at each pass that the worker is retained.
    Expired {
        /// The worker.
        worker_id: W,
        /// Its expired timers, earliest deadline first.
        timers: Vec<TimerRequest<W>>,
        /// How long ago the earliest deadline was.
        late: Duration,
    },
    /// A worker has been dealt with, and its timers are gone.
    Reaped {
        /// The worker.
        worker_id: W,
    },
    /// A worker has not been dealt with yet: the next pass tries again.
    Retained {
        /// The worker.
        worker_id: W,
    },
    /// A worker could not be dealt with; its timers are gone all the same.
    ReapFailed {
        /// The worker.
        worker_id: W,
        /// Why.
        cause: ReapFailure,
    },
    /// A whole pass failed; the watchdog goes on.
    PassFailed {
        /// Why.
        error: PassError,
    },
    /// The watchdog itself did not run for some time, so nobody was charged for it.
    ObserverGap {
        /// How long it did not run beyond what it had planned.
        gap: Duration,
    },
    /// The watchdog's thread has ended.
    Stopped,
}

/// Says why a worker could not be dealt with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReapFailure {
    /// The reaper returned an error.
    #[error(transparent)]
    Error(#[from] ReapError),
    /// The reaper panicked.
    #[error("the reaper panicked: {0}")]
    Panic(String),
}

impl<W> TimerEvent<W> {
    /// Returns whether the event tells of something that should not be: an expiry, a failure, a gap.
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::Started { .. } | Self::Registered { .. } | Self::Stopped)
    }
}

impl<W: fmt::Debug> fmt::Display for TimerEvent<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { max_interval } => {
                write!(f, "watchdog started, it looks at least every {max_interval:?}")
            }
            Self::Registered { requests } => write!(f, "{} timer requests", requests.len()),
            Self::Expired { worker_id, timers, late } => {
                write!(f, "timer expired: worker {worker_id:?}, {late:?} ago, scopes")?;
                timers.iter().try_for_each(|timer| write!(f, " {:?}", timer.scope_id))
            }
            Self::Reaped { worker_id } => write!(f, "worker {worker_id:?} reaped"),
            Self::Retained { worker_id } => write!(f, "worker {worker_id:?} not reaped yet"),
            Self::ReapFailed { worker_id, cause } => {
                write!(f, "reaping worker {worker_id:?} failed: {}", chain(cause))
            }
            Self::PassFailed { error } => write!(f, "watchdog pass failed: {}", chain(error)),
            Self::ObserverGap { gap } => {
                write!(f, "watchdog did not run for {gap:?}, all timers are given that time")
            }
            Self::Stopped => f.write_str("watchdog stopped"),
        }
    }
}

/// Returns an error and what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
