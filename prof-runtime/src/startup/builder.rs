//! What to start, in code.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::part::{Kind, Part};
use super::{InitError, ProfGuard};
use crate::buffered::BufferedHandler;
use crate::console::ConsoleHandler;
use crate::export::Losses;
use crate::handler::IntoHandler;

/// What to start: the [parts](super) of the variable `PROF`, in code, and how.
///
/// # Examples
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
#[derive(Clone, Debug)]
#[must_use = "a builder starts nothing until `start` is called"]
pub struct ProfBuilder {
    parts: Vec<Part>,
    pub(super) timeout: Duration,
    pub(super) interval: Option<Duration>,
    pub(super) max_bytes: u64,
    pub(super) old_files: u32,
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
            timeout: Duration::from_secs(5),
            interval: None,
            max_bytes: 64 * 1024 * 1024,
            old_files: 3,
        }
    }

    /// Adds the parts of a comma-separated list.
    ///
    /// # Errors
    ///
    /// If one is not known, not complete or not compiled in.
    pub fn list(mut self, list: &str) -> Result<Self, InitError> {
        self.parts.extend(Part::parse_list(list)?);
        Ok(self)
    }

    fn with(mut self, kind: Kind, argument: impl Into<String>) -> Self {
        self.parts.push(Part::new(kind, argument));
        self
    }

    /// Prints a table on stderr at the end.
    #[cfg(feature = "report")]
    pub fn report(self) -> Self {
        self.with(Kind::Report, "")
    }

    /// Prints each data point on stdout.
    pub fn console(self) -> Self {
        self.with(Kind::Console, "")
    }

    /// Appends each data point to a file, as a line of JSON.
    ///
    /// A path that is not Unicode is not possible here; it is with a [`JsonLinesHandler`](crate::JsonLinesHandler).
    #[cfg(feature = "json")]
    pub fn json(self, path: impl AsRef<std::path::Path>) -> Self {
        self.with(Kind::Json, path.as_ref().to_string_lossy())
    }

    /// Appends what happened in each interval to a file, as a line of JSON.
    #[cfg(feature = "json")]
    pub fn snapshots(self, path: impl AsRef<std::path::Path>) -> Self {
        self.with(Kind::Snapshots, path.as_ref().to_string_lossy())
    }

    /// Serves `/metrics` on an address, such as `127.0.0.1:9464` or `9464`.
    #[cfg(feature = "prometheus")]
    pub fn prometheus(self, address: impl Into<String>) -> Self {
        self.with(Kind::Prometheus, address)
    }

    /// Sends everything to a `StatsD` daemon, such as `127.0.0.1:8125`.
    #[cfg(feature = "statsd")]
    pub fn statsd(self, address: impl Into<String>) -> Self {
        self.with(Kind::Statsd, address)
    }

    /// Sends everything to a `DogStatsD` daemon, with the group as a tag.
    #[cfg(feature = "statsd")]
    pub fn dogstatsd(self, address: impl Into<String>) -> Self {
        self.with(Kind::Dogstatsd, address)
    }

    /// Pushes to an `OpenTelemetry` collector, such as `http://127.0.0.1:4318`; if it is empty, to where the
    /// `OTEL_EXPORTER_OTLP_*` variables say.
    #[cfg(feature = "otlp")]
    pub fn otlp(self, url: impl Into<String>) -> Self {
        self.with(Kind::Otlp, url)
    }

    /// Sets how long the end may take, over all parts; 5 s by default, half of what container runtimes grant a program
    /// before they kill it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how often `snapshots` writes and `otlp` pushes; by default every 10 s, and what
    /// `OTEL_METRIC_EXPORT_INTERVAL` says, else every 60 s.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Sets how large a file of `json` or `snapshots` may become before it is moved out of the way, and how many of those
    /// are kept; 64 MiB and 3 by default.
    pub fn rotate(mut self, max_bytes: u64, old_files: u32) -> Self {
        self.max_bytes = max_bytes;
        self.old_files = old_files;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// If a part is listed twice, or cannot be started; then nothing was started.
    pub fn start(self) -> Result<ProfGuard, InitError> {
        let parts = Part::check(self.parts.clone())?;
        let mut guard = ProfGuard::new(self.timeout);
        for part in parts {
            self.start_part(&part, &mut guard).map_err(|source| InitError::Start { part: part.shown(), source })?;
        }
        guard.listen();
        Ok(guard)
    }

    #[cfg_attr(not(any(feature = "json", feature = "otlp")), allow(clippy::unused_self))] // Some have no options.
    fn start_part(&self, part: &Part, guard: &mut ProfGuard) -> Result<(), Box<dyn Error + Send + Sync>> {
        let target = &*part.shown().0;
        match part.kind {
            #[cfg(feature = "report")]
            Kind::Report => guard.report(),
            Kind::Console => guard.add_handler(Self::buffered(
                ConsoleHandler::new().losses(guard.losses(), target),
                guard.losses(),
                target,
            )?),
            #[cfg(feature = "json")]
            Kind::Json => {
                let lines = crate::JsonLinesHandler::to(self.file(&part.argument)?).losses(guard.losses(), target);
                guard.add_handler(Self::buffered(lines, guard.losses(), target)?);
            }
            #[cfg(feature = "json")]
            Kind::Snapshots => {
                let lines = crate::export::SnapshotLines::to(self.file(&part.argument)?);
                let interval = self.interval.unwrap_or(Duration::from_secs(10));
                guard.add_exporter(target, interval, lines)?;
            }
            #[cfg(feature = "prometheus")]
            Kind::Prometheus => guard.add_server(&loopback(&part.argument))?,
            #[cfg(feature = "statsd")]
            Kind::Statsd | Kind::Dogstatsd => {
                let statsd = crate::export::StatsdHandler::to(&*part.argument)?.losses(guard.losses(), target);
                let statsd = if part.kind == Kind::Dogstatsd { statsd.dogstatsd() } else { statsd };
                guard.add_handler(Self::buffered(statsd, guard.losses(), target)?);
            }
            #[cfg(feature = "otlp")]
            Kind::Otlp => {
                let otlp = match &*part.argument {
                    "" => crate::export::otlp::OtlpExporter::from_env()?,
                    url => crate::export::otlp::OtlpExporter::to(url)?,
                };
                if otlp.is_disabled() {
                    return Ok(());
                }
                let interval = self.interval.unwrap_or(otlp.interval());
                let otlp = otlp.losses(guard.losses());
                guard.add_exporter(target, interval, otlp)?;
            }
            // The list refuses what is not compiled in, and what is off is not started.
            #[allow(unreachable_patterns)]
            _ => {}
        }
        Ok(())
    }

    fn buffered(handler: impl IntoHandler, losses: &Losses, target: &str) -> io::Result<Arc<BufferedHandler>> {
        // What the queue drops is one thing, what the handler cannot write another.
        let queue = format!("{target} queue");
        // What is held back reaches its target within a second, as often as daemons look at it.
        let builder = BufferedHandler::builder().losses(losses, &queue).flush_every(Duration::from_secs(1));
        builder.start(handler).map(Arc::new)
    }

    #[cfg(feature = "json")]
    fn file(&self, path: &str) -> io::Result<crate::export::RotatingFile> {
        Ok(crate::export::RotatingFile::open(path)?.rotate(self.max_bytes, self.old_files))
    }
}

/// An address to listen on, of which the host may be left out.
#[cfg(feature = "prometheus")]
pub(super) fn loopback(address: &str) -> String {
    let port = address.strip_prefix(':').unwrap_or(address);
    match port.parse::<u16>() {
        Ok(port) => format!("127.0.0.1:{port}"),
        Err(_) => address.to_owned(),
    }
}
