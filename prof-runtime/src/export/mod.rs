//! Exporters: what they have in common, and one file or directory for each.

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
    /// Writes one snapshot: all numbers from the start until now.
    ///
    /// An exporter that writes differences keeps the last snapshot that it wrote and subtracts it, so that the export
    /// after a failed one has its numbers.
    ///
    /// # Errors
    ///
    /// If the snapshot could not be written.
    fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError>;

    /// Receives the context of a [`ProfBuilder`](crate::ProfBuilder) once, before the first export: the list of losses
    /// and the attributes of the program. The default ignores it. A [`PeriodicExporter`] that is started without a
    /// builder does not call it.
    fn attach(&mut self, context: &ExportContext<'_>) {
        let _ = context;
    }

    /// Returns the interval at which a [`ProfBuilder`](crate::ProfBuilder) exports, unless the program sets another
    /// one; 60 s by default, as with OpenTelemetry.
    fn default_interval(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// Returns whether exports do nothing, so that a [`ProfBuilder`](crate::ProfBuilder) starts no thread for it;
    /// `false` by default.
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

/// The context that a [`ProfBuilder`](crate::ProfBuilder) passes to the exporters and servers that it starts.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ExportContext<'a> {
    /// The name of the part in messages and losses, such as `otlp:http://127.0.0.1:4318`.
    pub target: &'a str,
    /// The aggregator of all parts that take snapshots.
    pub aggregator: &'a Aggregator,
    /// The list of losses of all parts, which exporters publish.
    pub losses: &'a Losses,
    /// The attributes of the program, such as `service.name`: keys and values, each key once.
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

/// A part that runs by itself until it is ended, such as a server that others scrape.
/// [`ProfBuilder::server`](crate::ProfBuilder::server) starts one, and its guard ends it.
pub trait Server: Send + Sync {
    /// Begins the end, without waiting. May be called again.
    fn begin_shutdown(&self);

    /// Waits for the end until the deadline. Returns whether it has ended.
    fn finish_shutdown(&self, deadline: Instant) -> bool;

    /// Returns the address that the server listens on; `None` if it has none.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

/// Why a snapshot could not be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The target was not reached, or is busy: another attempt may succeed.
    #[error("could not export metrics to {target}: {:.1024}", Foreign(cause))]
    Unreachable {
        /// The target, such as a path or an address.
        target: Foreign<String>,
        /// The cause.
        cause: Box<dyn Error + Send + Sync>,
        /// The time that the target asks to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The target refuses the snapshot, and would refuse it again.
    #[error("{target} refused metrics: {reason}")]
    Refused {
        /// The target.
        target: Foreign<String>,
        /// The cause.
        reason: Foreign<String>,
    },
    /// The export takes longer than the bound of the wait, and goes on.
    #[error("could not export metrics to {target} within {timeout:?}")]
    Timeout {
        /// The target.
        target: Foreign<String>,
        /// The bound of the wait.
        timeout: Duration,
    },
    /// The exporter was stopped, or panicked.
    #[error("could not export metrics to {target}: its thread has ended")]
    Stopped {
        /// The target.
        target: Foreign<String>,
    },
}
