//! Room: worker processes: who they are, what they are doing, and how they are ended without harm to others.
//!
//! May use: `time`, `thread`, `timers`.

#[cfg(feature = "file")]
mod cgroup;
#[cfg(feature = "file")]
mod evidence;
#[cfg(feature = "file")]
mod ladder;
#[cfg(feature = "file")]
mod linux;
#[cfg(feature = "file")]
mod policy;
#[cfg(feature = "file")]
pub(crate) mod proc;
mod reaper;
#[cfg(feature = "file")]
mod worker;

pub use reaper::{Kill, PidfdKill, ProcessReaper};

#[cfg(feature = "file")]
pub use self::{
    evidence::{Evidence, ThreadEvidence},
    linux::LinuxProcesses,
    policy::{KillOutcome, KillPolicy, KillTarget},
    worker::{Processes, RefusedWorker, Standing, WorkerProcess},
};
#[cfg(feature = "file")]
pub(crate) use self::{
    ladder::{Ending, Ladder},
    worker::{SIGCONT, SIGKILL},
};
