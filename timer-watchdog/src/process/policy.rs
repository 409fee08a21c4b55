//! Which processes may be killed, and how.

use std::time::Duration;

use serde::Serialize;

use crate::timers::Pid;

/// What receives a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KillTarget {
    /// The worker alone.
    #[default]
    Process,
    /// The worker's process group. Refused if it is the server's own.
    Group,
    /// The worker's control group (version 2) and the groups below it. No descendant can leave it by itself. Refused if
    /// the server is in it.
    Cgroup,
}

/// Which processes may be workers, and how they are killed: signal, grace, SIGKILL, bounded wait.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{KillPolicy, KillTarget};
///
/// let policy = KillPolicy::new().grace(Duration::from_secs(30)).target(KillTarget::Group);
/// assert_eq!(policy, KillPolicy::new().target(KillTarget::Group).grace(Duration::from_secs(30)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillPolicy {
    pub(crate) is_observing: bool,
    pub(crate) signal: Option<i32>,
    pub(crate) grace: Duration,
    pub(crate) wait: Duration,
    pub(crate) target: KillTarget,
    pub(crate) admitted: Admitted,
    pub(crate) within: Option<Pid>,
    pub(crate) ends_server: bool,
    /// The numbers of workers come from this program, and not from clients in other processes.
    pub(crate) trusts_numbers: bool,
}

/// Processes that are refused as workers by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Admitted {
    pub(crate) own_process: bool,
    pub(crate) ancestors: bool,
    pub(crate) other_users: bool,
}

impl KillPolicy {
    /// Returns the default policy: the signal that the timer names, a grace of 10 s unless that is SIGKILL, SIGKILL,
    /// and a wait of 5 s for the end. Signals go to the worker alone.
    pub fn new() -> Self {
        Self {
            is_observing: false,
            signal: None,
            grace: Duration::from_secs(10),
            wait: Duration::from_secs(5),
            target: KillTarget::Process,
            admitted: Admitted::default(),
            within: None,
            ends_server: false,
            trusts_numbers: false,
        }
    }

    /// Returns the policy for workers that this program names itself: only the own process is refused.
    pub(crate) fn for_own_requests() -> Self {
        Self { trusts_numbers: true, ..Self::new() }
    }

    /// Makes the server report only, and send no signal.
    #[must_use]
    pub fn observe(mut self) -> Self {
        self.is_observing = true;
        self
    }

    /// Sets the first signal, 1 to 31, in place of the one that the timer names. A timer that names none still kills
    /// nobody.
    #[must_use]
    pub fn signal(mut self, signal: i32) -> Self {
        self.signal = Some(signal);
        self
    }

    /// Sets the time between the first signal and SIGKILL. Default: 10 s, as for service managers.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets the time after SIGKILL in which a process must end before it counts as unkillable. Default: 5 s.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Sets what receives the signals. Default: the worker alone.
    #[must_use]
    pub fn target(mut self, target: KillTarget) -> Self {
        self.target = target;
        self
    }

    /// Admits the server's own process as a worker.
    #[must_use]
    pub fn own_process_too(mut self) -> Self {
        self.admitted.own_process = true;
        self
    }

    /// Admits ancestors of the server as workers.
    #[must_use]
    pub fn ancestors_too(mut self) -> Self {
        self.admitted.ancestors = true;
        self
    }

    /// Admits processes of other users as workers.
    #[must_use]
    pub fn other_users_too(mut self) -> Self {
        self.admitted.other_users = true;
        self
    }

    /// Refuses processes that do not descend from `root`.
    #[must_use]
    pub fn within(mut self, root: Pid) -> Self {
        self.within = Some(root);
        self
    }

    /// Makes the server send the first signal to its own process, too, after it has killed a worker, as `PyTorch`'s
    /// server does.
    #[must_use]
    pub fn ends_server(mut self) -> Self {
        self.ends_server = true;
        self
    }
}

impl Default for KillPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// How a kill ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum KillOutcome {
    /// The process ended after the signal.
    #[error("exited")]
    Exited,
    /// The process ended after the signal, and its parent has not collected its status.
    #[error("exited, and its parent {parent} does not collect its status")]
    Zombie {
        /// The parent's number.
        parent: i32,
    },
    /// The process has not ended after SIGKILL.
    #[error("not killed: still in state {state} after SIGKILL, in {wait_channel:?}")]
    Unkillable {
        /// Its state. D in an uninterruptible wait.
        state: char,
        /// The kernel function in which it waits. Empty if this may not be read.
        wait_channel: String,
    },
    /// A rule, or the operating system at each of several tries, refuses the signal.
    #[error("not killed: {reason}")]
    Denied {
        /// Why.
        reason: String,
    },
    /// The process ended before any signal.
    #[error("gone before any signal")]
    Gone,
}

impl KillOutcome {
    /// Returns whether the process has ended.
    pub fn is_ended(&self) -> bool {
        matches!(self, Self::Exited | Self::Zombie { .. } | Self::Gone)
    }
}
