//! The builder of a server of file timers.

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

/// The default of the longest wait. Requests, deadlines and exits of workers end a wait, so this only bounds the age of
/// [`FileTimerServer::last_progress_time`] and the time until a lost pipe is noticed.
const MAX_INTERVAL: Duration = Duration::from_secs(1);
/// The default time that a kill waits for evidence. A read takes about a millisecond, and never ends if the kernel
/// hangs.
const EVIDENCE_LIMIT: Duration = Duration::from_millis(250);
/// The default of the most timers of one worker. No program nests that many.
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

    /// Sets the name of the run in reports and dumps. Default: empty.
    pub fn run_id(mut self, run_id: impl Into<String>) -> Self {
        self.run_id = run_id.into();
        self
    }

    /// Sets the longest wait of the thread. Default: one second. Detection does not depend on it.
    pub fn max_interval(mut self, max_interval: Duration) -> Self {
        self.settings.max_interval = max_interval;
        self
    }

    /// Sets which processes may be killed, and how.
    pub fn policy(mut self, policy: KillPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Takes workers from `processes` instead of this machine.
    pub fn processes(mut self, processes: impl Processes + 'static) -> Self {
        self.processes = Some(Box::new(processes));
        self
    }

    /// Sets how long a kill may wait for evidence. Default: 250 ms. Zero for no evidence.
    pub fn evidence_limit(mut self, limit: Duration) -> Self {
        self.evidence_limit = limit;
        self
    }

    /// Makes the server write a file for each incident into this folder, which must exist. A kill does not wait for it.
    pub fn dump_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.dump_dir = Some(folder.into());
        self
    }

    /// Sets how many timers one worker may hold. Default: 4096.
    pub fn quota(mut self, timers: usize) -> Self {
        self.quota = timers;
        self
    }

    /// Makes the server report to the service manager in `NOTIFY_SOCKET`: that its thread is ready and, if
    /// `WATCHDOG_USEC` asks for it, that passes complete.
    pub fn sd_notify(mut self) -> Self {
        self.is_notifying = true;
        self
    }

    /// Calls `callback` for each event, on a thread for that alone: it may block or panic, and detection continues.
    ///
    /// At most 1024 events wait for it. Further ones are dropped and counted in
    /// [`Health`](crate::Health).
    pub fn on_event(mut self, callback: impl Fn(Event) + Send + Sync + 'static) -> Self {
        self.settings.on_event = Some(Arc::new(callback));
        self
    }

    /// Returns the server. It is not started.
    ///
    /// # Errors
    ///
    /// If the pipe cannot be created or taken over: another server reads from it, the path leads to something else, or
    /// the system refuses.
    pub fn build(self) -> Result<FileTimerServer, PipeError> {
        let os = |action, source| PipeError::Os { action, path: self.path.clone(), source };
        let wake = Wake::new().map_err(|error| os("create an event descriptor for", error))?;
        let notify = if self.is_notifying { SdNotify::from_env() } else { Ok(None) };
        let notify = notify.map_err(|error| os("reach the service manager for", error))?;
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
