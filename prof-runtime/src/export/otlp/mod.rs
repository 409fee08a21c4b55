//! Pushes to an `OpenTelemetry` collector, as protobuf over http, and with the feature `otlp-grpc` over gRPC.
//!
//! | metric | kind | unit | attributes |
//! |---|---|---|---|
//! | `prof.calls` | counter | `{call}` | `code.function.name`, `prof.group`, `outcome` |
//! | `prof.call.duration` | exponential histogram | `s` | `code.function.name`, `prof.group` |
//! | `prof.calls.in_flight` | up-down counter | `{call}` | `code.function.name`, `prof.group` |
//! | `prof.value` | counter for counts, gauge for all else | | `prof.name`, `prof.group` |
//! | `prof.distribution` | exponential histogram | | `prof.name`, `prof.group` |
//! | `prof.lost` | counter | `{item}` | `prof.target`, `prof.unit` |
//! | `prof.values.dropped` | counter | `{data_point}` | |
//!
//! The standard variables say how: `OTEL_EXPORTER_OTLP_ENDPOINT`, `_HEADERS`, `_TIMEOUT`, `_PROTOCOL`, `_COMPRESSION`
//! and the same with `OTEL_EXPORTER_OTLP_METRICS_`, `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`,
//! `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_METRIC_EXPORT_TIMEOUT`, `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.
//! `_PROTOCOL` is `http/protobuf`, or `grpc` with the feature `otlp-grpc`; `_COMPRESSION` is `none`, or `gzip` with the
//! feature `otlp-gzip`. A value that is not possible, not Unicode or not compiled in is an error that names the
//! variable.
//!
//! With `OTEL_SDK_DISABLED=true`, nothing is pushed; with `OTEL_METRICS_EXPORTER=none`, nothing unless the program or
//! `PROF` names an endpoint.
//!
//! `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in small letters or capital ones, name proxies, of which
//! loopback needs none.
//!
//! A push that is larger than collectors take is divided into several messages.

mod config;
mod convert;
mod endpoint;
mod forward;
#[cfg(feature = "otlp-grpc")]
mod grpc;
#[cfg(all(test, feature = "otlp-grpc"))]
mod grpc_tests;
mod http;
#[cfg(test)]
mod liars;
mod numbers;
#[cfg(test)]
mod peer;
mod proxy;
#[cfg(test)]
mod sums;
#[cfg(test)]
mod tests;
mod variables;

use std::fmt;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message as _;

use self::config::{Config, Protocol};
pub use self::config::{OtlpError, Temporality};
use self::numbers::{Arrived, Numbers, Rest};
use super::{ExportContext, ExportError, Exporter, LossCounter, LossUnit, Losses};
use crate::Snapshot;
use crate::service;
use crate::text::Foreign;

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
    arrived: Arrived,
    /// Messages that are larger are divided. It becomes smaller where a collector takes less.
    max_bytes: usize,
}

/// A collector that asks to be left alone for longer is asked again after this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Answers are short: of longer ones, no more is read.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// Somewhat less than the 4 MiB that gRPC servers take.
const MAX_MESSAGE_BYTES: usize = 3_500_000;

/// No collector takes less.
const MIN_MESSAGE_BYTES: usize = 16_000;

/// Why a message did not arrive.
#[derive(Debug)]
enum Failure {
    /// It is more than the collector takes: smaller ones may arrive.
    TooLarge(ExportError),
    Other(ExportError),
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        Self::Other(error)
    }
}

impl OtlpExporter {
    /// Creates an exporter that pushes to where the variables say, else to `http://localhost:4318`, or over gRPC to
    /// `http://localhost:4317`.
    ///
    /// # Errors
    ///
    /// If a variable has a value that is not possible.
    pub fn from_env() -> Result<Self, OtlpError> {
        Config::new(None, None, &|name| std::env::var_os(name)).and_then(Self::new)
    }

    /// Creates an exporter that pushes to an endpoint, such as `http://127.0.0.1:4318`; over http, `/v1/metrics` is
    /// added if it is not there. Everything else is as the variables say, the protocol included.
    ///
    /// # Errors
    ///
    /// If it is no endpoint, or a variable has a value that is not possible.
    pub fn to(endpoint: &str) -> Result<Self, OtlpError> {
        Config::new(Some(endpoint), None, &|name| std::env::var_os(name)).and_then(Self::new)
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
        Config::new(Some(endpoint), Some(Protocol::Grpc), &|name| std::env::var_os(name)).and_then(Self::new)
    }

