//! The reaper that kills worker processes.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{KillPolicy, KillTarget, LinuxProcesses, Processes, RefusedWorker, SIGKILL, WorkerProcess};
use crate::timers::{Pid, ReapError, Reaper};

/// Sends SIGKILL to worker processes whose timer has expired.
///
/// It opens the process when the worker acquires its first timer, while the worker lives, so that a number which
/// another process gets later kills nobody. A process that is gone counts as reaped. Process numbers up to 1 are
/// refused, and so is the own process unless [`own_process_too`](Self::own_process_too) admits it.
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
#[derive(Debug)]
pub struct ProcessReaper<P = LinuxProcesses> {
    processes: P,
    /// The processes of workers that have not been reaped.
    known: Mutex<HashMap<Pid, Arc<dyn WorkerProcess>>>,
}

impl ProcessReaper {
    /// Returns a reaper for the processes of this machine, except the own one.
    pub fn new() -> Self {
        Self::with_processes(LinuxProcesses::new(&KillPolicy::for_own_requests()))
    }

    /// Admits the own process, too.
    #[must_use]
    pub fn own_process_too(self) -> Self {
        Self::with_processes(LinuxProcesses::new(&KillPolicy::for_own_requests().own_process_too()))
    }
}

impl Default for ProcessReaper {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Processes> ProcessReaper<P> {
    /// Returns a reaper that takes workers from `processes` instead of this machine's.
    pub fn with_processes(processes: P) -> Self {
        Self { processes, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Pid, Arc<dyn WorkerProcess>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kill(&self, pid: Pid) -> io::Result<()> {
        let known = self.known().remove(&pid);
        let process = known.map_or_else(|| self.processes.find(pid), Ok).map_err(into_io)?;
        process.send(SIGKILL, KillTarget::Process)
    }
}

impl<P: Processes> Reaper<Pid> for ProcessReaper<P> {
    fn meet(&self, worker_id: &Pid) {
        // `reap` tries again, and returns the error.
        if let Ok(process) = self.processes.find(*worker_id) {
            self.known().insert(*worker_id, process);
        }
    }

    fn reap(&self, worker_id: &Pid) -> Result<bool, ReapError> {
        match self.kill(*worker_id) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(source) => Err(ReapError::Os { action: "kill", worker: worker_id.to_string(), source }),
        }
    }
}

fn into_io(refused: RefusedWorker) -> io::Error {
    match refused {
        RefusedWorker::Gone => io::Error::new(io::ErrorKind::NotFound, refused),
        RefusedWorker::Os(error) => error,
        _ => io::Error::new(io::ErrorKind::InvalidInput, refused),
    }
}
