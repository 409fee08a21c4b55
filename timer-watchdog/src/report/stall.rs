//! Scopes of this process that have exceeded a limit.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::thread::ThreadInfo;

/// A limit of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The limit for a warning.
    Soft,
    /// The whole timeout.
    Hard,
}

/// What a stalled scope is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// It is a scope of this thread, which is still in it.
    InScope {
        /// The thread.
        thread: Arc<ThreadInfo>,
    },
    /// It is a scope that is not bound to a thread.
    Owned,
    /// It is a task inside a poll, which blocks its thread.
    InPoll {
        /// The thread that polls, if it has not ended.
        thread: Option<Arc<ThreadInfo>>,
        /// The time since the poll began.
        elapsed: Duration,
    },
    /// It is a task that has been polled and waits to be woken.
    BetweenPolls {
        /// The time since the last poll ended.
        elapsed: Duration,
    },
    /// It is a task that has never been polled.
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
    /// The place in the source where it was acquired.
    pub place: &'static Location<'static>,
    /// What it is doing.
    pub activity: Activity,
    /// The time since it was acquired or last petted.
    pub elapsed: Duration,
    /// The time that it may take.
    pub timeout: Duration,
    pub(crate) origin: Origin,
}

impl Stall {
    /// Returns whether the scope has ended or was petted since. Ask it before a drastic action.
    pub fn is_over(&self) -> bool {
        let Origin { scope, ticket, deadline } = self.origin;
        !scope.is_unchanged(ticket, deadline)
    }
}

/// Which scope stalled, and with which deadline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) scope: &'static dyn ScopeState,
    pub(crate) ticket: u64,
    pub(crate) deadline: u64,
}

/// The place of a scope, which another scope may take over later.
pub(crate) trait ScopeState: fmt::Debug + Sync {
    /// Returns whether the scope of this ticket still is in the place, with this deadline.
    fn is_unchanged(&self, ticket: u64, deadline: u64) -> bool;
}

/// A scope that had stalled and has ended, or was petted or paused.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recovery {
    /// The last stall that was told.
    pub stall: Stall,
    /// The time from the acquire, or the pet before the stall, until the detector saw the recovery.
    pub elapsed: Duration,
    /// Whether it has ended. False if it was petted or paused.
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

/// Shows a scope by name and place.
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

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.has_ended { "ended" } else { "goes on" };
        write!(f, "scope {} {how} after {:?}", Named(&self.stall), self.elapsed)
    }
}
