//! The server of file timers.

mod builder;
mod pass;

use std::fmt;
use std::path::Path;
use std::time::Duration;

pub use builder::FileTimerServerBuilder;
pub(super) use pass::Shared;

use crate::channel::PipeError;
use crate::channel::pipe::Pipe;
use crate::engine::Health;
use crate::engine::pass_loop::{PassLoop, run_pass};
use crate::report::{IncidentReport, PassError};
use crate::thread::{StartError, StopError};
use crate::time::wall;

/// How long a stop waits for the pass in progress.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Holds the timers of worker processes, which send requests through a named pipe, and kills workers that are stuck.
/// `PyTorch`'s clients work with it.
///
/// Only the owner can use the pipe (mode 0600). It is locked: a second server on the path fails, with the process of
/// the first one in its error. A server takes over a pipe that another one has left behind, with all requests in it. It
/// removes the path when it stops or is dropped, if the path still leads to its pipe.
///
/// It differs from `PyTorch`'s server on purpose:
///
/// - A bad line loses that line alone. No writer can delay others, because the server never blocks on the pipe.
/// - A process becomes a worker only if [`KillPolicy`](crate::KillPolicy) admits it. A process that has got the number
///   of a worker is never signaled. The exit of a worker clears its timers at once.
/// - A kill sends the timer's signal, waits a grace, sends SIGKILL, waits a bounded time, and has a typed outcome. A
///   release before a signal stops it. The server reads before, for a limited time, what the process is doing.
/// - Deadlines become monotonic on receipt. Time in which the server did not run is credited to all timers.
/// - The server does not end itself after a kill, unless asked.
///
/// # Examples
///
/// ```
/// use std::process::Command;
/// use std::sync::mpsc;
/// use std::time::Duration;
/// use timer_watchdog::{Event, FileTimerClient, FileTimerServer, Pid, WorkerEvent, expires_in};
///
/// let path = std::env::temp_dir().join(format!("timer-example-{}", std::process::id()));
/// let (tell, told) = mpsc::channel();
/// let server = FileTimerServer::builder(&path)
///     .on_event(move |event| {
///         if let Event::Worker(WorkerEvent::Ended { report }) = event {
///             tell.send(report).unwrap_or(());
///         }
///     })
///     .build()?;
/// server.start()?;
///
/// // A worker would take its timers by itself; this one gets one from here.
/// let mut worker = Command::new("sleep").arg("60").spawn()?;
/// let client = FileTimerClient::new(&path).for_process(Pid(worker.id() as i32));
/// let _timer = expires_in("sleeping", Duration::from_millis(1), &client)?;
///
/// assert!(!worker.wait()?.success());
/// let report = told.recv()?;
/// assert!(report.to_string().contains("is stuck in \"sleeping\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FileTimerServer {
    passes: PassLoop<Shared>,
}

/// The counts of a server of file timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileTimerCounts {
    /// Timers that it holds at present.
    pub timers: usize,
    /// Requests that it has read.
    pub requests: u64,
    /// Lines that are not requests.
    pub bad_lines: u64,
    /// Requests for processes that cannot be workers.
    pub refused: u64,
    /// Requests of workers that held as many timers as they may.
    pub over_quota: u64,
    /// Workers that exited with timers.
    pub exited_workers: u64,
    /// Workers whose timer has expired.
    pub incidents: u64,
}

impl FileTimerServer {
    /// Returns a server that reads from `path`, with the default settings. It is not started.
    ///
    /// # Errors
    ///
    /// If the pipe cannot be created or taken over: another server reads from it, the path leads to something else, or
    /// the system refuses.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, PipeError> {
        Self::builder(path).build()
    }

    /// Returns a builder with the default settings.
    pub fn builder(path: impl AsRef<Path>) -> FileTimerServerBuilder {
        FileTimerServerBuilder::new(path.as_ref())
    }

    /// Starts the thread, unless it runs already.
    ///
    /// # Errors
    ///
    /// If the operating system refuses a thread, or if the pipe, which a stop has closed, cannot be taken again.
    pub fn start(&self) -> Result<(), StartError> {
        self.take_pipe()?;
        self.passes.start()
    }

    fn take_pipe(&self) -> Result<(), StartError> {
        let mut state = self.shared().lock();
        if state.pipes.is_empty() {
            let pipe = Pipe::take(&self.shared().path)
                .map_err(|error| StartError::Prepare { name: pass::THREAD.to_owned(), source: Box::new(error) })?;
            state.add_pipe(pipe);
        }
        Ok(())
    }

    /// Stops the thread, removes the path and closes the pipe, so that requests of clients fail. Keeps the timers for
    /// another start.
    ///
    /// A kill in progress does not continue. A second stop, or a stop before a start, is allowed.
    ///
    /// # Errors
    ///
    /// If the thread does not end within five seconds.
    pub fn stop(&self) -> Result<(), StopError> {
        let stopped = self.passes.stop(STOP_GRACE);
        let sources = std::mem::take(&mut self.shared().lock().pipes);
        for source in &sources {
            source.pipe.remove();
        }
        stopped
    }

    /// Runs one pass without a wait: reads all requests in the pipe, and deals with expired workers. Returns the number
    /// of requests. For programs and tests without the thread.
    ///
    /// # Errors
    ///
    /// If a read fails. Requests read before are carried out.
    pub fn run_watchdog(&self) -> Result<usize, PassError> {
        run_pass(self.shared(), Duration::ZERO)
    }

    /// Returns the path of the pipe.
    pub fn path(&self) -> &Path {
        &self.shared().path
    }

    /// Returns the number of timers.
    pub fn len(&self) -> usize {
        self.shared().lock().timers()
    }

    /// Returns whether there is no timer.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the wall time since 1970 at which the last pass completed, for health checks. While the thread does not
    /// run, the present time, as in `PyTorch`.
    pub fn last_progress_time(&self) -> Duration {
        let since = if self.health().is_running { self.shared().observer.since_last_pass() } else { Duration::ZERO };
        wall::since_epoch().saturating_sub(since)
    }

    /// Returns the last sixteen incidents that have ended, oldest first.
    pub fn recent_incidents(&self) -> Vec<IncidentReport> {
        self.shared().lock().recent.iter().cloned().collect()
    }

    /// Waits until all dumps are written and all events are delivered, at most `limit` for each. Returns whether they
    /// are.
    pub fn flush(&self, limit: Duration) -> bool {
        let dumps = self.shared().collector.flush(limit);
        self.shared().observer.flush(limit) && dumps
    }

    /// Returns the state of the server's loop.
    pub fn health(&self) -> Health {
        self.passes.health()
    }

    /// Returns what the server has counted since it was built.
    pub fn counts(&self) -> FileTimerCounts {
        let state = self.shared().lock();
        let counts = state.counts;
        FileTimerCounts {
            timers: state.timers(),
            requests: counts.requests,
            bad_lines: counts.bad_lines,
            refused: counts.refused,
            over_quota: counts.over_quota,
            exited_workers: counts.exited,
            incidents: counts.incidents,
        }
    }

    fn shared(&self) -> &Shared {
        self.passes.work()
    }
}

impl Drop for FileTimerServer {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

impl fmt::Debug for FileTimerServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileTimerServer").field("path", &self.shared().path).finish_non_exhaustive()
    }
}
