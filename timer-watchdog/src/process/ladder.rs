//! One kill, step by step: signal, grace, SIGKILL, bounded wait. Its owner advances it, and no step blocks.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::{KillOutcome, KillPolicy, SIGCONT, SIGKILL, Standing, WorkerProcess};
use crate::time::Timestamp;

/// The number of refusals by the operating system that end a kill. Each wait is twice the last one: 31 s in all.
const MAX_REFUSALS: u32 = 6;
/// The wait after the first refusal.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The time in which a parent must collect the status of an ended process before that counts as a zombie.
const PARENT_GRACE: Duration = Duration::from_millis(100);

/// A kill in progress.
#[derive(Debug)]
pub(crate) struct Ladder {
    process: Arc<dyn WorkerProcess>,
    policy: KillPolicy,
    signal: i32,
    step: Step,
    /// The time of the next step.
    due: Timestamp,
    refusals: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// No signal has been sent.
    Ready,
    /// The first signal has been sent.
    Signalled,
    /// SIGKILL has been sent.
    Killed,
    /// The process has ended, and its parent has not collected its status.
    Ended,
}

/// How a kill ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The last step is done.
    Killed(KillOutcome),
    /// The worker released its timer, so the next signal was not sent.
    Recovered,
}

impl Ladder {
    pub(crate) fn new(process: Arc<dyn WorkerProcess>, policy: &KillPolicy, signal: i32, now: Timestamp) -> Self {
        Self { process, policy: policy.clone(), signal, step: Step::Ready, due: now, refusals: 0 }
    }

    /// Returns the time of the next step, which is earlier if the process ends.
    pub(crate) fn due(&self) -> Timestamp {
        self.due
    }

    /// Takes the steps that are due. Calls `is_stuck` just before each signal.
    pub(crate) fn advance(&mut self, now: Timestamp, mut is_stuck: impl FnMut() -> bool) -> Option<Ending> {
        loop {
            let (state, wait_channel) = match self.process.standing() {
                Standing::Alive { state, wait_channel } => (state, wait_channel),
                Standing::Zombie { parent } => return self.zombie(parent.0, now),
                Standing::Gone if self.step == Step::Ready => return Some(Ending::Killed(KillOutcome::Gone)),
                Standing::Gone => return Some(Ending::Killed(KillOutcome::Exited)),
            };
            if now < self.due {
                return None;
            }
            if self.step == Step::Killed {
                return Some(Ending::Killed(KillOutcome::Unkillable { state, wait_channel }));
            }
            if !is_stuck() {
                return Some(Ending::Recovered);
            }
            let signal = if self.step == Step::Ready { self.signal } else { SIGKILL };
            match self.process.send(signal, self.policy.target) {
                Ok(()) => self.sent(signal, state, now),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.step = if self.step == Step::Ready { Step::Ready } else { Step::Ended };
                    // The process has ended meanwhile. Its standing tells how.
                    return self.ended_meanwhile(now);
                }
                Err(error) => return self.refused(&error, now),
            }
        }
    }

    fn sent(&mut self, signal: i32, state: char, now: Timestamp) {
        self.refusals = 0;
        if signal == SIGKILL {
            (self.step, self.due) = (Step::Killed, now.after(self.policy.wait));
            return;
        }
        if state == 'T' {
            // A stopped process handles no signal but SIGKILL until it is continued.
            let _ = self.process.send(SIGCONT, self.policy.target);
        }
        (self.step, self.due) = (Step::Signalled, now.after(self.policy.grace));
    }

    fn ended_meanwhile(&mut self, now: Timestamp) -> Option<Ending> {
        match (self.process.standing(), self.step) {
            (Standing::Zombie { parent }, _) => self.zombie(parent.0, now),
            (_, Step::Ready) => Some(Ending::Killed(KillOutcome::Gone)),
            _ => Some(Ending::Killed(KillOutcome::Exited)),
        }
    }

    fn zombie(&mut self, parent: i32, now: Timestamp) -> Option<Ending> {
        if self.step != Step::Ended {
            (self.step, self.due) = (Step::Ended, now.after(PARENT_GRACE));
        }
        (now >= self.due).then_some(Ending::Killed(KillOutcome::Zombie { parent }))
    }

    fn refused(&mut self, error: &io::Error, now: Timestamp) -> Option<Ending> {
        self.refusals += 1;
        if self.refusals >= MAX_REFUSALS || error.kind() == io::ErrorKind::InvalidInput {
            return Some(Ending::Killed(KillOutcome::Denied { reason: error.to_string() }));
        }
        self.due = now.after(FIRST_RETRY * 2_u32.pow(self.refusals - 1));
        None
    }
}

#[cfg(test)]
mod tests;
