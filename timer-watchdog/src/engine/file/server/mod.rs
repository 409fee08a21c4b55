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

/// How long a stop waits for a look that is in progress.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Holds the timers of worker processes, which send their requests through a named pipe, and kills workers that are
/// stuck. `PyTorch`'s clients can speak to it.
///
/// The pipe is the owner's alone (mode 0600) and locked: a second server on the path fails and names the first one's
/// process. A pipe that a server has left behind is taken over, with all that waits in it. The path is removed when
/// the server stops or is dropped, if it still leads to this pipe.
///
/// Where it differs from upstream's server, on purpose:
///
/// - A bad line costs that line alone, and no writer can hold up others: nothing here blocks on the pipe.
/// - A process becomes a worker only if [`KillPolicy`](crate::KillPolicy) lets it; a number that has passed to another process is never
///   signalled. A worker that ends takes its timers along at once.
/// - A kill goes from the timer's signal over a grace to SIGKILL and a bounded wait, and has a typed outcome; a
///   release that comes in before a signal stops it. What the process was doing is read before, for a limited time.
/// - Deadlines become monotonic on receipt. Time in which the server did not run is charged to nobody.
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
///     .on_event(move |event| if let Event::Worker(WorkerEvent::Ended { report }) = event { let _ = tell.send(report); })
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

/// What a server of file timers has counted, and the timers that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileTimerCounts {
    /// Timers that are held.
    pub timers: usize,
    /// Requests that have come in.
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
    /// Returns a server that reads from `path`, with all else as [`FileTimerServerBuilder`] has it. Not started.
    ///
    /// # Errors
    ///
    /// If the pipe cannot be made or taken over: another server has it, something else is there, or the system refuses.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, PipeError> {
        Self::builder(path).build()
    }

    /// Returns a builder.
    pub fn builder(path: impl AsRef<Path>) -> FileTimerServerBuilder {
        FileTimerServerBuilder::new(path.as_ref())
    }

    /// Starts the thread, unless it runs already.
    ///
    /// # Errors
    ///
    /// If the operating system gives no thread, or if the pipe, which a stop has given up, cannot be taken again.
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

    /// Stops the thread, removes the path and closes the pipe; clients notice. Timers are kept, for another start.
    ///
    /// A kill in progress is not followed up. Stopping twice, or before a start, is fine.
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

    /// Takes all requests that wait in the pipe, without waiting for any, and deals with what has expired; returns
    /// how many requests there were. For programs and tests without the thread.
    ///
    /// # Errors
    ///
    /// If reading fails. What was read before is carried out.
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

    /// Returns the wall time since 1970 at which the last look came to its end, for health checks; *now* if the thread
    /// does not run, as upstream does while there is nobody to look at.
    pub fn last_progress_time(&self) -> Duration {
        let since = if self.health().is_running { self.shared().observer.since_last_pass() } else { Duration::ZERO };
        wall::since_epoch().saturating_sub(since)
    }

    /// Returns the last sixteen incidents that have ended, the oldest first.
    pub fn recent_incidents(&self) -> Vec<IncidentReport> {
        self.shared().lock().recent.iter().cloned().collect()
    }

    /// Waits until all dumps are written and all events are delivered, at most `limit` for each; returns whether that
    /// is so.
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
