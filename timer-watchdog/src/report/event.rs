//! The one type of events: all that a watchdog of this crate tells.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(all(feature = "file", target_os = "linux"))]
use super::WorkerEvent;
use super::{PassError, ReapFailure, Recovery, Stall, error_chain};
use crate::timers::{Pid, TimerRequest};

/// What a watchdog tells: a [`Watchdog`](crate::Watchdog), a [`HangWatcher`](crate::hang::HangWatcher) or, with the
/// feature `file`, a `FileTimerServer`.
///
/// Its `Display` form is one line for a log.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<W = Pid> {
    /// The watchdog's thread has started.
    Started {
        /// The longest wait between two passes.
        max_interval: Duration,
        /// The named pipe that it reads from, if it does.
        path: Option<PathBuf>,
    },
    /// The watchdog's thread has ended.
    Stopped,
    /// The watchdog did not run for some time. No timer and no scope is charged for that time.
    ObserverGap {
        /// The time that is credited.
        gap: Duration,
    },
    /// A whole pass failed. The watchdog goes on.
    PassFailed {
        /// Why.
        error: PassError,
    },
    /// A [`Watchdog`](crate::Watchdog) has carried out requests, in this order.
    Registered {
        /// All requests of one pass. Never empty.
        requests: Vec<TimerRequest<W>>,
    },
    /// Timers of a worker have expired. Told again at each pass that retains the worker.
    Expired {
        /// The worker.
        worker_id: W,
        /// Its expired timers, earliest deadline first.
        timers: Vec<TimerRequest<W>>,
        /// The time since the earliest deadline.
        late: Duration,
    },
    /// The reaper has dealt with a worker, whose timers are gone.
    Reaped {
        /// The worker.
        worker_id: W,
    },
    /// The reaper has not dealt with a worker yet. The next pass tries again.
    Retained {
        /// The worker.
        worker_id: W,
    },
    /// The reaper failed on a worker, whose timers are gone all the same.
    ReapFailed {
        /// The worker.
        worker_id: W,
        /// Why.
        cause: ReapFailure,
    },
    /// A scope of this process has exceeded a limit. Told once for each limit and scope.
    Stalled(Stall),
    /// A scope that had stalled has ended, or was petted or paused.
    Recovered(Recovery),
    /// Something happened to a worker process, or to the named pipe to it.
    #[cfg(all(feature = "file", target_os = "linux"))]
    Worker(WorkerEvent),
}

impl<W> Event<W> {
    /// Returns the name of the event. Where PyTorch's `log_event` has a name for it, that one.
    #[expect(clippy::doc_markdown, reason = "PyTorch is a name")]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "watchdog started",
            Self::Stopped => "watchdog stopped",
            Self::ObserverGap { .. } => "observer gap",
            Self::PassFailed { .. } => "pass failed",
            Self::Registered { .. } => "timers registered",
            Self::Expired { .. } => "timer expired",
            Self::Reaped { .. } => "worker reaped",
            Self::Retained { .. } => "worker retained",
            Self::ReapFailed { .. } => "reap failed",
            Self::Stalled(_) => "scope stalled",
            Self::Recovered(_) => "scope recovered",
            #[cfg(all(feature = "file", target_os = "linux"))]
            Self::Worker(event) => event.name(),
        }
    }

    /// Returns whether the event needs an operator's attention: an expiry, a stall, a failure, a gap.
    pub fn is_warning(&self) -> bool {
        match self {
            Self::Started { .. } | Self::Stopped | Self::Registered { .. } => false,
            #[cfg(all(feature = "file", target_os = "linux"))]
            Self::Worker(event) => event.is_warning(),
            _ => true,
        }
    }
}

impl<W: fmt::Debug> fmt::Display for Event<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { path: Some(path), .. } => write!(f, "watchdog started on {}", path.display()),
            Self::Started { max_interval, path: None } => {
                write!(f, "watchdog started, with a pass at least every {max_interval:?}")
            }
            Self::Stopped => f.write_str("watchdog stopped"),
            Self::ObserverGap { gap } => {
                write!(f, "watchdog did not run for {gap:?}; no timer is charged for that time")
            }
            Self::PassFailed { error } => write!(f, "watchdog pass failed: {}", error_chain(error)),
            Self::Registered { requests } => write!(f, "{} timer requests", requests.len()),
            Self::Expired { worker_id, timers, late } => {
                write!(f, "timer expired: worker {worker_id:?}, {late:?} ago, scopes")?;
                timers.iter().try_for_each(|timer| write!(f, " {:?}", timer.scope_id))
            }
            Self::Reaped { worker_id } => write!(f, "worker {worker_id:?} reaped"),
            Self::Retained { worker_id } => write!(f, "worker {worker_id:?} not reaped yet"),
            Self::ReapFailed { worker_id, cause } => {
                write!(f, "reaping worker {worker_id:?} failed: {}", error_chain(cause))
            }
            Self::Stalled(stall) => write!(f, "stalled: {stall}"),
            Self::Recovered(recovery) => write!(f, "recovered: {recovery}"),
            #[cfg(all(feature = "file", target_os = "linux"))]
            Self::Worker(event) => event.fmt(f),
        }
    }
}
