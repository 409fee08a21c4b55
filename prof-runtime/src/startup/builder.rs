//! What to start, in code.

use std::ffi::OsStr;
use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use super::guard::Starting;
use super::own::{OwnKind, OwnPart, StartError};
use super::part::{Argument, Kind, Part};
use super::ready::{self, Options};
use super::{InitError, ProfGuard};
use crate::base::exit;
use crate::export::{ExportContext, Exporter, Server};
use crate::handler::buffered::{BufferedHandler, Builder as BufferedBuilder, WhenFull};
use crate::handler::losses::Losses;
use crate::handler::{GuardedHandler, IntoHandler};
#[cfg(feature = "report")]
use crate::report::Report;

/// What to start, and how: the [parts](super) of the variable `PROF`, in code, and handlers, exporters and servers of
/// the program's own.
///
/// # Examples
///
/// Parts that `PROF` has, too:
///
/// ```
/// use prof_runtime::{ProfBuilder, prof};
/// use std::time::Duration;
///
/// #[prof(name = "work")]
/// fn work() {}
///
/// let prof = ProfBuilder::new().console().timeout(Duration::from_secs(60)).start()?;
/// work(); // Two lines on stdout.
/// prof.flush()?;
/// assert_eq!(prof.losses().total(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A handler and an exporter of one's own, beside what `PROF` lists:
///
/// ```
/// use prof_runtime::export::{ExportError, Exporter};
/// use prof_runtime::{MemoryHandler, ProfBuilder, Snapshot, put_metric};
/// use std::sync::mpsc::{Sender, channel};
///
/// struct Values(Sender<f64>);
///
/// impl Exporter for Values {
///     fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError> {
///         // Nobody receives it any more when the program ends.
///         let _ = self.0.send(snapshot.value("pages").map_or(0.0, |pages| pages.sum));
///         Ok(())
///     }
/// }
///
/// let memory = MemoryHandler::new();
/// let (sender, exported) = channel();
/// let prof = ProfBuilder::new()
///     .from_env()?
///     .handler("memory", memory.clone())
///     .exporter("values", Values(sender))
///     .attribute("service.name", "crawler")
///     .start()?;
/// put_metric("pages", 3, "crawler");
/// prof.flush()?;
/// assert_eq!(memory.value("pages"), Some(3.0));
/// assert_eq!(exported.recv(), Ok(3.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder starts nothing until `start` is called"]
pub struct ProfBuilder {
    parts: Vec<Part>,
    own: Vec<OwnPart>,
    #[cfg(feature = "report")]
    reports: Vec<Report>,
    options: Options,
}

impl Default for ProfBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ProfBuilder {
    /// Creates one that starts nothing.
    pub fn new() -> Self {
        Self {
            parts: Vec::new(),
            own: Vec::new(),
            #[cfg(feature = "report")]
            reports: Vec::new(),
            options: Options {
                timeout: exit::TIMEOUT,
                interval: None,
                max_bytes: 64 * 1024 * 1024,
                old_files: 3,
                losses: Losses::new(),
                attributes: Vec::new(),
                queue: BufferedHandler::builder(),
                #[cfg(feature = "prometheus")]
                prometheus: ready::PrometheusOptions::default(),
            },
        }
    }

    /// Adds the parts of the variable `PROF`; none if it is not set.
    ///
    /// # Errors
    ///
    /// If one is not known, not complete or not compiled in.
    pub fn from_env(self) -> Result<Self, InitError> {
        self.list(std::env::var_os("PROF").unwrap_or_default())
    }

    /// Adds the parts of a comma-separated list.
    ///
    /// # Errors
    ///
    /// If one is not known, not complete or not compiled in.
    pub fn list(mut self, list: impl AsRef<OsStr>) -> Result<Self, InitError> {
        self.parts.extend(Part::parse_list(list.as_ref())?);
        Ok(self)
    }

    /// Adds a handler that receives the metrics of all groups, beside those that the program
    /// [configures](crate::configure), from a queue and a thread of its own. `name` stands for it in messages, and
    /// `NAME queue` in the list of losses.
    pub fn handler(self, name: impl Into<String>, handler: impl IntoHandler) -> Self {
        self.with_own(name, OwnKind::Queued(handler.into_handler()))
    }

    /// Adds a handler that receives the metrics of all groups on the threads that emit them, without a queue: for one
    /// that neither writes nor waits, such as an [`Aggregator`](crate::Aggregator).
    #[track_caller]
    pub fn direct_handler(self, name: impl Into<String>, handler: impl IntoHandler) -> Self {
        self.with_own(name, OwnKind::Direct(GuardedHandler::new(handler.into_handler())))
    }

    /// Adds an exporter of the guard's [`aggregator`](ProfGuard::aggregator). It exports as often as
    /// [`interval`](Self::interval) says, else as [often as it wants](Exporter::default_interval). `name` stands for it
    /// in messages and in the list of losses.
    pub fn exporter(self, name: impl Into<String>, exporter: impl Exporter + 'static) -> Self {
        self.with_own(name, OwnKind::Exporter(Box::new(exporter), None))
    }

