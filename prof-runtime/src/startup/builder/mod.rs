//! Builds a list of parts in code, and starts them.

mod parts;
mod settings;

use std::ffi::OsStr;
use std::fmt;
use std::time::Duration;

use super::guard::Starting;
use super::own::{OwnKind, OwnPart, StartError};
use super::part::{Argument, Kind, Part};
use super::ready::{self, Options};
use super::{InitError, ProfGuard};
use crate::base::exit;
use crate::export::{ExportContext, Exporter, Server};
use crate::handler::buffered::BufferedHandler;
use crate::handler::losses::Losses;
use crate::handler::{GuardedHandler, IntoHandler};
#[cfg(feature = "report")]
use crate::report::Report;

/// Starts parts from code: the [parts](super) of the variable `PROF`, and handlers, exporters and servers of the
/// program's own.
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
///         // The receiver is gone when the program ends.
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
    /// Creates a builder without parts.
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

    /// Adds the parts of the variable `PROF`, if it is set.
    ///
    /// # Errors
    ///
    /// If a part is not known, not complete or not compiled in.
    pub fn from_env(self) -> Result<Self, InitError> {
        self.list(std::env::var_os("PROF").unwrap_or_default())
    }

    /// Adds the parts of a comma-separated list.
    ///
    /// # Errors
    ///
    /// If a part is not known, not complete or not compiled in.
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

    /// Adds an exporter of the guard's [`aggregator`](ProfGuard::aggregator). It exports at the
    /// [`interval`](Self::interval) of the builder, or at its [default](Exporter::default_interval). `name` stands for
    /// it in messages and in the list of losses.
    pub fn exporter(self, name: impl Into<String>, exporter: impl Exporter + 'static) -> Self {
        self.with_own(name, OwnKind::Exporter(Box::new(exporter), None))
    }

    /// Adds an exporter that exports every `interval`, in place of [`interval`](Self::interval).
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

    /// Starts a table on stderr and nothing else, which cannot fail: it needs no thread, no file and no address.
    #[cfg(feature = "report")]
    pub(super) fn report_only(self) -> ProfGuard {
        let mut starting = Starting::new(&self.options);
        starting.report(Report::table());
        starting.observe()
    }

    fn with(mut self, kind: Kind, argument: Argument) -> Self {
        self.parts.push(Part::new(kind, argument));
        self
    }

    /// Starts all parts. All names are looked up, files opened and addresses bound before any part runs.
    ///
    /// # Errors
    ///
    /// If a part is listed twice, cannot be started, or takes too long. Then no part is left running, and files that
    /// were created for them are removed.
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
            Ok(()) => Ok(starting.observe()),
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
