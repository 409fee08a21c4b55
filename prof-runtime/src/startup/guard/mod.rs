//! The guard over everything that a start began, and its end.

mod starting;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::aggregate::Aggregator;
use crate::base::clock;
use crate::base::exit::{self, End, ExitRegistration};
use crate::base::lock;
use crate::base::stderr;
use crate::config::observer::Observer;
use crate::counts::Snapshot;
use crate::export::{BegunExport, ExportError, PeriodicExporter, Server};
use crate::handler::buffered::{BegunFlush, BufferedHandler};
use crate::handler::losses::Losses;
use crate::handler::{FlushError, FlushFailures, GuardedHandler};
#[cfg(feature = "report")]
use crate::report::Report;
#[cfg(all(unix, feature = "signals"))]
use crate::startup::signals::Caught;

/// Keeps everything running that [`init`](super::init) started. Dropping it writes all buffers out and stops
/// everything, within [`ProfBuilder::timeout`](super::ProfBuilder::timeout), by default 5 s. Metrics that are not
/// written by then is counted as lost and reported on stderr. The report comes last.
///
/// The same happens when the process exits without dropping it, as [`std::process::exit`] does; [how a program
/// ends](super#the-end) says what else does, and what a forked child may expect.
#[must_use = "everything is stopped when the guard is dropped: bind it to a variable, such as `_prof`"]
pub struct ProfGuard {
    running: Arc<Running>,
    /// `None` once it was ended, and while it is being made.
    listed: Option<ExitRegistration>,
    #[cfg(all(unix, feature = "signals"))]
    _signals: Option<Caught>,
}

/// The running parts.
struct Running {
    /// The registrations as observers; none once the end has begun.
    observers: Mutex<Vec<Observer>>,
    /// What the aggregator had counted when the end began.
    last: OnceLock<Arc<Snapshot>>,
    handlers: Vec<Arc<BufferedHandler>>,
    /// Handlers that receive metrics on the threads that emit them.
    direct: Vec<Arc<GuardedHandler>>,
    exporters: Vec<PeriodicExporter>,
    /// Servers and their targets.
    servers: Vec<(String, Box<dyn Server>)>,
    /// Counts for the exporters, the servers and the report; none, if none of them is there.
    aggregator: Option<Aggregator>,
    /// Emptied by the thread that prints them.
    #[cfg(feature = "report")]
    reports: Mutex<Vec<Report>>,
    losses: Losses,
    timeout: Duration,
    /// The process that has the threads of these parts. A forked child has none of them.
    process_id: u32,
    /// Locked by each thread that waits for the end.
    has_ended: Mutex<bool>,
}

/// Parts that are being started. None receives, writes or sends anything until all of them exist.
pub(super) struct Starting {
    running: Running,
    #[cfg(all(unix, feature = "signals"))]
    signals: Option<Caught>,
}

impl ProfGuard {
    /// Returns the aggregator that counts for the report, for Prometheus and for all else that takes snapshots; `None`
    /// if nothing does.
    pub fn aggregator(&self) -> Option<&Aggregator> {
        self.running.aggregator.as_ref()
    }

    /// Returns the address that Prometheus is served on, the first if there are several.
    #[cfg(feature = "prometheus")]
    pub fn prometheus_addr(&self) -> Option<SocketAddr> {
        let (_, server) = self.running.servers.iter().find(|(target, _)| target.starts_with("prometheus:"))?;
        server.local_addr()
    }

    /// Returns the address that the [server](super::ProfBuilder::server) of this name listens on; `None` if there is no
    /// such server, or it has no address.
    pub fn server_addr(&self, name: &str) -> Option<SocketAddr> {
        let (_, server) = self.running.servers.iter().find(|(target, _)| target == name)?;
        server.local_addr()
    }

    /// Returns the counters of what was lost on the way out.
    pub fn losses(&self) -> &Losses {
        &self.running.losses
    }