    /// Adds an exporter that exports every `interval`, whatever [`interval`](Self::interval) says.
    pub fn exporter_every(
        self,
        interval: Duration,
        name: impl Into<String>,
        exporter: impl Exporter + 'static,
    ) -> Self {
        self.with_own(name, OwnKind::Exporter(Box::new(exporter), Some(interval)))
    }

    /// Adds a server, which `start` starts after all other parts are ready.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "prometheus")] {
    /// use prof_runtime::ProfBuilder;
    /// use prof_runtime::export::prometheus::{PrometheusCollector, PrometheusServer};
    ///
    /// let prof = ProfBuilder::new().server("scrapes", |context| {
    ///     let collector = PrometheusCollector::new(context.aggregator.clone()).losses(context.losses);
    ///     Ok(PrometheusServer::start("127.0.0.1:0", collector)?)
    /// });
    /// assert!(prof.start()?.server_addr("scrapes").is_some());
    /// # }
    /// # Ok::<(), prof_runtime::InitError>(())
    /// ```
    pub fn server<S: Server + 'static>(
        self,
        name: impl Into<String>,
        start: impl FnOnce(&ExportContext<'_>) -> Result<S, StartError> + Send + 'static,
    ) -> Self {
        let start = move |context: &ExportContext<'_>| start(context).map(|server| Box::new(server) as Box<dyn Server>);
        self.with_own(name, OwnKind::Server(Box::new(start)))
    }

    fn with_own(mut self, name: impl Into<String>, kind: OwnKind) -> Self {
        self.own.push(OwnPart { name: name.into(), kind });
        self
    }

