//! The watchdog over a queue and a server: it registers requests, and has expired workers reaped.

mod builder;
mod pass;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Health;
use crate::engine::pass_loop::{PassLoop, run_pass};
use crate::report::PassError;
use crate::thread::{StartError, StopError};
use crate::timers::{Pid, RequestQueue, TimerServer, WorkerId};
pub use builder::WatchdogBuilder;
use pass::Core;
pub use pass::PassReport;

/// How long a stop waits beyond the longest wait of the loop, for the pass in progress.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Watches timers: one pass at a time by [`run_watchdog`](Self::run_watchdog), or on a thread after
/// [`start`](Self::start).
///
/// The thread sleeps until a request comes in, until the next deadline, or for `max_interval`, whichever ends first. It
/// ends at a [`stop`](Self::stop), or when the watchdog and all its handles are dropped. A drop waits at most
/// `max_interval` and one second for the pass in progress. A start inside a callback, a second stop and a stop before
/// the start are allowed.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use std::time::Duration;
/// use timer_watchdog::{LocalQueue, LocalTimerClient, LocalTimerServer, Watchdog, expires_in};
///
/// let (reaped, workers) = mpsc::channel();
/// let server = LocalTimerServer::new(move |worker: &u32| Ok(reaped.send(*worker).is_ok()));
/// let queue = LocalQueue::new(1024);
/// let client = LocalTimerClient::new(queue.clone(), 7);
///
/// let watchdog = Watchdog::new(server, queue, Duration::from_millis(50));
/// watchdog.start()?;
/// let _timer = expires_in("load", Duration::from_millis(1), &client)?;
/// // The scope hangs, and its worker is reported.
/// assert_eq!(workers.recv()?, 7);
/// watchdog.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Watchdog<S, Q, W = Pid>
where
    S: TimerServer<W> + 'static,
    Q: RequestQueue<W> + 'static,
    W: WorkerId,
{
    owner: Arc<Owner<S, Q, W>>,
}

/// Keeps a watchdog's thread running, and can stop it.
///
/// The thread runs until a stop, or until the [`Watchdog`] and all its handles are dropped.
#[derive(Clone)]
pub struct WatchdogHandle {
    owner: Arc<dyn Control>,
}

/// Stops the thread when neither the watchdog nor a handle is left.
struct Owner<S, Q, W>(PassLoop<Core<S, Q, W>>)
where
    S: TimerServer<W> + 'static,
    Q: RequestQueue<W> + 'static,
    W: WorkerId;

/// The operations of a handle, without the types of the watchdog.
trait Control: Send + Sync {
    fn stop(&self) -> Result<(), StopError>;
    fn health(&self) -> Health;
}

impl<S, Q, W> Watchdog<S, Q, W>
where
    S: TimerServer<W> + 'static,
    Q: RequestQueue<W> + 'static,
    W: WorkerId,
{
    /// Returns a watchdog whose waits last at most `max_interval`. It is not started.
    pub fn new(server: S, queue: Q, max_interval: Duration) -> Self {
        Self::builder(server, queue, max_interval).build()
    }

    /// Returns a builder with the default settings.
    pub fn builder(server: S, queue: Q, max_interval: Duration) -> WatchdogBuilder<S, Q, W> {
        WatchdogBuilder::new(server, queue, max_interval)
    }

    /// Runs one pass: takes the waiting requests, or waits at most `max_interval` for the first one; registers exactly
    /// those; and has each worker with an expired timer reaped once.
    ///
    /// A worker whose reap succeeded, failed or panicked loses its timers. A worker whose reap returned false keeps
    /// them for the next pass. While the thread is in a pass, this waits for its end.
    ///
    /// # Errors
    ///
    /// If the queue fails or panics, if the server panics, or if a reaper calls it inside a pass.
    pub fn run_watchdog(&self) -> Result<PassReport, PassError> {
        let core = self.owner.0.work();
        run_pass(core, core.observer.max_interval)
    }

    /// Starts the thread, unless it runs already.
    ///
    /// # Errors
    ///
    /// If the operating system refuses a thread, or if the thread of an earlier start is still in a callback.
    pub fn start(&self) -> Result<WatchdogHandle, StartError> {
        self.owner.0.start()?;
        let owner: Arc<dyn Control> = Arc::clone(&self.owner) as _;
        Ok(WatchdogHandle { owner })
    }

    /// Stops the thread and waits for its end, at most `max_interval` and one second. It can be started again.
    ///
    /// On the thread itself, in a callback, this returns at once, and the thread ends after its present pass.
    ///
    /// # Errors
    ///
    /// If the thread has not ended in this time, because a reaper has not returned.
    pub fn stop(&self) -> Result<(), StopError> {
        self.owner.stop()
    }

    /// Returns the state of the watchdog's loop.
    pub fn health(&self) -> Health {
        self.owner.health()
    }

    /// Returns the server.
    pub fn server(&self) -> &S {
        &self.owner.0.work().server
    }

    /// Returns the queue.
    pub fn queue(&self) -> &Q {
        &self.owner.0.work().queue
    }
}

impl WatchdogHandle {
    /// Stops the thread, as [`Watchdog::stop`] does.
    ///
    /// # Errors
    ///
    /// If the thread has not ended in time.
    pub fn stop(&self) -> Result<(), StopError> {
        self.owner.stop()
    }

    /// Returns the state of the watchdog's loop.
    pub fn health(&self) -> Health {
        self.owner.health()
    }
}

impl<S, Q, W> Control for Owner<S, Q, W>
where
    S: TimerServer<W> + 'static,
    Q: RequestQueue<W> + 'static,
    W: WorkerId,
{
    fn stop(&self) -> Result<(), StopError> {
        let max_interval = self.0.work().observer.max_interval;
        self.0.stop(max_interval.saturating_add(STOP_GRACE))
    }

    fn health(&self) -> Health {
        self.0.health()
    }
}

impl<S, Q, W> Drop for Owner<S, Q, W>
where
    S: TimerServer<W> + 'static,
    Q: RequestQueue<W> + 'static,
    W: WorkerId,
{
    fn drop(&mut self) {
        // A reaper that never returns keeps its thread and nothing else.
        let _ = self.stop();
        self.0.work().queue.close();
    }
}

impl<S, Q, W> fmt::Debug for Watchdog<S, Q, W>
where
    S: TimerServer<W> + 'static,
    Q: RequestQueue<W> + 'static,
    W: WorkerId,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchdog").field("health", &self.health()).finish_non_exhaustive()
    }
}

impl fmt::Debug for WatchdogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchdogHandle").field("health", &self.health()).finish()
    }
}
