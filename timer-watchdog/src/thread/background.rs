//! A thread with an owner, a stop that wakes it, and a bounded wait for its end. Only this file starts threads.

use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::thread::signalled::Signalled;

/// Why a thread cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The operating system refuses a thread.
    #[error("cannot start the thread {name:?}")]
    Spawn {
        /// The name of the thread.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// The thread of an earlier start has been told to stop and has not ended yet.
    #[error("cannot start the thread {name:?}: it is still stopping")]
    StillStopping {
        /// The name of the thread.
        name: String,
    },
    /// Something that the thread needs cannot be prepared.
    #[error("cannot start the thread {name:?}")]
    Prepare {
        /// The name of the thread.
        name: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The domain has a watcher already.
    #[error("cannot start the thread {name:?}: this domain has a watcher already")]
    AlreadyWatched {
        /// The name of the thread.
        name: String,
    },
}

/// Why a stop is not complete.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// The thread has been told to stop, and a callback on it has not returned.
    #[error("the thread {name:?} has not ended within {waited:?}; it ends when the callback it is in returns")]
    StillRunning {
        /// The name of the thread.
        name: String,
        /// The time that the stop has waited.
        waited: Duration,
    },
}

/// The state of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is no thread.
    Idle,
    /// It runs. Its id is known once it has set it itself.
    Running(Option<ThreadId>),
    /// It runs and has been told to stop.
    Stopping(Option<ThreadId>),
}

/// One thread that can be started and stopped any number of times.
#[derive(Clone)]
pub(crate) struct BackgroundThread {
    name: &'static str,
    /// Zero for the platform's default.
    stack_bytes: usize,
    phase: Arc<Signalled<Phase>>,
}

/// A [`BackgroundThread`] as its own code sees it.
pub(crate) struct Running {
    phase: Arc<Signalled<Phase>>,
}

impl BackgroundThread {
    pub(crate) fn new(name: &'static str, stack_bytes: usize) -> Self {
        Self { name, stack_bytes, phase: Arc::new(Signalled::new(Phase::Idle)) }
    }

    /// Starts the thread, unless it runs already. Returns whether this call started it.
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
        // A failed spawn drops the closure, and the drop of `running` makes the phase idle again.
        let spawned = builder.spawn(move || {
            running.set_thread();
            body(&running);
        });
        spawned.map(drop).map_err(|source| StartError::Spawn { name: self.name.to_owned(), source })
    }

    pub(crate) fn is_running(&self) -> bool {
        self.phase.peek(|phase| *phase != Phase::Idle)
    }

    /// Tells the thread to stop, calls `wake`, and waits for its end, at most `limit`.
    ///
    /// On the thread itself this returns at once, and the thread ends after its present step.
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
    /// Sets the id of the running thread to that of the calling thread.
    fn set_thread(&self) {
        let me = Some(thread::current().id());
        self.phase.update(|phase| match *phase {
            Phase::Stopping(_) => *phase = Phase::Stopping(me),
            Phase::Idle | Phase::Running(_) => *phase = Phase::Running(me),
        });
    }

    /// Returns whether the thread has been told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.phase.peek(|phase| matches!(phase, Phase::Stopping(_)))
    }

    /// Waits until the thread is told to stop, at most `limit` of real time.
    pub(crate) fn wait_for_stop(&self, limit: Duration) {
        self.phase.wait_for(limit, |phase| matches!(phase, Phase::Stopping(_)).then_some(()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.phase.update(|phase| *phase = Phase::Idle);
    }
}
