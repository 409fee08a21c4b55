//! The processes of this machine, each identified by a pidfd and a start time.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::process::{Signal, getpgid, kill_process_group};

use super::proc::{self, Stat};
use super::{
    Evidence, KillPolicy, KillTarget, Processes, RefusedWorker, Standing, WorkerProcess, control_group, evidence, pidfd,
};
use crate::timers::Pid;

/// The processes of this machine that a [`KillPolicy`] admits as workers.
///
/// # Examples
///
/// ```
/// use timer_watchdog::{KillPolicy, LinuxProcesses, Pid, Processes, RefusedWorker};
///
/// let processes = LinuxProcesses::new(&KillPolicy::new());
/// assert!(matches!(processes.find(Pid(1)), Err(RefusedWorker::Number)));
/// assert!(matches!(processes.find(Pid::current()), Err(RefusedWorker::OwnProcess)));
/// ```
#[derive(Debug, Clone)]
pub struct LinuxProcesses {
    policy: KillPolicy,
}

impl LinuxProcesses {
    /// Returns the processes that `policy` admits.
    pub fn new(policy: &KillPolicy) -> Self {
        Self { policy: policy.clone() }
    }

    fn check(&self, pid: Pid) -> Result<(), RefusedWorker> {
        let own = Pid::current();
        if pid == own && !self.policy.admitted.own_process {
            return Err(RefusedWorker::OwnProcess);
        }
        if self.policy.trusts_numbers {
            return Ok(());
        }
        if pid != own && !self.policy.admitted.ancestors && proc::comes_from(own, pid) {
            return Err(RefusedWorker::Ancestor);
        }
        let mine = rustix::process::geteuid().as_raw();
        let other = proc::users(pid).map_err(gone)?.into_iter().find(|uid| *uid != mine);
        if let Some(uid) = other.filter(|_| !self.policy.admitted.other_users) {
            return Err(RefusedWorker::OtherUser { uid });
        }
        let namespace = |pid| std::fs::read_link(proc::path(pid, "ns/pid"));
        // A namespace that may not be read decides nothing.
        if let (Ok(its), Ok(mine)) = (namespace(pid), namespace(own))
            && its != mine
        {
            return Err(RefusedWorker::OtherNamespace);
        }
        match self.policy.within {
            Some(root) if !proc::comes_from(pid, root) => Err(RefusedWorker::NotWithin { root }),
            _ => Ok(()),
        }
    }
}

impl Processes for LinuxProcesses {
    fn find(&self, pid: Pid) -> Result<Arc<dyn WorkerProcess>, RefusedWorker> {
        if pid.0 <= 1 {
            return Err(RefusedWorker::Number);
        }
        let process = PidfdProcess::open(pid)?;
        self.check(pid)?;
        // The checks read by number. They were about the process of the pidfd only if that still lives.
        if process.has_ended() || !process.is_same() {
            return Err(RefusedWorker::Gone);
        }
        Ok(Arc::new(process))
    }
}

/// One process: its pidfd, and its start time for operations by number.
#[derive(Debug)]
struct PidfdProcess {
    pid: Pid,
    start_ticks: u64,
    pidfd: OwnedFd,
}

impl PidfdProcess {
    fn open(pid: Pid) -> Result<Self, RefusedWorker> {
        let pidfd = pidfd::open(pid).map_err(gone)?;
        let start_ticks = Stat::read(pid).map_err(gone)?.start_ticks;
        Ok(Self { pid, start_ticks, pidfd })
    }

    fn has_ended(&self) -> bool {
        pidfd::has_ended(&self.pidfd)
    }

    /// Returns whether the number is still that of this process.
    fn is_same(&self) -> bool {
        Stat::read(self.pid).is_ok_and(|stat| stat.start_ticks == self.start_ticks)
    }

    fn send_to_group(&self, signal: Signal) -> io::Result<()> {
        let group = getpgid(rustix::process::Pid::from_raw(self.pid.0)).map_err(pidfd::not_found)?;
        let own = getpgid(None)?;
        if group == own || group.as_raw_nonzero().get() <= 1 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the server is in the same process group"));
        }
        kill_process_group(group, signal).map_err(pidfd::not_found)
    }
}

impl WorkerProcess for PidfdProcess {
    fn exit_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.pidfd.as_fd())
    }

    fn standing(&self) -> Standing {
        let ended = self.has_ended();
        match Stat::read(self.pid) {
            Ok(stat) if stat.start_ticks != self.start_ticks => Standing::Gone,
            Ok(stat) if ended => Standing::Zombie { parent: stat.parent },
            Ok(stat) => Standing::Alive {
                state: stat.state,
                wait_channel: proc::wait_channel(std::path::Path::new(&format!("/proc/{}", self.pid))),
            },
            // This process may have no descriptor left to read `/proc` with. Then a process that has not ended is
            // alive.
            Err(_) if !ended => Standing::Alive { state: '?', wait_channel: String::new() },
            Err(_) => Standing::Gone,
        }
    }

    fn send(&self, signal: i32, target: KillTarget) -> io::Result<()> {
        if target == KillTarget::Process {
            return pidfd::send(&self.pidfd, signal);
        }
        let named = pidfd::named(signal)?;
        // A group is signaled by number, which is right while this process lives.
        if self.has_ended() || !self.is_same() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the process has ended"));
        }
        match target {
            KillTarget::Group => self.send_to_group(named),
            _ => control_group::send(&control_group::folder_of(self.pid)?, signal),
        }
    }

    fn evidence(&self) -> Evidence {
        evidence::read(self.pid)
    }
}

fn gone(error: io::Error) -> RefusedWorker {
    let is_gone = error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::SRCH.raw_os_error());
    if is_gone { RefusedWorker::Gone } else { RefusedWorker::Os(error) }
}
