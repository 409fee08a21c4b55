//! The only module that starts threads: one thread, with an owner, a stop that wakes it and a bounded wait for its end.

use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::thread::signalled::Signalled;

/// Says why a thread could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The operating system gave no thread.
    #[error("cannot start the thread {name:?}")]
    Spawn {
        /// The name of the thread.
        name: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The thread of an earlier start has been stopped and has not ended yet.
    #[error("cannot start the thread {name:?}: it is still stopping")]
    StillStopping {
        /// The name of the thread.
        name: String,
    },
    /// What the thread works on cannot be had.
    #[error("cannot start the thread {name:?}")]
    Prepare {
        /// The name of the thread.
        name: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Somebody else watches already.
    #[error("cannot start the thread {name:?}: this domain has a watcher already")]
    AlreadyWatched {
        /// The name of the thread.
        name: String,
    },
}

/// Says why a stop did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// The thread was told, and is still busy in code that somebody gave it.
    #[error("the thread {name:?} has not ended within {waited:?}; it ends when the callback it is in returns")]
    StillRunning {
        /// The name of the thread.
        name: String,
        /// How long the stop has waited.
        waited: Duration,
    },
}

/// Where a thread stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is none.
    Idle,
    /// It runs; known by its id from its own first step on.
    Running(Option<ThreadId>),
    /// It runs and has been told to end.
    Stopping(Option<ThreadId>),
}

/// One thread that can be started and stopped any number of times.
#[derive(Clone)]
pub(crate) struct BackgroundThread {
    name: &'static str,
    /// Zero stands for the platform's own size.
    stack_bytes: usize,
    phase: Arc<Signalled<Phase>>,
}

/// What the thread itself sees of its [`BackgroundThread`].
pub(crate) struct Running {
    phase: Arc<Signalled<Phase>>,
}

impl BackgroundThread {
    pub(crate) fn new(name: &'static str, stack_bytes: usize) -> Self {
        Self { name, stack_bytes, phase: Arc::new(Signalled::new(Phase::Idle)) }
    }

    /// Starts the thread, unless it runs already; returns whether it did.
    pub(crate) fn start(&self, body: impl FnOnce(&Running) + Send + 'static) -> Result<bool, StartError> {
        let before = self.phase.update(|phase| {
            let before = *phase;
            if before == Phase::Idle {
                *phase = Phase::Running(None);
            }
            before
        });
        match before {
            Phase::Idle => self.spawn(body).map(|()| true),
            Phase::Running(_) => Ok(false),
            Phase::Stopping(_) => Err(StartError::StillStopping { name: self.name.to_owned() }),
        }
    }

    fn spawn(&self, body: impl FnOnce(&Running) + Send + 'static) -> Result<(), StartError> {
        let running = Running { phase: Arc::clone(&self.phase) };
        let mut builder = thread::Builder::new().name(self.name.to_owned());
        if self.stack_bytes > 0 {
            builder = builder.stack_size(self.stack_bytes);
        }
        // If the spawn fails, the closure is dropped, and with it `running`, which makes the phase idle again.
        let spawned = builder.spawn(move || {
            running.arrive();
            body(&running);
        });
        spawned.map(drop).map_err(|source| StartError::Spawn { name: self.name.to_owned(), source })
    }

    pub(crate) fn is_running(&self) -> bool {
        self.phase.peek(|phase| *phase != Phase::Idle)
    }

    /// Tells the thread to end, calls `wake`, and waits for the end, at most `limit`.
    ///
    /// On the thread itself this returns at once: it ends after its present step.
    pub(crate) fn stop(&self, wake: impl FnOnce(), limit: Duration) -> Result<(), StopError> {
        let thread = self.phase.update(|phase| match *phase {
            Phase::Idle => None,
            Phase::Running(thread) | Phase::Stopping(thread) => {
                *phase = Phase::Stopping(thread);
                Some(thread)
            }
        });
        let Some(thread) = thread else {
            return Ok(());
        };
        wake();
        if thread == Some(thread::current().id()) {
            return Ok(());
        }
        let ended = self.phase.wait_for(limit, |phase| (*phase == Phase::Idle).then_some(()));
        ended.ok_or_else(|| StopError::StillRunning { name: self.name.to_owned(), waited: limit })
    }
}

impl Running {
    /// Notes which thread it is that runs.
    fn arrive(&self) {
        let me = Some(thread::current().id());
        self.phase.update(|phase| match *phase {
            Phase::Stopping(_) => *phase = Phase::Stopping(me),
            Phase::Idle | Phase::Running(_) => *phase = Phase::Running(me),
        });
    }

    /// Returns whether the thread has been told to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.phase.peek(|phase| matches!(phase, Phase::Stopping(_)))
    }

    /// Waits until the thread is told to end, at most `limit` of real time.
    pub(crate) fn wait_for_stop(&self, limit: Duration) {
        self.phase.wait_for(limit, |phase| matches!(phase, Phase::Stopping(_)).then_some(()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.phase.update(|phase| *phase = Phase::Idle);
    }
}
