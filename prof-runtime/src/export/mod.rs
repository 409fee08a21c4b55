//! Snapshots on their way outward: what exporters have in common, and each of them.

#[cfg(any(feature = "prometheus", feature = "statsd"))]
mod address;
#[cfg(any(feature = "otlp", feature = "prometheus-native"))]
mod exponential;
#[cfg(any(feature = "otlp", feature = "prometheus"))]
mod loopback;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;
mod periodic;
#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(feature = "json")]
mod snapshots;
#[cfg(feature = "statsd")]
mod statsd;
#[cfg(feature = "tracing")]
mod tracing;

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

#[cfg(feature = "metrics")]
pub use self::metrics::MetricsFacadeHandler;
pub(crate) use self::periodic::BegunExport;
pub use self::periodic::PeriodicExporter;
#[cfg(feature = "json")]
pub use self::snapshots::SnapshotLines;
#[cfg(feature = "statsd")]
pub use self::statsd::{StatsdError, StatsdHandler};
#[cfg(feature = "tracing")]
pub use self::tracing::TracingHandler;
use crate::aggregate::Aggregator;
#[cfg(feature = "json")]
pub use crate::base::files::RotatingFile;
use crate::base::text::Foreign;
use crate::counts::Snapshot;
pub use crate::handler::failures::LostSinceFlush;
pub use crate::handler::lines::LineWriter;
pub use crate::handler::losses::{HandlerLosses, Loss, LossCounter, LossUnit, Losses};

/// Writes a snapshot outward: to a file, or to a server that stores numbers.
///
/// A [`PeriodicExporter`] calls one at intervals, from a thread of its own.
pub trait Exporter: Send {
    /// Writes out one snapshot: all that was counted from the start until now.
    ///
    /// An exporter that writes differences keeps the last snapshot that it wrote and subtracts it, so that an export
    /// that fails is made up for by the next one.
    ///
    /// # Errors
    ///
    /// If it could not be written.
    fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError>;

    /// Receives what a [`ProfBuilder`](crate::ProfBuilder) knows, once, before the first export: the list of losses,
    /// and the attributes of the program. The default ignores it. A [`PeriodicExporter`] that is started without a
    /// builder does not call it.
    fn attach(&mut self, context: &ExportContext<'_>) {
        let _ = context;
    }

    /// Returns how often a [`ProfBuilder`](crate::ProfBuilder) has it export unless the program says otherwise; every
    /// 60 s by default, as OpenTelemetry does.
    fn default_interval(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// Whether exports do nothing, so that a [`ProfBuilder`](crate::ProfBuilder) starts no thread for it; `false` by
    /// default.
    fn is_disabled(&self) -> bool {
        false
    }
}

impl<E: Exporter + ?Sized> Exporter for Box<E> {
    fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError> {
        (**self).export(snapshot)
    }

    fn attach(&mut self, context: &ExportContext<'_>) {
        (**self).attach(context);
    }

    fn default_interval(&self) -> Duration {
        (**self).default_interval()
    }

    fn is_disabled(&self) -> bool {
        (**self).is_disabled()
    }
}

/// What a [`ProfBuilder`](crate::ProfBuilder) hands to the exporters and servers that it starts.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ExportContext<'a> {
    /// What messages and losses call the part, such as `otlp:http://127.0.0.1:4318`.
    pub target: &'a str,
    /// Counts for all parts that take snapshots.
    pub aggregator: &'a Aggregator,
    /// Where parts count what they lose; exporters publish it.
    pub losses: &'a Losses,
    /// What describes the program, such as `service.name`: keys and values, each key once.
    pub attributes: &'a [(String, String)],
}

impl<'a> ExportContext<'a> {
    /// Creates a context without attributes, for tests of exporters.
    pub fn new(target: &'a str, aggregator: &'a Aggregator, losses: &'a Losses) -> Self {
        Self { target, aggregator, losses, attributes: &[] }
    }

    /// Sets the attributes.
    #[must_use]
    pub fn with_attributes(mut self, attributes: &'a [(String, String)]) -> Self {
        self.attributes = attributes;
        self
    }
}

/// Runs by itself until it is ended, such as a server that others scrape.
/// [`ProfBuilder::server`](crate::ProfBuilder::server) starts one, and its guard ends it.
pub trait Server: Send + Sync {
    /// Begins to end, without waiting. May be called again.
    fn begin_shutdown(&self);

    /// Waits for the end until the deadline. Returns whether it has ended.
    fn finish_shutdown(&self, deadline: Instant) -> bool;

    /// Returns the address that it listens on; `None` if it has none.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

/// Why a snapshot could not be written out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// It did not get there, or the other side is busy: it is worth another attempt.
    #[error("could not export metrics to {target}: {:.1024}", Foreign(cause))]
    Unreachable {
        /// Where to, such as a path or an address.
        target: Foreign<String>,
        /// What went wrong.
        cause: Box<dyn Error + Send + Sync>,
        /// How long the other side asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The other side does not take it, and would not take it again.
    #[error("{target} refused metrics: {reason}")]
    Refused {
        /// Where to.
        target: Foreign<String>,
        /// What it said.
        reason: Foreign<String>,
    },
    /// It takes longer than was waited for, and goes on.
    #[error("could not export metrics to {target} within {timeout:?}")]
    Timeout {
        /// Where to.
        target: Foreign<String>,
        /// How long was waited.
        timeout: Duration,
    },
    /// The exporter was stopped, or panicked.
    #[error("could not export metrics to {target}: its thread has ended")]
    Stopped {
        /// Where to.
        target: Foreign<String>,
    },
}
