//! Pushes to an `OpenTelemetry` collector, as protobuf over http, and with the feature `otlp-grpc` over gRPC.
//!
//! | metric | kind | unit | attributes |
//! |---|---|---|---|
//! | `prof.calls` | counter | `{call}` | `code.function.name`, `prof.group`, `outcome` |
//! | `prof.call.duration` | exponential histogram | `s` | `code.function.name`, `prof.group` |
//! | `prof.calls.in_flight` | up-down counter | `{call}` | `code.function.name`, `prof.group` |
//! | `prof.value` | gauge | | `prof.name`, `prof.group` |
//! | `prof.lost` | counter | `{item}` | `prof.target`, `prof.unit` |
//! | `prof.values.dropped` | counter | `{data_point}` | |
//!
//! The standard variables say how: `OTEL_EXPORTER_OTLP_ENDPOINT`, `_HEADERS`, `_TIMEOUT`, `_PROTOCOL`, `_COMPRESSION` and
//! the same with `OTEL_EXPORTER_OTLP_METRICS_`, `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`,
//! `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`. `_PROTOCOL` is `http/protobuf`, or
//! `grpc` with the feature `otlp-grpc`; `_COMPRESSION` is `none`, or `gzip` with the feature `otlp-gzip`. Who asks for
//! something else, or for what is not compiled in, is told so.

mod config;
mod convert;
#[cfg(feature = "otlp-grpc")]
mod grpc;
#[cfg(all(test, feature = "otlp-grpc"))]
mod grpc_tests;
mod http;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;

use self::config::{Config, Protocol};
pub use self::config::{OtlpError, Temporality};
use self::convert::Push;
use super::{ExportError, Exporter, Loss, LossCounter, LossUnit, Losses};
use crate::aggregator::Snapshot;
use crate::text::MaskedUrl;

/// Pushes snapshots to a collector; a [`PeriodicExporter`](super::PeriodicExporter) has it do so at
/// [intervals](Self::interval), and tries again when the collector cannot be reached or is busy.
///
/// # Examples
///
/// ```no_run
/// use prof_runtime::Aggregator;
/// use prof_runtime::export::PeriodicExporter;
/// use prof_runtime::export::otlp::OtlpExporter;
///
/// let otlp = OtlpExporter::to("http://127.0.0.1:4318")?.attribute("deployment.environment.name", "production");
/// let _exporter = PeriodicExporter::start("otlp", Aggregator::new(), otlp.interval(), otlp)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OtlpExporter {
    config: Config,
    agent: ureq::Agent,
    losses: Losses,
    /// Data points that the collector rejected.
    rejected: LossCounter,
    /// The last snapshot that arrived, and the losses then.
    arrived: Option<(Snapshot, Vec<Loss>)>,
}

/// A collector that asks to be left alone for longer is asked again after this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

impl OtlpExporter {
    /// Creates an exporter that pushes to where the variables say, else to `http://localhost:4318`, or over gRPC to
    /// `http://localhost:4317`.
    ///
    /// # Errors
    ///
    /// If a variable has a value that is not possible.
    pub fn from_env() -> Result<Self, OtlpError> {
        Config::new(None, None, &|name| std::env::var(name).ok()).map(Self::new)
    }

    /// Creates an exporter that pushes to an endpoint, such as `http://127.0.0.1:4318`; over http, `/v1/metrics` is added
    /// if it is not there. Everything else is as the variables say, the protocol included.
    ///
    /// # Errors
    ///
    /// If it is no endpoint, or a variable has a value that is not possible.
    pub fn to(endpoint: &str) -> Result<Self, OtlpError> {
        Config::new(Some(endpoint), None, &|name| std::env::var(name).ok()).map(Self::new)
    }