    fn new(config: Config) -> Result<Self, OtlpError> {
        let (losses, rejected) = (Losses::new(), LossCounter::new("otlp rejected", LossUnit::DataPoints));
        let agent = http::agent(&config).map_err(|_| OtlpError::Endpoint {
            endpoint: Foreign::new(config.endpoint.to_string()),
            reason: "its proxy cannot be used",
        })?;
        Ok(Self { agent, config, losses, rejected, arrived: Arrived::default(), max_bytes: MAX_MESSAGE_BYTES })
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
        self.set_attribute(key, value);
        self
    }

    fn set_attribute(&mut self, key: &str, value: &str) {
        self.config.resource.retain(|(known, _)| known != key);
        self.config.resource.push((key.to_owned(), value.to_owned()));
    }

    /// Pushes these counters as `prof.lost`, and counts there what the collector rejects.
    #[must_use]
    pub fn losses(mut self, losses: &Losses) -> Self {
        let target = format!("otlp:{} rejected", self.config.endpoint);
        self.list_losses(losses, &target);
        self
    }

    fn list_losses(&mut self, losses: &Losses, rejected_by: &str) {
        self.rejected = losses.counter(rejected_by, LossUnit::DataPoints);
        self.losses = losses.clone();
    }

    /// Returns how often the variables say to push; every 60 s if they do not.
    pub fn interval(&self) -> Duration {
        self.config.interval
    }

    #[cfg_attr(not(feature = "otlp-grpc"), allow(clippy::needless_pass_by_value))] // Only gRPC keeps it.
    fn push(&self, message: ExportMetricsServiceRequest, timeout: Duration) -> Result<(), Failure> {
        let sent = convert::points(&message);
        let answer = match self.config.protocol {
            Protocol::Http => http::push(&self.agent, &self.config, &message, timeout),
            #[cfg(feature = "otlp-grpc")]
            Protocol::Grpc => grpc::push(&self.config, message, timeout),
        }?;
        let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_data_points);
        // No more than there were, whatever it says.
        self.rejected.add(u64::try_from(rejected).unwrap_or(0).min(sent as u64));
        Ok(())
    }
}

impl Exporter for OtlpExporter {
    /// Pushes the losses as `prof.lost`, and sets the attributes of the resource, in place of those of variables.
    fn attach(&mut self, context: &ExportContext<'_>) {
        self.list_losses(context.losses, &format!("{} rejected", context.target));
        for (key, value) in context.attributes {
            self.set_attribute(key, value);
        }
    }

    fn default_interval(&self) -> Duration {
        self.interval()
    }

    /// Whether `OTEL_SDK_DISABLED` or `OTEL_METRICS_EXPORTER` switch it off.
    fn is_disabled(&self) -> bool {
        self.config.is_disabled
    }

    /// Pushes as many messages as it takes. Those that are refused do not keep the others from being pushed.
    fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError> {
        if self.config.is_disabled {
            return Ok(());
        }
        let rest = Rest { lost: self.losses.list(), dropped: snapshot.values_dropped };
        let numbers = Numbers::new(snapshot, &rest, self.config.temporality, &self.arrived);
        let deadline = service::deadline(self.config.push_timeout);
        let mut exported = Ok(());
        let all = 0..numbers.len();
        let mut series_left = vec![all];
        while let Some(series) = series_left.pop() {
            let halves = |middle| [middle..series.end, series.start..middle];
            let middle = series.start.midpoint(series.end);
            let message = numbers.request(series.clone(), &self.config.resource);
            let bytes = message.encoded_len();
            if bytes > self.max_bytes && series.len() > 1 {
                series_left.extend(halves(middle));
                continue;
            }
            let left = deadline.saturating_duration_since(service::now());
            if left.is_zero() {
                let cause = format!("it took longer than {:?}", self.config.push_timeout).into();
                return Err(ExportError::Unreachable { target: self.config.target(), cause, retry_after: None });
            }
            match self.push(message, left.min(self.config.timeout)) {
                Ok(()) => self.arrived.add(snapshot, &rest, &series),
                Err(Failure::TooLarge(_)) if series.len() > 1 && bytes > MIN_MESSAGE_BYTES => {
                    self.max_bytes = bytes / 2;
                    series_left.extend(halves(middle));
                }
                Err(Failure::TooLarge(error) | Failure::Other(error @ ExportError::Refused { .. })) => {
                    exported = exported.and(Err(error));
                }
                // The others would not arrive either.
                Err(Failure::Other(error)) => return Err(error),
            }
        }
        exported
    }
}

impl fmt::Debug for OtlpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpExporter")
            .field("protocol", &self.config.protocol)
            .field("endpoint", &self.config.endpoint)
            .field("headers", &self.config.headers)
            .field("temporality", &self.config.temporality)
            .field("timeout", &self.config.timeout)
            .field("push_timeout", &self.config.push_timeout)
            .field("interval", &self.config.interval)
            .finish_non_exhaustive()
    }
}
