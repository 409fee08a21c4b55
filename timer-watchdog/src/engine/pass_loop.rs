//! The loop that all watchdogs share: pass after pass, on a thread, until stopped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::{Health, Observer};
use crate::report::{Event, PassError, panic_message};
use crate::thread::background::{BackgroundThread, Running};
use crate::thread::{StartError, StopError};

/// What one kind of watchdog does in a pass.
pub(crate) trait Passes: Send + Sync + 'static {
    /// The workers that its events name.
    type Worker: Send + 'static;
    /// What a pass did.
    type Report;

    fn observer(&self) -> &Observer<Self::Worker>;

    /// Waits until there is something to do, at most `timeout`, and does it.
    fn pass(&self, timeout: Duration) -> Result<Self::Report, PassError>;

    /// Returns how long the next pass may wait.
    fn next_timeout(&self) -> Duration {
        self.observer().max_interval
    }

    /// Ends the wait of the present pass, or else of the next one.
    fn wake(&self);

    /// Runs on the thread before the first pass.
    fn begin(&self) {}

    /// Runs on the thread after the last pass.
    fn end(&self) {}
}

/// Runs one pass and counts it if it completes. A panic becomes an error.
pub(crate) fn run_pass<P: Passes>(work: &P, timeout: Duration) -> Result<P::Report, PassError> {
    let result = catch_unwind(AssertUnwindSafe(|| work.pass(timeout)))
        .unwrap_or_else(|panic| Err(PassError::Panic(panic_message(&*panic))));
    if result.is_ok() {
        work.observer().completed();
    }
    result
}

/// A watchdog and its thread.
pub(crate) struct PassLoop<P> {
    work: Arc<P>,
    thread: BackgroundThread,
}

impl<P: Passes> PassLoop<P> {
    /// Returns a loop that is not started. A `stack_bytes` of zero stands for the platform's own size.
    pub(crate) fn new(work: P, thread: &'static str, stack_bytes: usize) -> Self {
        Self { work: Arc::new(work), thread: BackgroundThread::new(thread, stack_bytes) }
    }

    pub(crate) fn work(&self) -> &P {
        &self.work
    }

    /// Starts the thread, unless it runs already.
    pub(crate) fn start(&self) -> Result<(), StartError> {
        let work = Arc::clone(&self.work);
        self.thread.start(move |running| run(&*work, running)).map(drop)
    }

    /// Tells the thread to end, wakes it, and waits for its end, at most `limit`.
    pub(crate) fn stop(&self, limit: Duration) -> Result<(), StopError> {
        self.thread.stop(|| self.work.wake(), limit)
    }

    pub(crate) fn health(&self) -> Health {
        self.work.observer().health(self.thread.is_running())
    }
}

fn run<P: Passes>(work: &P, running: &Running) {
    let observer = work.observer();
    work.begin();
    while !running.is_stopping() {
        if let Err(error) = run_pass(work, work.next_timeout()) {
            observer.emit(|| Event::PassFailed { error });
            // A pass that fails at once would otherwise keep a processor busy.
            running.wait_for_stop(observer.max_interval);
        }
    }
    work.end();
}
