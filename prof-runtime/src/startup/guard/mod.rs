//! The guard over all started parts, and their end.

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

/// Keeps all parts running that [`init`](super::init) or a [`ProfBuilder`](super::ProfBuilder) started. Dropping it
/// writes all buffers out and ends the parts, within [`ProfBuilder::timeout`](super::ProfBuilder::timeout), by default
/// 5 s. Metrics that are not written by then are counted as lost, and a line on stderr says so. The report comes last.
///
/// The same happens when the process exits without dropping it, as with [`std::process::exit`]. [How a program
/// ends](super#the-end) lists the other ways, and what a forked child can expect.
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
    /// The parts that observe; none once the end has begun.
    observers: Mutex<Vec<Observer>>,
    /// The snapshot of the moment at which the end began.
    last: OnceLock<Arc<Snapshot>>,
    handlers: Vec<Arc<BufferedHandler>>,
    /// Handlers that receive metrics on the threads that emit them.
    direct: Vec<Arc<GuardedHandler>>,
    exporters: Vec<PeriodicExporter>,
    /// Servers and their targets.
    servers: Vec<(String, Box<dyn Server>)>,
    /// Counts for the exporters, the servers and the report; `None` without any of them.
    aggregator: Option<Aggregator>,
    /// Emptied by the thread that prints them.
    #[cfg(feature = "report")]
    reports: Mutex<Vec<Report>>,
    losses: Losses,
    timeout: Duration,
    /// The process that has the threads of these parts. A forked child has none of them.
    process_id: u32,
    /// Whether the end is complete. Each thread that waits for the end locks it.
    has_ended: Mutex<bool>,
}

/// Parts that are being started. None of them receives, writes or sends metrics until all of them exist.
pub(super) struct Starting {
    running: Running,
    #[cfg(all(unix, feature = "signals"))]
    signals: Option<Caught>,
}

impl ProfGuard {
    /// Returns the aggregator that counts for all parts that take snapshots, such as the report and Prometheus; `None`
    /// without such a part.
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

    /// Returns the list of losses.
    pub fn losses(&self) -> &Losses {
        &self.running.losses
    }

    /// Flushes all parts of this guard at the same time, within the timeout. [`flush`](crate::flush) does so for all
    /// guards, and for configured handlers.
    ///
    /// # Errors
    ///
    /// If parts failed since the last flush: the errors of all of them, after every part was tried.
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
        // Locked until the end has begun: another thread that begins it waits.
        let mut observers = lock(&self.observers);
        // All parts receive calls up to one moment. The queues count a call as lost that is on its way to them at that
        // moment.
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
