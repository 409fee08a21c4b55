//! What a detector tells.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::frame::Frame;
use super::slot::ThreadInfo;

/// What a [`Detector`](super::Detector) has found.
///
/// Its `Display` form is one line for a log.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HangEvent {
    /// A scope has exceeded a limit; told once for each limit and scope.
    Stalled(Stall),
    /// A scope that had been told of has ended or was petted.
    Recovered(Recovery),
    /// The detector itself did not run for some time, so no scope was charged for it.
    ObserverGap {
        /// How long it did not run beyond what it had planned.
        gap: Duration,
    },
}

/// Which limit a scope has exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The limit for a warning.
    Soft,
    /// The whole timeout.
    Hard,
}

/// What a stalled scope does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// It is a scope of this thread, which has not left it.
    InScope {
        /// The thread.
        thread: Arc<ThreadInfo>,
    },
    /// It is a scope that is not bound to a thread.
    Owned,
    /// It is a task inside a poll, which blocks its thread.
    InPoll {
        /// The thread that polls, if it still is there.
        thread: Option<Arc<ThreadInfo>>,
        /// How long the poll has taken.
        elapsed: Duration,
    },
    /// It is a task that has been polled and waits to be woken.
    BetweenPolls {
        /// How long ago the last poll ended.
        elapsed: Duration,
    },
    /// It is a task that nobody has ever polled.
    NeverPolled,
}

/// A scope that has exceeded a limit.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stall {
    /// Which limit.
    pub level: Level,
    /// The scope's name, if it has one.
    pub scope: Option<&'static str>,
    /// Where it was acquired.
    pub place: &'static Location<'static>,
    /// What it does.
    pub activity: Activity,
    /// How long it has taken, since it was acquired or last petted.
    pub elapsed: Duration,
    /// How long it may take.
    pub timeout: Duration,
    pub(super) origin: Origin,
}

impl Stall {
    /// Returns whether the scope has ended or was petted since: to be asked before anything drastic.
    pub fn is_over(&self) -> bool {
        let Origin { frame, ticket, deadline } = self.origin;
        !frame.has(ticket) || frame.deadline() != deadline
    }
}

/// Which scope it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) frame: &'static Frame,
    pub(super) ticket: u64,
    pub(super) deadline: u64,
}

/// A scope that had stalled and goes on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recovery {
    /// What was told last.
    pub stall: Stall,
    /// How long the scope took until it was seen to go on, since it was acquired or petted before.
    pub elapsed: Duration,
    /// Whether it has ended; false if it was petted or paused.
    pub has_ended: bool,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Soft => "soft",
            Self::Hard => "hard",
        })
    }
}

/// The scope with its place.
struct Named<'a>(&'a Stall);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.0.scope {
            write!(f, "{name:?} ")?;
        }
        write!(f, "at {}", self.0.place)
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InScope { thread } => write!(f, "on {thread}"),
            Self::Owned => f.write_str("on no thread of its own"),
            Self::InPoll { thread, elapsed } => {
                write!(f, "blocked inside a poll for {elapsed:?}")?;
                thread.iter().try_for_each(|thread| write!(f, " on {thread}"))
            }
            Self::BetweenPolls { elapsed } => write!(f, "not polled for {elapsed:?}"),
            Self::NeverPolled => f.write_str("never polled"),
        }
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "scope {} has taken {:?} of {:?} ({} limit), {}",
            Named(self),
            self.elapsed,
            self.timeout,
            self.level,
            self.activity
        )
    }
}

impl fmt::Display for HangEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stalled(stall) => write!(f, "stalled: {stall}"),
            Self::Recovered(recovery) => {
                let how = if recovery.has_ended { "ended" } else { "goes on" };
                let named = Named(&recovery.stall);
                write!(f, "recovered: scope {named} {how} after {:?}", recovery.elapsed)
            }
            Self::ObserverGap { gap } => {
                write!(f, "hang detector did not run for {gap:?}, no scope is charged for it")
            }
        }
    }
}
