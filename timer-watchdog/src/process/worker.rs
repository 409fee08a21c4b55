//! The traits of worker processes. A worker process is one process, and never another one with the same number.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use super::{Evidence, KillTarget};
use crate::timers::Pid;

/// The number of SIGKILL, which no process can ignore.
pub(crate) const SIGKILL: i32 = 9;
/// The number of SIGCONT, which continues a stopped process.
#[cfg(feature = "file")]
pub(crate) const SIGCONT: i32 = 18;

/// Finds the processes that requests name. Tests implement it.
pub trait Processes: Send + Sync {
    /// Returns the process that has this number now.
    ///
    /// # Errors
    ///
    /// If there is no such process, or if it must not be a worker.
    fn find(&self, pid: Pid) -> Result<Arc<dyn WorkerProcess>, RefusedWorker>;
}

/// One process, and never another one that gets its number later.
pub trait WorkerProcess: fmt::Debug + Send + Sync {
    /// Returns a descriptor that becomes readable when the process ends, if there is one. By default none.
    fn exit_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Returns the present state of the process.
    fn standing(&self) -> Standing;

    /// Sends a signal to the process, its process group or its control group.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if the process is gone, else the answer of the operating system.
    fn send(&self, signal: i32, target: KillTarget) -> io::Result<()>;

    /// Returns what the process is doing. May block: the server calls it on a thread for that alone.
    fn evidence(&self) -> Evidence {
        Evidence::default()
    }
}

/// The state of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It is alive.
    Alive {
        /// Its state, as the letter that `ps` shows: R, S, D, T, t and others.
        state: char,
        /// The kernel function in which it waits. Empty if it does not wait, or if this may not be read.
        wait_channel: String,
    },
    /// It has ended, and its parent has not collected its status yet.
    Zombie {
        /// The parent.
        parent: Pid,
    },
    /// It has ended, and its status is collected.
    Gone,
}

/// Why a process is refused as a worker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedWorker {
    /// The number is at most 1: it names a group, all processes, or the init process.
    #[error("process numbers up to 1 are never signaled")]
    Number,
    /// It is the server's own process. See [`KillPolicy::own_process_too`](crate::KillPolicy::own_process_too).
    #[error("it is the server's own process")]
    OwnProcess,
    /// It is an ancestor of the server. See [`KillPolicy::ancestors_too`](crate::KillPolicy::ancestors_too).
    #[error("it is an ancestor of the server")]
    Ancestor,
    /// It belongs to another user. See [`KillPolicy::other_users_too`](crate::KillPolicy::other_users_too).
    #[error("it belongs to user {uid}")]
    OtherUser {
        /// The user.
        uid: u32,
    },
    /// It is in another pid namespace, so the number in the request means another process.
    #[error("it is in another pid namespace")]
    OtherNamespace,
    /// It is not a descendant of the process that all workers descend from. See
    /// [`KillPolicy::within`](crate::KillPolicy::within).
    #[error("it is not a descendant of process {root}")]
    NotWithin {
        /// The process that all workers descend from.
        root: Pid,
    },
    /// There is no such process.
    #[error("there is no such process")]
    Gone,
    /// The operating system does not show the process, or refuses a descriptor.
    #[error("it cannot be identified: {0}")]
    Os(io::Error),
}
