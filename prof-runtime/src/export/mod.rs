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
use std::time::Duration;

#[cfg(feature = "metrics")]
pub use self::metrics::MetricsHandler;
pub(crate) use self::periodic::BegunExport;
pub use self::periodic::PeriodicExporter;
#[cfg(feature = "json")]
pub use self::snapshots::SnapshotLines;
#[cfg(feature = "statsd")]
pub use self::statsd::{StatsdError, StatsdHandler};
#[cfg(feature = "tracing")]
pub use self::tracing::TracingHandler;
#[cfg(feature = "json")]
pub use crate::base::files::RotatingFile;
use crate::base::text::Foreign;
use crate::counts::Snapshot;
pub use crate::handler::losses::{Loss, LossCounter, LossUnit, Losses};

/// Writes a snapshot outward: to a file, or to a server that stores numbers.
///
/// A [`PeriodicExporter`] calls one at intervals, from a thread of its own.
pub trait Exporter: Send {
    /// Writes out one snapshot: all that was counted from the start until now.
    ///
    /// Whoever writes differences keeps the last snapshot that it wrote and subtracts it, so that an export that fails
    /// is made up for by the next one.
    ///
    /// # Errors
    ///
    /// If it could not be written.
    fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError>;
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
