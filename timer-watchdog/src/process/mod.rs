//! Room: worker processes: who they are, what they are doing, and how they are ended without harm to others.
//!
//! May use: `time`, `thread`, `timers`.

mod control_group;
mod evidence;
#[cfg(feature = "file")]
mod ladder;
mod linux;
mod pidfd;
mod policy;
mod proc;
mod reaper;
mod worker;

pub use self::{
    control_group::ControlGroup,
    evidence::{Evidence, ThreadEvidence},
    linux::LinuxProcesses,
    policy::{KillOutcome, KillPolicy, KillTarget},
    reaper::ProcessReaper,
    worker::{Processes, RefusedWorker, Standing, WorkerProcess},
};
#[cfg(feature = "file")]
pub(crate) use self::{
    ladder::{Ending, Ladder},
    worker::SIGCONT,
};
pub(crate) use worker::SIGKILL;
