//! What was started, and its end.

use std::fmt;
use std::io;
#[cfg(feature = "prometheus")]
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::aggregator::Aggregator;
use crate::buffered::BufferedHandler;
use crate::clock;
use crate::export::{Exporter, LossUnit, Losses, PeriodicExporter};
use crate::handler::{FlushError, FlushFailures, MetricHandler};
#[cfg(feature = "report")]
use crate::report::Report;
use crate::route::Observer;
use crate::stderr;

#[cfg(feature = "prometheus")]
use crate::export::prometheus::{PrometheusCollector, PrometheusServer, ServeError};

/// Keeps what [`init`](super::init) started running. Dropping it writes out what is held back and stops everything,
/// within 5 s or what [`ProfBuilder::timeout`](super::ProfBuilder::timeout) says; what did not get out by then is counted
/// and said on stderr. The report comes last.
///
/// A program that ends by [`std::process::exit`], or is killed, drops no guards; a server or file then lacks what was
/// held back, at most a second of data points and an interval of snapshots.
///
/// After a fork, the threads are the parent's: what the child counts is not exported, does not hold the child up, and is
/// counted as lost. A child that wants to export starts parts of its own, on ports of its own. As with every lock, one that
/// another thread holds at the moment of the fork stays taken in the child: fork before this is started, or replace the child
/// by another program at once, as [`std::process::Command`] does.
#[must_use = "everything is stopped when the guard is dropped: bind it to a variable, such as `_prof`"]
pub struct ProfGuard {
    /// Listeners of this guard, beside the report's.
    observers: Vec<Observer>,
    handlers: Vec<Arc<BufferedHandler>>,
    exporters: Vec<PeriodicExporter>,
    #[cfg(feature = "prometheus")]
    servers: Vec<PrometheusServer>,
    /// Counts for the exporters, the servers and the report; none, if none of them is there.
    aggregator: Option<Aggregator>,
    /// Made when listening begins: a start that fails prints none.
    #[cfg(feature = "report")]
    report: Option<Report>,
    #[cfg(feature = "report")]
    wants_report: bool,
    losses: Losses,
    timeout: Duration,
    /// Where the threads of all this are: after a fork, the child has none of them.
    process_id: u32,
}

impl ProfGuard {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            observers: Vec::new(),
            handlers: Vec::new(),
            exporters: Vec::new(),
            #[cfg(feature = "prometheus")]
            servers: Vec::new(),
            aggregator: None,
            #[cfg(feature = "report")]
            report: None,
            #[cfg(feature = "report")]
            wants_report: false,
            losses: Losses::new(),
            timeout,
            process_id: std::process::id(),
        }
    }

    /// The one aggregator of everything that takes snapshots, so that a call is counted once.
    fn shared_aggregator(&mut self) -> Aggregator {
        self.aggregator.get_or_insert_default().clone()
    }

    #[cfg(feature = "report")]
    pub(super) fn report(&mut self) {
        self.shared_aggregator();
        self.wants_report = true;
    }

    pub(super) fn add_handler(&mut self, handler: Arc<BufferedHandler>) {
        self.handlers.push(handler);
    }

    #[cfg_attr(not(any(feature = "json", feature = "otlp")), allow(dead_code))]
    pub(super) fn add_exporter(
        &mut self,
        target: &str,
        interval: Duration,
        exporter: impl Exporter + 'static,
    ) -> io::Result<()> {
        let (losses, aggregator) = (self.losses.counter(target, LossUnit::Snapshots), self.shared_aggregator());
        self.exporters.push(PeriodicExporter::start_counting(losses, aggregator, interval, exporter)?);
        Ok(())
    }

    #[cfg(feature = "prometheus")]
    pub(super) fn add_server(&mut self, address: &str) -> Result<(), ServeError> {
        let collector = PrometheusCollector::new(self.shared_aggregator()).losses(&self.losses);
        self.servers.push(PrometheusServer::start(address, collector)?);
        Ok(())
    }

    /// Begins to listen, once everything is there.
    pub(super) fn listen(&mut self) {
        #[cfg(feature = "report")]
        if self.wants_report {
            self.report = self.aggregator.clone().map(Report::of);
        }
        let aggregator =
            self.aggregator.iter().map(|aggregator| Arc::new(aggregator.clone()) as Arc<dyn MetricHandler>);
        let handlers = self.handlers.iter().map(|handler| Arc::clone(handler) as Arc<dyn MetricHandler>);
        self.observers = aggregator.chain(handlers).map(Observer::new).collect();
    }

    /// Returns the aggregator that counts for the report, for Prometheus and for whatever else takes snapshots; `None` if
    /// nothing does.
    pub fn aggregator(&self) -> Option<&Aggregator> {
        self.aggregator.as_ref()
    }

    /// Returns the address that Prometheus is served on, the first if there are several.
    #[cfg(feature = "prometheus")]
    pub fn prometheus_addr(&self) -> Option<SocketAddr> {
        self.servers.first().map(PrometheusServer::local_addr)
    }

    /// Returns the counters of what was lost on the way out.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Writes out what is held back, within the timeout for each part.
    ///
    /// # Errors
    ///
    /// Those of all parts that failed, each since the last flush, after every part was tried.
    pub fn flush(&self) -> Result<(), FlushError> {
        let mut failures = FlushFailures::default();
        self.handlers.iter().for_each(|handler| failures.add(handler.flush_within(self.timeout)));
        for exporter in &self.exporters {
            let exported = exporter.export_now(self.timeout);
            failures.add(
                exported.map_err(|error| FlushError::Write { target: exporter.target().into(), source: error.into() }),
            );
        }
        failures.take()
    }

    /// Ends every part, side by side, and says which did not end in time.
    fn stop(&mut self) {
        // Handlers take in nothing more, while the aggregator counts until the report is printed.
        self.observers.truncate(self.aggregator.iter().count());
        let deadline = clock::deadline(self.timeout);
        self.handlers.iter().for_each(|handler| handler.begin_shutdown());
        self.exporters.iter().for_each(PeriodicExporter::begin_shutdown);
        let mut late: Vec<&str> = Vec::new();
        late.extend(self.handlers.iter().filter(|one| !one.shutdown_by(deadline)).map(|one| one.target()));
        late.extend(self.exporters.iter().filter(|one| !one.shutdown_by(deadline)).map(PeriodicExporter::target));
        #[cfg(feature = "prometheus")]
        {
            self.servers.iter().for_each(PrometheusServer::begin_shutdown);
            late.extend(self.servers.iter().filter(|one| !one.shutdown_by(deadline)).map(|_| "prometheus"));
        }
        let late = late.join(", ");
        match self.process_id == std::process::id() {
            _ if late.is_empty() => {}
            true => stderr::line(format_args!("prof: {late} did not end within {:?}", self.timeout)),
            false => stderr::line(format_args!("prof: {late} stayed in the process that this one was forked from")),
        }
        for lost in self.losses.sentences() {
            stderr::line(format_args!("prof: {lost}"));
        }
    }
}

impl Drop for ProfGuard {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for ProfGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfGuard")
            .field("handlers", &self.handlers)
            .field("exporters", &self.exporters)
            .field("losses", &self.losses)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
