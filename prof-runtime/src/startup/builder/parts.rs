//! The parts of `PROF`, in code.

use super::ProfBuilder;
#[cfg(feature = "report")]
use crate::report::Report;
use crate::startup::part::{Argument, Kind};

impl ProfBuilder {
    #[cfg(any(feature = "prometheus", feature = "statsd"))]
    fn with_address(self, kind: Kind, address: impl Into<String>) -> Self {
        self.with(kind, Argument::Address(address.into()))
    }

    /// Prints a table on stderr at the end.
    #[cfg(feature = "report")]
    pub fn report(self) -> Self {
        self.with(Kind::Report, Argument::Nothing)
    }

    /// Prints a report at the end. Several are allowed.
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

    /// Appends the numbers of each interval to a file, as a line of JSON.
    #[cfg(feature = "json")]
    pub fn snapshots(self, path: impl Into<std::path::PathBuf>) -> Self {
        self.with(Kind::Snapshots, Argument::Path(path.into()))
    }

    /// Serves `/metrics` on an address, such as `127.0.0.1:9464` or `9464`.
    #[cfg(feature = "prometheus")]
    pub fn prometheus(self, address: impl Into<String>) -> Self {
        self.with_address(Kind::Prometheus, address)
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

    /// Pushes to an `OpenTelemetry` collector, such as `http://127.0.0.1:4318`; if the text is empty, to the one that
    /// the `OTEL_EXPORTER_OTLP_*` variables name.
    #[cfg(feature = "otlp")]
    pub fn otlp(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.with(Kind::Otlp, if url.is_empty() { Argument::Nothing } else { Argument::Address(url) })
    }

    /// Ends the program in order when SIGTERM, SIGINT (Ctrl-C) or SIGHUP comes: all parts write their
    /// metrics out, within the [`timeout`](Self::timeout), and then the signal has its default effect, so that the exit
    /// status is that of the signal. A second signal ends the program at once, with these exceptions: the same signal
    /// within 1 s after the first is the same event, as senders such as `timeout` signal a program and then its group;
    /// and SIGHUP never ends it at once, as both the kernel and the shell send it when a terminal is closed.
    ///
    /// A signal that the program handles or ignores itself is left to it, whether it does so from the start or later.
    /// The first process of a container, which the system protects from signals, ends with the status 128 + signal. On
    /// systems other than Unix, [`start`](Self::start) fails.
    #[cfg(feature = "signals")]
    pub fn signals(self) -> Self {
        self.with(Kind::Signals, Argument::Nothing)
    }
}
