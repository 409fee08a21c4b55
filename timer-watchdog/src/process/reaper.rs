//! Kills worker processes.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::timers::Reaper;
use crate::timers::{Pid, ReapError};

/// The signal that no process can refuse.
const SIGKILL: i32 = 9;

/// Sends signals to processes; a test puts another in place.
pub trait Kill: Send + Sync {
    /// Takes note of a process that is known to be the right one at present.
    fn meet(&self, pid: Pid) {
        let _ = pid;
    }

    /// Sends `signal` to the process.
    ///
    /// # Errors
    ///
    /// What the operating system answers; [`io::ErrorKind::NotFound`] if the process is gone.
    fn kill(&self, pid: Pid, signal: i32) -> io::Result<()>;
}

/// Kills worker processes that are stuck.
///
/// A process that is gone counts as reaped.
///
/// # Examples
///
/// ```
/// use timer_watchdog::{Pid, ProcessReaper, Reaper};
///
/// let reaper = ProcessReaper::new();
/// let error = reaper.reap(&Pid(1)).unwrap_err();
/// assert!(error.to_string().starts_with("cannot kill worker 1"));
/// ```
#[derive(Debug, Clone)]
pub struct ProcessReaper<K = PidfdKill> {
    kill: K,
}

impl ProcessReaper {
    /// Returns a reaper that sends SIGKILL through pidfds.
    pub fn new() -> Self {
        Self::with_kill(PidfdKill::new())
    }
}

impl Default for ProcessReaper {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Kill> ProcessReaper<K> {
    /// Returns a reaper that sends its signals through `kill`.
    pub fn with_kill(kill: K) -> Self {
        Self { kill }
    }

    /// Returns what sends the signals.
    pub fn kill(&self) -> &K {
        &self.kill
    }
}

impl<K: Kill> Reaper<Pid> for ProcessReaper<K> {
    fn meet(&self, worker_id: &Pid) {
        self.kill.meet(*worker_id);
    }

    fn reap(&self, worker_id: &Pid) -> Result<bool, ReapError> {
        match self.kill.kill(*worker_id, SIGKILL) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(source) => Err(ReapError::Os { action: "kill", worker: worker_id.to_string(), source }),
        }
    }
}

/// Sends signals through pidfds, which stay with one process where its number may pass to another.
///
/// The pidfd is opened when a worker's first timer is registered, while the worker lives. Process numbers up to 1 are
/// refused, and the own process, too, unless asked for.
#[derive(Clone)]
pub struct PidfdKill {
    known: Arc<Mutex<HashMap<Pid, Arc<OwnedFd>>>>,
    own_process_too: bool,
}

impl PidfdKill {
    /// Returns one that refuses to kill the own process.
    pub fn new() -> Self {
        Self { known: Arc::default(), own_process_too: false }
    }

    /// Lets the own process be killed, too.
    #[must_use]
    pub fn own_process_too(mut self) -> Self {
        self.own_process_too = true;
        self
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Pid, Arc<OwnedFd>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, pid: Pid) -> io::Result<Arc<OwnedFd>> {
        if pid.0 <= 1 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "process numbers up to 1 are never signalled"));
        }
        if pid == Pid::current() && !self.own_process_too {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the own process is signalled only if asked for"));
        }
        let number = rustix::process::Pid::from_raw(pid.0).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Arc::new(pidfd_open(number, PidfdFlags::empty()).map_err(not_found)?))
    }
}

/// Tells "no such process" apart from other answers.
fn not_found(errno: rustix::io::Errno) -> io::Error {
    if errno == rustix::io::Errno::SRCH { io::Error::new(io::ErrorKind::NotFound, errno) } else { errno.into() }
}

impl Kill for PidfdKill {
    fn meet(&self, pid: Pid) {
        // What cannot be opened now is tried again at the kill, and reported then.
        if let Ok(fd) = self.open(pid) {
            self.known().insert(pid, fd);
        }
    }

    fn kill(&self, pid: Pid, signal: i32) -> io::Result<()> {
        let known = self.known().remove(&pid);
        let fd = known.map_or_else(|| self.open(pid), Ok)?;
        let signal = Signal::from_named_raw(signal).ok_or(io::ErrorKind::InvalidInput)?;
        pidfd_send_signal(&*fd, signal).map_err(not_found)
    }
}

impl Default for PidfdKill {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PidfdKill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PidfdKill").field("own_process_too", &self.own_process_too).finish_non_exhaustive()
    }
}
