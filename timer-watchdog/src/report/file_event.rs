//! What a server of file timers tells about its steps.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::IncidentReport;
use crate::channel::LineError;
use crate::channel::PipeError;
use crate::process::{KillOutcome, RefusedWorker};
use crate::timers::Pid;

/// One step of a [`FileTimerServer`](crate::FileTimerServer). Its `Display` form is one line for a log.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileTimerEvent {
    /// The server's thread runs.
    Started {
        /// The named pipe.
        path: PathBuf,
    },
    /// A worker's timer has expired; told once, before any signal, with what the worker is doing.
    Expired {
        /// What is known.
        report: Box<IncidentReport>,
    },
    /// An expired worker has been dealt with; the outcome is in the report, none if no signal was to be sent.
    Ended {
        /// What is known.
        report: Box<IncidentReport>,
    },
    /// An expired worker released its timer before the next signal, which was not sent.
    Recovered {
        /// What is known.
        report: Box<IncidentReport>,
    },
    /// A worker ended; its timers are gone with it.
    WorkerExited {
        /// The worker's process.
        pid: Pid,
        /// How many timers it held.
        timers: usize,
    },
    /// A line was no request. Told for the first eight, then ever more rarely: see `total`.
    BadLine {
        /// Why.
        error: LineError,
        /// How many there have been.
        total: u64,
    },
    /// A request named a process that cannot be a worker. Told as rarely as bad lines.
    Refused {
        /// The process.
        pid: Pid,
        /// Why.
        cause: RefusedWorker,
        /// How many there have been.
        total: u64,
    },
    /// A worker asked for more timers than one may hold. Told as rarely as bad lines.
    OverQuota {
        /// The worker's process.
        pid: Pid,
        /// How many it may hold.
        quota: usize,
        /// How many requests have been refused for it.
        total: u64,
    },
    /// The named pipe was missing and has been made again.
    PipeRestored {
        /// The path.
        path: PathBuf,
    },
    /// The path does not lead to the pipe any more; clients that have it open are still served.
    PipeLost {
        /// Why it could not be made again.
        error: PipeError,
    },
    /// A report could not be written.
    DumpFailed {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The server itself did not run for some time, so nobody was charged for it.
    ObserverGap {
        /// How long that may have been.
        gap: Duration,
    },
    /// A whole pass failed; the server goes on.
    PassFailed {
        /// Why.
        error: std::io::Error,
    },
    /// The server's thread has ended.
    Stopped,
}

impl FileTimerEvent {
    /// Returns the name of the event; where upstream's `log_event` has one, that.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "watchdog started",
            Self::Expired { .. } => "timer expired",
            Self::Ended { report } if report.outcome.is_some() => "kill worker process",
            Self::Ended { .. } => "worker spared",
            Self::Recovered { .. } => "worker recovered",
            Self::WorkerExited { .. } => "worker exited",
            Self::BadLine { .. } => "bad line",
            Self::Refused { .. } => "worker refused",
            Self::OverQuota { .. } => "timer refused",
            Self::PipeRestored { .. } => "pipe restored",
            Self::PipeLost { .. } => "pipe lost",
            Self::DumpFailed { .. } => "dump failed",
            Self::ObserverGap { .. } => "observer gap",
            Self::PassFailed { .. } => "pass failed",
            Self::Stopped => "watchdog stopped",
        }
    }

    /// Returns whether the event tells of something that should not be.
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::Started { .. } | Self::WorkerExited { .. } | Self::Stopped)
    }

    /// Returns what is known about an expired worker, if the event is about one.
    pub fn report(&self) -> Option<&IncidentReport> {
        match self {
            Self::Expired { report } | Self::Ended { report } | Self::Recovered { report } => Some(report),
            _ => None,
        }
    }
}

impl fmt::Display for FileTimerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { path } => write!(f, "watchdog started on {}", path.display()),
            Self::Expired { report } => write!(f, "timer expired: {report}"),
            Self::Ended { report } => {
                let outcome = report.outcome.as_ref().map_or_else(|| spared(report), KillOutcome::to_string);
                write!(f, "{report}: signal {}, {outcome}", report.signal)
            }
            Self::Recovered { report } => write!(f, "{report}: went on, and is spared"),
            Self::WorkerExited { pid, timers } => write!(f, "worker {pid} ended, and {timers} timers with it"),
            Self::BadLine { error, total } => write!(f, "not a timer request ({total} so far): {error}"),
            Self::Refused { pid, cause, total } => {
                write!(f, "process {pid} is refused as a worker ({total} so far): {cause}")
            }
            Self::OverQuota { pid, quota, total } => {
                write!(f, "worker {pid} holds {quota} timers already ({total} refused so far)")
            }
            Self::PipeRestored { path } => write!(f, "{} was missing and has been made again", path.display()),
            Self::PipeLost { error } => write!(f, "no new client can come: {}", crate::report::event::chain(error)),
            Self::DumpFailed { path, error } => write!(f, "cannot write {}: {error}", path.display()),
            Self::ObserverGap { gap } => write!(f, "watchdog did not run for {gap:?}, all timers are given that time"),
            Self::PassFailed { error } => write!(f, "watchdog pass failed: {error}"),
            Self::Stopped => f.write_str("watchdog stopped"),
        }
    }
}

fn spared(report: &IncidentReport) -> String {
    let why = if report.is_observed_only { "observed only" } else { "no timer names a signal" };
    why.to_owned()
}
