//! Events about worker processes and the named pipe to them.

use std::fmt;
use std::path::PathBuf;

use super::{Event, IncidentReport, error_chain};
use crate::channel::{LineError, PipeError};
use crate::process::{KillOutcome, RefusedWorker};
use crate::timers::Pid;

/// What a [`FileTimerServer`](crate::FileTimerServer) tells about worker processes and its pipe.
///
/// Writers of the pipe can cause some of these at will. Of those the server tells the first eight, then the ones whose
/// `total` is a power of two.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkerEvent {
    /// A worker's timer has expired. Told once, before any signal, with what the worker is doing.
    Expired {
        /// What is known.
        report: Box<IncidentReport>,
    },
    /// The server has dealt with an expired worker. The report has the outcome; none if no signal was to be sent.
    Ended {
        /// What is known.
        report: Box<IncidentReport>,
    },
    /// An expired worker released its timer before the next signal, which was not sent.
    Recovered {
        /// What is known.
        report: Box<IncidentReport>,
    },
    /// A worker has exited, and its timers are gone with it.
    Exited {
        /// The worker's process.
        pid: Pid,
        /// The number of timers that it held.
        timers: usize,
    },
    /// A line is not a request. Told as rarely as its `total` says.
    BadLine {
        /// Why.
        error: LineError,
        /// The number of such lines so far.
        total: u64,
    },
    /// A request names a process that cannot be a worker. Told as rarely as its `total` says.
    Refused {
        /// The process.
        pid: Pid,
        /// Why.
        cause: RefusedWorker,
        /// The number of such requests so far.
        total: u64,
    },
    /// A worker asks for more timers than one may hold. Told as rarely as its `total` says.
    OverQuota {
        /// The worker's process.
        pid: Pid,
        /// The number of timers that a worker may hold.
        quota: usize,
        /// The number of such requests so far.
        total: u64,
    },
    /// The named pipe was missing, and the server has made it again.
    PipeRestored {
        /// The path.
        path: PathBuf,
    },
    /// The path no longer leads to the pipe. Clients that have the pipe open are still served.
    PipeLost {
        /// Why the server cannot make it again.
        error: PipeError,
    },
    /// The server cannot write the file of an incident.
    DumpFailed {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl WorkerEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "timer expired",
            Self::Ended { report } if report.outcome.is_some() => "kill worker process",
            Self::Ended { .. } => "worker spared",
            Self::Recovered { .. } => "worker recovered",
            Self::Exited { .. } => "worker exited",
            Self::BadLine { .. } => "bad line",
            Self::Refused { .. } => "worker refused",
            Self::OverQuota { .. } => "timer refused",
            Self::PipeRestored { .. } => "pipe restored",
            Self::PipeLost { .. } => "pipe lost",
            Self::DumpFailed { .. } => "dump failed",
        }
    }

    pub(super) fn is_warning(&self) -> bool {
        !matches!(self, Self::Exited { .. })
    }

    /// Returns what is known about an expired worker, if the event is about one.
    pub fn report(&self) -> Option<&IncidentReport> {
        match self {
            Self::Expired { report } | Self::Ended { report } | Self::Recovered { report } => Some(report),
            _ => None,
        }
    }
}

impl<W> From<WorkerEvent> for Event<W> {
    fn from(event: WorkerEvent) -> Self {
        Self::Worker(event)
    }
}

impl fmt::Display for WorkerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { report } => write!(f, "timer expired: {report}"),
            Self::Ended { report } => {
                let outcome =
                    report.outcome.as_ref().map_or_else(|| why_spared(report).to_owned(), KillOutcome::to_string);
                write!(f, "{report}: signal {}, {outcome}", report.signal)
            }
            Self::Recovered { report } => write!(f, "{report}: released its timer, and is spared"),
            Self::Exited { pid, timers } => write!(f, "worker {pid} exited with {timers} timers"),
            Self::BadLine { error, total } => write!(f, "not a timer request ({total} so far): {error}"),
            Self::Refused { pid, cause, total } => {
                write!(f, "process {pid} is refused as a worker ({total} so far): {cause}")
            }
            Self::OverQuota { pid, quota, total } => {
                write!(f, "worker {pid} holds {quota} timers already ({total} refused so far)")
            }
            Self::PipeRestored { path } => write!(f, "{} was missing and has been made again", path.display()),
            Self::PipeLost { error } => write!(f, "new clients cannot connect: {}", error_chain(error)),
            Self::DumpFailed { path, error } => write!(f, "cannot write {}: {error}", path.display()),
        }
    }
}

fn why_spared(report: &IncidentReport) -> &'static str {
    if report.is_observed_only { "observed only" } else { "no timer names a signal" }
}