    /// Sets an attribute of the program, such as `service.name`: of the resource in OTLP, where it replaces the one of
    /// a variable. Exporters of the program's own [receive](Exporter::attach) it.
    pub fn attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = key.into();
        self.options.attributes.retain(|(known, _)| *known != key);
        self.options.attributes.push((key, value.into()));
        self
    }

    /// Counts losses in this list; by default, in one that [`ProfGuard::losses`] returns.
    pub fn losses(mut self, losses: &Losses) -> Self {
        self.options.losses = losses.clone();
        self
    }

    /// Sets how many metrics the queue of each part has room for; 65 536 by default.
    pub fn queue_capacity(self, capacity: NonZeroUsize) -> Self {
        self.change_queue(|queue| queue.capacity(capacity))
    }

    /// Sets how many bytes the names in the queue of each part may take; 16 MiB by default.
    pub fn queue_max_bytes(self, max_bytes: usize) -> Self {
        self.change_queue(|queue| queue.max_bytes(max_bytes))
    }

    /// Sets what gives way when the queue of a part is full; by default, what comes is dropped.
    pub fn when_full(self, when_full: WhenFull) -> Self {
        self.change_queue(|queue| queue.when_full(when_full))
    }

    fn change_queue(mut self, change: impl FnOnce(BufferedBuilder) -> BufferedBuilder) -> Self {
        self.options.queue = change(self.options.queue);
        self
    }

    /// Starts a table on stderr and nothing else, which cannot fail: it needs no thread, no file and no address.
    #[cfg(feature = "report")]
    pub(super) fn report_only(self) -> ProfGuard {
        let mut starting = Starting::new(&self.options);
        starting.report(Report::table());
        starting.listen()
    }

    fn with(mut self, kind: Kind, argument: Argument) -> Self {
        self.parts.push(Part::new(kind, argument));
        self
    }

    #[cfg(any(feature = "prometheus", feature = "statsd"))]
    fn with_address(self, kind: Kind, address: impl Into<String>) -> Self {
        self.with(kind, Argument::Address(address.into()))
    }

    /// Prints a table on stderr at the end.
    #[cfg(feature = "report")]
    pub fn report(self) -> Self {
        self.with(Kind::Report, Argument::Nothing)
    }

    /// Prints a report at the end, as it says; several are allowed.
    #[cfg(feature = "report")]
    pub fn report_as(mut self, report: Report) -> Self {
        self.reports.push(report);
        self
    }

    /// Prints each data point on stdout.
    pub fn console(self) -> Self {
        self.with(Kind::Console, Argument::Nothing)
    }

    /// Appends each data point to a file, as a line of JSON.
    #[cfg(feature = "json")]
    pub fn json(self, path: impl Into<std::path::PathBuf>) -> Self {
        self.with(Kind::Json, Argument::Path(path.into()))
    }

    /// Appends what happened in each interval to a file, as a line of JSON.
    #[cfg(feature = "json")]
    pub fn snapshots(self, path: impl Into<std::path::PathBuf>) -> Self {
        self.with(Kind::Snapshots, Argument::Path(path.into()))
    }

    /// Serves `/metrics` on an address, such as `127.0.0.1:9464` or `9464`.
    #[cfg(feature = "prometheus")]
    pub fn prometheus(self, address: impl Into<String>) -> Self {
        self.with_address(Kind::Prometheus, address)
    }

    /// Has `prometheus` answer requests for this host, too, where it listens on loopback; `*` is every host. Without
    /// it, only loopback names are answered there, and the one that the address was given by.
    #[cfg(feature = "prometheus")]
    pub fn prometheus_host(mut self, host: impl Into<String>) -> Self {
        self.options.prometheus.allowed_hosts.push(host.into());
        self
    }

    /// Sets how finely `prometheus` tells durations apart; by default,
    /// [`Resolution::One`](crate::export::prometheus::Resolution::One).
    #[cfg(feature = "prometheus")]
    pub fn resolution(mut self, resolution: crate::export::prometheus::Resolution) -> Self {
        self.options.prometheus.resolution = resolution;
        self
    }

    /// Adds a label to `prof_build_info` of `prometheus`, such as the commit that the program was built from.
    ///
    /// # Panics
    ///
    /// [`start`](Self::start) panics if the name is none that Prometheus allows: letters, digits and underscores.
    #[cfg(feature = "prometheus")]
    pub fn build_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.prometheus.build_labels.push((name.into(), value.into()));
        self
    }

    /// Sends everything to a `StatsD` daemon, such as `127.0.0.1:8125`.
    #[cfg(feature = "statsd")]
    pub fn statsd(self, address: impl Into<String>) -> Self {
        self.with_address(Kind::Statsd, address)
    }

    /// Sends everything to a `DogStatsD` daemon, with the group as a tag.
    #[cfg(feature = "statsd")]
    pub fn dogstatsd(self, address: impl Into<String>) -> Self {
        self.with_address(Kind::Dogstatsd, address)
    }

    /// Pushes to an `OpenTelemetry` collector, such as `http://127.0.0.1:4318`; if it is empty, to where the
    /// `OTEL_EXPORTER_OTLP_*` variables say.
    #[cfg(feature = "otlp")]
    pub fn otlp(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.with(Kind::Otlp, if url.is_empty() { Argument::Nothing } else { Argument::Address(url) })
    }

    /// Ends the program in order when SIGTERM, SIGINT (Ctrl-C) or SIGHUP comes: everything is written out, within the
    /// [`timeout`](Self::timeout), and then the signal does what it would have done, so that the exit status is that of
    /// the signal. A second signal ends the program at once, with these exceptions: the same signal within 1 s after
    /// the first is the same event, as senders such as `timeout` signal a program and then its group; and SIGHUP never
    /// ends it at once, as both the kernel and the shell send it when a terminal is closed.
    ///
    /// A signal that the program handles or ignores itself is left to it, whether it does so from the start or later.
    /// The first process of a container, which the system protects from signals, ends with the status 128 + signal. On
    /// systems other than Unix, [`start`](Self::start) fails.
    #[cfg(feature = "signals")]
    pub fn signals(self) -> Self {
        self.with(Kind::Signals, Argument::Nothing)
    }

    /// Sets how long the end may take, over all parts; 5 s by default, half of what container runtimes grant a program
    /// before they kill it. A reader of stderr gets one second more. The start may take as long, and at least 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Sets how often all exporters export; by default, `snapshots` writes every 10 s, `otlp` pushes as often as
    /// `OTEL_METRIC_EXPORT_INTERVAL` says, else every 60 s, and others export as [often as they
    /// want](Exporter::default_interval).
    pub fn interval(mut self, interval: Duration) -> Self {
        self.options.interval = Some(interval);
        self
    }

    /// Sets how large a file of `json` or `snapshots` may become before it is moved out of the way, and how many of
    /// those are kept; 64 MiB and 3 by default.
    pub fn rotate(mut self, max_bytes: u64, old_files: u32) -> Self {
        self.options.max_bytes = max_bytes;
        self.options.old_files = old_files;
        self
    }

    /// Starts it. Everything is looked up, opened and listened on before anything runs.
    ///
    /// # Errors
    ///
    /// If a part is listed twice, or cannot be started, or takes too long; then nothing was started, and files that
    /// were made for it are removed again.
    pub fn start(self) -> Result<ProfGuard, InitError> {
        let Self { parts, own, options, .. } = self;
        let parts = Part::check(parts, &own)?;
        let ready = ready::ready(parts, &options)?;
        let mut starting = Starting::new(&options);
        #[cfg(feature = "report")]
        self.reports.into_iter().for_each(|report| starting.report(report));
        let started =
            ready.start(&mut starting, &options).and_then(|()| ready::start_own(own, &mut starting, &options));
        match started {
            Ok(()) => Ok(starting.listen()),
            Err(error) => {
                starting.cancel();
                Err(error)
            }
        }
    }
}

impl fmt::Debug for ProfBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfBuilder")
            .field("parts", &self.parts)
            .field("own", &self.own)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
