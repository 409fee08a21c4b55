//! Kills that cannot hit the wrong process: by pidfd and start time, step by step, with typed outcomes.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use super::{Evidence, KillTarget};
use crate::timers::Pid;

/// The signal that no process can refuse.
pub(crate) const SIGKILL: i32 = 9;
/// The signal that lets a stopped process go on.
#[cfg(feature = "file")]
pub(crate) const SIGCONT: i32 = 18;

/// Finds the processes that requests name; a test puts another in place.
pub trait Processes: Send + Sync {
    /// Returns the process that has this number now.
    ///
    /// # Errors
    ///
    /// If there is none, or if it must not be a worker.
    fn find(&self, pid: Pid) -> Result<Arc<dyn WorkerProcess>, RefusedWorker>;
}

/// One process, and never another one that has taken over its number.
pub trait WorkerProcess: fmt::Debug + Send + Sync {
    /// Returns a descriptor that becomes readable when the process ends, if there is one.
    fn exit_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Returns how the process stands at present.
    fn standing(&self) -> Standing;

    /// Sends a signal to the process or to what it belongs to.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if the process is gone, else what the operating system says.
    fn send(&self, signal: i32, target: KillTarget) -> io::Result<()>;

    /// Returns what the process is doing. May block; is called on a thread for that.
    fn evidence(&self) -> Evidence {
        Evidence::default()
    }
}

/// How a process stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It lives.
    Alive {
        /// Its state, as the letter that `ps` shows: R, S, D, T, t and others.
        state: char,
        /// The function of the kernel that it waits in, if that may be known.
        wait_channel: String,
    },
    /// It has ended, and its parent has not asked for its status yet.
    Zombie {
        /// The parent.
        parent: Pid,
    },
    /// There is nothing of it left.
    Gone,
}

/// Says why a process is not accepted as a worker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedWorker {
    /// Numbers up to 1 are groups, everybody, or the first process.
    #[error("process numbers up to 1 are never signalled")]
    Number,
    /// It is the own process, see [`KillPolicy::own_process_too`].
    #[error("it is the server's own process")]
    OwnProcess,
    /// It is the parent of the server, or a parent's parent, see [`KillPolicy::ancestors_too`].
    #[error("the server runs on its behalf")]
    Ancestor,
    /// It belongs to somebody else, see [`KillPolicy::other_users_too`].
    #[error("it belongs to user {uid}")]
    OtherUser {
        /// The user.
        uid: u32,
    },
    /// It sees other process numbers than the server, so it cannot be the one that was meant.
    #[error("it is in another namespace of process numbers")]
    OtherNamespace,
    /// It does not come from the process that all workers come from, see [`KillPolicy::within`].
    #[error("it does not come from process {root}")]
    NotWithin {
        /// That process.
        root: Pid,
    },
    /// There is no such process.
    #[error("there is no such process")]
    Gone,
    /// The operating system does not tell, or gives no descriptor.
    #[error("it cannot be identified: {0}")]
    Os(io::Error),
}
