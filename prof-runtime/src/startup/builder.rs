//! What to start, in code.

use std::ffi::OsStr;
use std::time::Duration;

use super::guard::Starting;
use super::part::{Argument, Kind, Part};
use super::ready::{self, Options};
use super::{InitError, ProfGuard};
use crate::base::exit;

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
            options: Options {
                timeout: exit::TIMEOUT,
                interval: None,
                max_bytes: 64 * 1024 * 1024,
                old_files: 3,
                #[cfg(feature = "prometheus")]
                allowed_hosts: Vec::new(),
            },
        }
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

    /// Has `prometheus` answer requests for this host, too, where it listens on loopback; `*` is every host. Without it, only
    /// loopback names are answered there, and the one that the address was given by.
    #[cfg(feature = "prometheus")]
    pub fn prometheus_host(mut self, host: impl Into<String>) -> Self {
        self.options.allowed_hosts.push(host.into());
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
    /// [`timeout`](Self::timeout), and then the signal does what it would have done, so that the exit status is that of the
    /// signal. A second signal ends the program at once, with these exceptions: the same signal within 1 s after the first is
    /// the same event, as senders such as `timeout` signal a program and then its group; and SIGHUP never ends it at once, as
    /// both the kernel and the shell send it when a terminal is closed.
    ///
    /// A signal that the program handles or ignores itself is left to it, whether it does so from the start or later. The
    /// first process of a container, which the system protects from signals, ends with the status 128 + signal. On systems
    /// other than Unix, [`start`](Self::start) fails.
    #[cfg(feature = "signals")]
    pub fn signals(self) -> Self {
        self.with(Kind::Signals, Argument::Nothing)
    }

    /// Sets how long the end may take, over all parts; 5 s by default, half of what container runtimes grant a program
    /// before they kill it. A second more is granted to whoever reads stderr. The start may take as long, and at least 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Sets how often `snapshots` writes and `otlp` pushes; by default every 10 s, and what
    /// `OTEL_METRIC_EXPORT_INTERVAL` says, else every 60 s.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.options.interval = Some(interval);
        self
    }

    /// Sets how large a file of `json` or `snapshots` may become before it is moved out of the way, and how many of those
    /// are kept; 64 MiB and 3 by default.
    pub fn rotate(mut self, max_bytes: u64, old_files: u32) -> Self {
        self.options.max_bytes = max_bytes;
        self.options.old_files = old_files;
        self
    }

    /// Starts it. Everything is looked up, opened and listened on before anything runs.
    ///
    /// # Errors
    ///
    /// If a part is listed twice, or cannot be started, or takes too long; then nothing was started, and files that were made
    /// for it are removed again.
    pub fn start(self) -> Result<ProfGuard, InitError> {
        let parts = Part::check(self.parts)?;
        let ready = ready::ready(parts, &self.options)?;
        let mut starting = Starting::new(self.options.timeout);
        match ready.start(&mut starting, &self.options) {
            Ok(()) => Ok(starting.listen()),
            Err(error) => {
                starting.cancel();
                Err(error)
            }
        }
    }
}
