//! Who may be killed, and how.

use std::time::Duration;

use serde::Serialize;

use crate::timers::Pid;

/// What a signal is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KillTarget {
    /// The worker alone.
    #[default]
    Process,
    /// The worker's process group; refused if that is the server's own.
    Group,
    /// The worker's control group (version 2) with all below it, which no descendant can leave by itself; refused if
    /// the server is in it.
    Cgroup,
}

/// Who may be killed, and how: signal, grace, SIGKILL, bounded wait.
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
    /// The number of a worker comes from this program, so it cannot mean another process than the one it says.
    pub(crate) trusts_numbers: bool,
}

/// Processes that can be workers though they are no plain ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Admitted {
    pub(crate) own_process: bool,
    pub(crate) ancestors: bool,
    pub(crate) other_users: bool,
}

impl KillPolicy {
    /// Returns the policy: the signal that the timer names, ten seconds of grace unless that is SIGKILL, SIGKILL, and
    /// five seconds of waiting for the end; the worker alone.
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

    /// Reports only: no signal is sent.
    #[must_use]
    pub fn observe(mut self) -> Self {
        self.is_observing = true;
        self
    }

    /// Starts with this signal whatever the timer names, 1 to 31; a timer that names none still kills nobody.
    #[must_use]
    pub fn signal(mut self, signal: i32) -> Self {
        self.signal = Some(signal);
        self
    }

    /// Sets the time between the first signal and SIGKILL; 10 s if not set, as service managers have it.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets how long a process may take to end after SIGKILL before it is given up as unkillable; 5 s if not set.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Sets what signals are sent to.
    #[must_use]
    pub fn target(mut self, target: KillTarget) -> Self {
        self.target = target;
        self
    }

    /// Lets the server's own process be a worker.
    #[must_use]
    pub fn own_process_too(mut self) -> Self {
        self.admitted.own_process = true;
        self
    }

    /// Lets the processes be workers that the server itself comes from.
    #[must_use]
    pub fn ancestors_too(mut self) -> Self {
        self.admitted.ancestors = true;
        self
    }

    /// Lets processes of other users be workers.
    #[must_use]
    pub fn other_users_too(mut self) -> Self {
        self.admitted.other_users = true;
        self
    }

    /// Lets only processes be workers that come from `root`.
    #[must_use]
    pub fn within(mut self, root: Pid) -> Self {
        self.within = Some(root);
        self
    }

    /// Sends the first signal to the server's own process, too, once a worker was killed, as upstream's server does.
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
    /// The process ended after the signal; its parent has not asked for its status yet.
    #[error("exited, and its parent {parent} does not ask for its status")]
    Zombie {
        /// The parent's number.
        parent: i32,
    },
    /// SIGKILL was sent, and the process is still there.
    #[error("not killed: still in state {state} after SIGKILL, in {wait_channel:?}")]
    Unkillable {
        /// Its state; D when it waits for the kernel.
        state: char,
        /// The function of the kernel that it waits in, if that may be known.
        wait_channel: String,
    },
    /// The operating system or a rule refused, each of several times.
    #[error("not killed: {reason}")]
    Denied {
        /// Why.
        reason: String,
    },
    /// The process had ended before any signal.
    #[error("gone before any signal")]
    Gone,
}

impl KillOutcome {
    /// Returns whether the process does not run any more.
    pub fn is_ended(&self) -> bool {
        matches!(self, Self::Exited | Self::Zombie { .. } | Self::Gone)
    }
}