    /// Creates an exporter that pushes to an endpoint over gRPC, such as `http://127.0.0.1:4317`. Everything else is as
    /// the variables say.
    ///
    /// A push runs an event loop on the thread that asks for it, which must not be in one already: a
    /// [`PeriodicExporter`](super::PeriodicExporter) has a thread of its own.
    ///
    /// # Errors
    ///
    /// If it is no endpoint, or a variable has a value that is not possible.
    #[cfg(feature = "otlp-grpc")]
    pub fn grpc(endpoint: &str) -> Result<Self, OtlpError> {
        Config::new(Some(endpoint), Some(Protocol::Grpc), &|name| std::env::var(name).ok()).map(Self::new)
    }

    fn new(config: Config) -> Self {
        let (losses, rejected) = (Losses::new(), LossCounter::new("otlp rejected", LossUnit::DataPoints));
        Self { agent: http::agent(&config), config, losses, rejected, arrived: None }
    }

    /// Sets whether numbers are since the start or since the last push.
    #[must_use]
    pub fn temporality(mut self, temporality: Temporality) -> Self {
        self.config.temporality = temporality;
        self
    }

    /// Sets an attribute of the resource, such as `service.name`.
    #[must_use]
    pub fn attribute(mut self, key: &str, value: &str) -> Self {
        self.config.resource.retain(|(known, _)| known != key);
        self.config.resource.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Pushes these counters as `prof.lost`, and counts there what the collector rejects.
    #[must_use]
    pub fn losses(mut self, losses: &Losses) -> Self {
        self.rejected = losses.counter(self.rejected.target(), self.rejected.unit());
        self.losses = losses.clone();
        self
    }

    /// Returns how often the variables say to push; every 60 s if they do not.
    pub fn interval(&self) -> Duration {
        self.config.interval
    }

    fn message(&self, snapshot: &Snapshot, losses: &[Loss]) -> ExportMetricsServiceRequest {
        let Config { temporality, resource, .. } = &self.config;
        let push = |snapshot, losses| Push { snapshot, losses, temporality: *temporality, resource }.request();
        match &self.arrived {
            Some((arrived, losses_then)) if *temporality == Temporality::Delta => {
                push(&snapshot.since(arrived), &since(losses, losses_then))
            }
            _ => push(snapshot, losses),
        }
    }

    #[cfg_attr(not(feature = "otlp-grpc"), allow(clippy::needless_pass_by_value))] // Only gRPC keeps it.
    fn push(&self, message: ExportMetricsServiceRequest) -> Result<(), ExportError> {
        let answer = match self.config.protocol {
            Protocol::Http => http::push(&self.agent, &self.config, &message),
            #[cfg(feature = "otlp-grpc")]
            Protocol::Grpc => grpc::push(&self.config, message),
        }?;
        let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_data_points);
        self.rejected.add(u64::try_from(rejected).unwrap_or(0));
        Ok(())
    }
}

/// What was lost since an earlier count.
fn since(losses: &[Loss], earlier: &[Loss]) -> Vec<Loss> {
    let is_same = |a: &Loss, b: &Loss| a.target == b.target && a.unit == b.unit;
    let before = |loss: &Loss| earlier.iter().find(|known| is_same(known, loss)).map_or(0, |known| known.count);
    let difference = |loss: &Loss| Loss { count: loss.count.saturating_sub(before(loss)), ..loss.clone() };
    losses.iter().map(difference).collect()
}

impl Exporter for OtlpExporter {
    fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError> {
        let losses = self.losses.list();
        self.push(self.message(snapshot, &losses))?;
        self.arrived = Some((snapshot.clone(), losses));
        Ok(())
    }
}

impl fmt::Debug for OtlpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpExporter")
            .field("protocol", &self.config.protocol)
            .field("url", &MaskedUrl(&self.config.url))
            .field("headers", &self.config.headers)
            .field("temporality", &self.config.temporality)
            .field("timeout", &self.config.timeout)
            .field("interval", &self.config.interval)
            .finish_non_exhaustive()
    }
}