    /// Writes out what the parts of this guard hold back, all at the same time, within the timeout.
    /// [`flush`](crate::flush) does so for all guards, and for configured handlers.
    ///
    /// # Errors
    ///
    /// Those of all parts that failed, each since the last flush, after every part was tried.
    pub fn flush(&self) -> Result<(), FlushError> {
        let timeout = self.running.timeout;
        let deadline = clock::deadline(timeout);
        let (handlers, exporters) = (&self.running.handlers, &self.running.exporters);
        let handlers: Vec<_> = handlers.iter().map(|handler| handler.begin_flush(deadline, timeout)).collect();
        let exporters = exporters.iter().map(|exporter| (exporter, exporter.begin_export(deadline, timeout)));
        let exporters: Vec<_> = exporters.collect();
        let mut failures = FlushFailures::default();
        for flush in handlers {
            failures.add(flush.and_then(BegunFlush::wait));
        }
        for handler in &self.running.direct {
            failures.add(handler.flush());
        }
        for (exporter, export) in exporters {
            let failed =
                |error: ExportError| FlushError::Write { target: exporter.target().into(), cause: error.into() };
            failures.add(export.and_then(BegunExport::wait).map_err(failed));
        }
        failures.take()
    }
}

impl Drop for ProfGuard {
    fn drop(&mut self) {
        if self.running.is_in_this_process() {
            exit::end(Arc::clone(&self.running) as Arc<dyn End>);
            drop(self.listed.take());
        } else {
            self.running.leave();
        }
    }
}

impl Running {
    fn is_in_this_process(&self) -> bool {
        self.process_id == std::process::id()
    }

    /// Releases the parent's parts, in a forked child.
    ///
    /// Runs on this thread, since a child should start no thread on its own. Does not wait.
    fn leave(&self) {
        let parts = self.end_parts(clock::monotonic());
        if !parts.is_empty() {
            stderr::line(format_args!(
                "prof: {} stayed in the process that this one was forked from; start parts after the fork",
                parts.join(", ")
            ));
        }
    }

    /// Ends all parts concurrently. Returns the targets of those that did not end in time.
    fn end_parts(&self, deadline: Instant) -> Vec<&str> {
        self.begin();
        let mut late: Vec<&str> = Vec::new();
        late.extend(self.handlers.iter().filter(|one| !one.shutdown_by(deadline)).map(|one| one.target()));
        late.extend(self.exporters.iter().filter(|one| !one.shutdown_by(deadline)).map(PeriodicExporter::target));
        self.servers.iter().for_each(|(_, server)| server.begin_shutdown());
        let is_late = |(_, server): &&(String, Box<dyn Server>)| !server.finish_shutdown(deadline);
        late.extend(self.servers.iter().filter(is_late).map(|(target, _)| target.as_str()));
        late
    }
}

impl End for Running {
    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn begin(&self) {
        // Locked until all of it is done: another thread that begins the end waits.
        let mut observers = lock(&self.observers);
        // All parts have the calls up to one moment. A call that is being handed on at that moment is counted as lost
        // by the queues that it comes to later.
        Observer::end(std::mem::take(&mut *observers));
        self.handlers.iter().for_each(|handler| handler.begin_shutdown());
        if let Some(aggregator) = self.aggregator.as_ref().filter(|_| self.is_in_this_process()) {
            let last = self.last.get_or_init(|| Arc::new(aggregator.snapshot()));
            self.exporters.iter().for_each(|exporter| exporter.end_with(Arc::clone(last)));
        }
        self.exporters.iter().for_each(PeriodicExporter::begin_shutdown);
    }

    fn finish(&self, deadline: Instant) {
        let mut has_ended = lock(&self.has_ended);
        if std::mem::replace(&mut has_ended, true) {
            return;
        }
        let late = self.end_parts(deadline);
        if !late.is_empty() {
            stderr::line(format_args!("prof: {} did not end within {:?}", late.join(", "), self.timeout));
        }
        for lost in self.losses.sentences() {
            stderr::line(format_args!("prof: {lost}"));
        }
        #[cfg(feature = "report")]
        if let Some(last) = self.last.get() {
            let reports = std::mem::take(&mut *lock(&self.reports));
            for report in reports {
                report.print(last);
            }
        }
    }
}

impl fmt::Debug for ProfGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfGuard")
            .field("handlers", &self.running.handlers)
            .field("exporters", &self.running.exporters)
            .field("losses", &self.running.losses)
            .field("timeout", &self.running.timeout)
            .finish_non_exhaustive()
    }
}
