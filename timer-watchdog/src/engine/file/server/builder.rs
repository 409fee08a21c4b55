//! Builds a server of file timers.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::FileTimerServer;
use super::pass::{Shared, Wake};
use crate::channel::PipeError;
use crate::channel::pipe::Pipe;
use crate::engine::file::incident::Collector;
use crate::engine::file::state::State;
use crate::engine::pass_loop::PassLoop;
use crate::engine::{Observer, ObserverSettings};
use crate::process::{KillPolicy, LinuxProcesses, Processes};
use crate::report::sd_notify::SdNotify;
use crate::report::{Event, WorkerEvent};
use crate::thread::outbox::Outbox;
use crate::thread::signalled::Signalled;
use crate::time::{Credits, GAP_THRESHOLD, GapRule};
use crate::timers::Pid;

/// The longest wait of the thread: it wakes for requests, deadlines and ends of workers by itself, so this only bounds
/// how stale [`FileTimerServer::last_progress_time`] gets and how long a lost pipe goes unnoticed.
const MAX_INTERVAL: Duration = Duration::from_secs(1);
/// How long a kill waits for evidence: reading it takes about a millisecond, and for ever if the kernel is stuck.
const EVIDENCE_LIMIT: Duration = Duration::from_millis(250);
/// Timers of one worker: far more than any program nests.
const QUOTA: usize = 4096;

/// Builds a [`FileTimerServer`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct FileTimerServerBuilder {
    path: PathBuf,
    run_id: String,
    settings: ObserverSettings<Pid>,
    policy: KillPolicy,
    processes: Option<Box<dyn Processes>>,
    evidence_limit: Duration,
    dump_dir: Option<PathBuf>,
    quota: usize,
    is_notifying: bool,
}

impl FileTimerServerBuilder {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            run_id: String::new(),
            settings: ObserverSettings {
                gaps: GapRule { credits: Credits::WholeWait, ..GapRule::new(GAP_THRESHOLD) },
                ..ObserverSettings::new(MAX_INTERVAL)
            },
            policy: KillPolicy::new(),
            processes: None,
            evidence_limit: EVIDENCE_LIMIT,
            dump_dir: None,
            quota: QUOTA,
            is_notifying: false,
        }
    }

    /// Names the run in reports and dumps; empty if not set.
    pub fn run_id(mut self, run_id: impl Into<String>) -> Self {
        self.run_id = run_id.into();
        self
    }

    /// Sets the longest wait of the thread; one second if not set. Detection does not depend on it.
    pub fn max_interval(mut self, max_interval: Duration) -> Self {
        self.settings.max_interval = max_interval;
        self
    }

    /// Sets who may be killed, and how.
    pub fn policy(mut self, policy: KillPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Takes workers from `processes` instead of this machine's.
    pub fn processes(mut self, processes: impl Processes + 'static) -> Self {
        self.processes = Some(Box::new(processes));
        self
    }

    /// Sets how long a kill may wait for evidence of what the worker was doing; 250 ms if not set, zero for none.
    pub fn evidence_limit(mut self, limit: Duration) -> Self {
        self.evidence_limit = limit;
        self
    }

    /// Writes a file for each incident into this folder, which must exist. The kill does not wait for it.
    pub fn dump_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.dump_dir = Some(folder.into());
        self
    }

    /// Sets how many timers one worker may hold; 4096 if not set.
    pub fn quota(mut self, timers: usize) -> Self {
        self.quota = timers;
        self
    }

    /// Tells the service manager that the environment names (`NOTIFY_SOCKET`) when the thread is ready and, if it asks
    /// for that (`WATCHDOG_USEC`), after looks that came to their end.
    pub fn sd_notify(mut self) -> Self {
        self.is_notifying = true;
        self
    }

    /// Calls `callback` for each event, on a thread for that alone: it may block or panic, and detection goes on.
    ///
    /// Up to 1024 events wait for it; what comes beyond is dropped and counted in
    /// [`Health`](crate::Health).
    pub fn on_event(mut self, callback: impl Fn(Event) + Send + Sync + 'static) -> Self {
        self.settings.on_event = Some(Arc::new(callback));
        self
    }

    /// Returns the server, not started.
    ///
    /// # Errors
    ///
    /// If the pipe cannot be made or taken over: another server has it, something else is there, or the system refuses.
    pub fn build(self) -> Result<FileTimerServer, PipeError> {
        let os = |action, source| PipeError::Os { action, path: self.path.clone(), source };
        let wake = Wake::new().map_err(|error| os("make an event descriptor for", error))?;
        let notify = if self.is_notifying { SdNotify::from_env() } else { Ok(None) };
        let notify = notify.map_err(|error| os("tell the service manager of", error))?;
        let state = State::new(Pipe::take(&self.path)?);
        let wake = Arc::new(wake);
        let tolerated = notify.as_ref().and_then(SdNotify::max_interval).unwrap_or(Duration::MAX);
        let max_interval = self.settings.max_interval.min(tolerated);
        let observer = Observer::new(ObserverSettings { max_interval, ..self.settings }, "timer-events");
        let collector = collector(self.evidence_limit, self.dump_dir, &wake, observer.outbox());
        let shared = Shared {
            processes: self.processes.unwrap_or_else(|| Box::new(LinuxProcesses::new(&self.policy))),
            path: self.path,
            run_id: self.run_id,
            observer,
            policy: self.policy,
            quota: self.quota,
            collector,
            wake,
            notify: Mutex::new(notify),
            state: Mutex::new(state),
        };
        Ok(FileTimerServer { passes: PassLoop::new(shared, super::pass::THREAD, 0) })
    }
}

fn collector(
    limit: Duration,
    dump_dir: Option<PathBuf>,
    wake: &Arc<Wake>,
    outbox: Option<Arc<Outbox<Event>>>,
) -> Collector {
    let wake = Arc::clone(wake);
    Collector {
        limit,
        dump_dir,
        wake: Arc::new(move || wake.wake()),
        failed: Arc::new(move |path: PathBuf, error: io::Error| {
            if let Some(outbox) = &outbox {
                outbox.send(WorkerEvent::DumpFailed { path, error }.into());
            }
        }),
        threads: Arc::new(Signalled::new(0)),
        dumps: AtomicU64::new(0),
    }
}

impl fmt::Debug for FileTimerServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileTimerServerBuilder")
            .field("path", &self.path)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
