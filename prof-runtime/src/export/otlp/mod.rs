//! Pushes to an `OpenTelemetry` collector, as protobuf over http.
//!
//! | metric | kind | unit | attributes |
//! |---|---|---|---|
//! | `prof.calls` | counter | `{call}` | `code.function.name`, `prof.group`, `outcome` |
//! | `prof.call.duration` | exponential histogram | `s` | `code.function.name`, `prof.group` |
//! | `prof.calls.in_flight` | up-down counter | `{call}` | `code.function.name`, `prof.group` |
//! | `prof.value` | gauge | | `prof.name`, `prof.group` |
//! | `prof.lost` | counter | `{metric}` | `prof.place` |
//! | `prof.values.dropped` | counter | `{data_point}` | |
//!
//! The standard variables say how: `OTEL_EXPORTER_OTLP_ENDPOINT`, `_HEADERS`, `_TIMEOUT` and the same with
//! `OTEL_EXPORTER_OTLP_METRICS_`, `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`, `OTEL_METRIC_EXPORT_INTERVAL`,
//! `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`. Neither gRPC nor compression is supported; who asks for them by
//! `_PROTOCOL` or `_COMPRESSION` is told so.

mod config;
mod convert;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message as _;
use ureq::http::{Response, StatusCode};

use self::config::Config;
pub use self::config::{OtlpError, Temporality};
use self::convert::Push;
use super::{ExportError, Exporter, LossCounter, Losses};
use crate::aggregator::Snapshot;

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
    arrived: Option<(Snapshot, Vec<(String, u64)>)>,
}

/// Answers are short: longer ones are not read on.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

impl OtlpExporter {
    /// Creates an exporter that pushes to where the variables say, else to `http://localhost:4318`.
    ///
    /// # Errors
    ///
    /// If a variable has a value that is not possible.
    pub fn from_env() -> Result<Self, OtlpError> {
        Config::new(None, &|name| std::env::var(name).ok()).map(Self::new)
    }

    /// Creates an exporter that pushes to an endpoint, such as `http://127.0.0.1:4318`; `/v1/metrics` is added if it is
    /// not there. Everything else is as the variables say.
    ///
    /// # Errors
    ///
    /// If it is no endpoint, or a variable has a value that is not possible.
    pub fn to(endpoint: &str) -> Result<Self, OtlpError> {
        Config::new(Some(endpoint), &|name| std::env::var(name).ok()).map(Self::new)
    }

    fn new(config: Config) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(config.timeout))
            // Statuses are looked at, and no one is to send metrics elsewhere.
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        let (losses, rejected) = (Losses::new(), LossCounter::new("otlp rejected"));
        Self { config, agent: agent.into(), losses, rejected, arrived: None }
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
        self.rejected = losses.counter(self.rejected.place());
        self.losses = losses.clone();
        self
    }

    /// Returns how often the variables say to push; every 60 s if they do not.
    pub fn interval(&self) -> Duration {
        self.config.interval
    }

    fn body(&self, snapshot: &Snapshot, losses: &[(String, u64)]) -> Vec<u8> {
        let Config { temporality, resource, .. } = &self.config;
        let push = |snapshot, losses| Push { snapshot, losses, temporality: *temporality, resource }.request();
        let request = match &self.arrived {
            Some((arrived, losses_then)) if *temporality == Temporality::Delta => {
                push(&snapshot.since(arrived), &since(losses, losses_then))
            }
            _ => push(snapshot, losses),
        };
        request.encode_to_vec()
    }

    fn post(&self, body: &[u8]) -> Result<(), ExportError> {
        let unreachable = |source, retry_after| ExportError::Unreachable { target: self.target(), source, retry_after };
        let mut request = self.agent.post(&self.config.url).content_type("application/x-protobuf");
        for (name, value) in &self.config.headers {
            request = request.header(name, value);
        }
        let mut answer = request.send(body).map_err(|error| unreachable(error.into(), None))?;
        match answer.status() {
            status if status.is_success() => {
                self.count_rejected(&mut answer);
                Ok(())
            }
            // Those that the protocol says are worth another attempt.
            status @ (StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT) => {
                Err(unreachable(format!("it answered {status}").into(), retry_after(&answer)))
            }
            status => Err(ExportError::Refused { target: self.target(), reason: format!("it answered {status}") }),
        }
    }

    fn count_rejected(&self, answer: &mut Response<ureq::Body>) {
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec().unwrap_or_default();
        let answer = ExportMetricsServiceResponse::decode(&*body).unwrap_or_default();
        let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_data_points);
        self.rejected.add(u64::try_from(rejected).unwrap_or(0));
    }

    fn target(&self) -> String {
        self.config.url.clone()
    }
}

/// How long a collector asks to be left alone, if it says so in seconds. A date is not looked at, nor more than an hour.
fn retry_after(answer: &Response<ureq::Body>) -> Option<Duration> {
    const HOUR: Duration = Duration::from_secs(3600);
    let seconds = answer.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(HOUR))
}

/// What was lost since an earlier count.
fn since(losses: &[(String, u64)], earlier: &[(String, u64)]) -> Vec<(String, u64)> {
    let before = |place: &str| earlier.iter().find(|(known, _)| known == place).map_or(0, |(_, lost)| *lost);
    losses.iter().map(|(place, lost)| (place.clone(), lost.saturating_sub(before(place)))).collect()
}

impl Exporter for OtlpExporter {
    fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError> {
        let counters = self.losses.counters();
        let losses: Vec<_> = counters.iter().map(|counter| (counter.place().to_owned(), counter.get())).collect();
        self.post(&self.body(snapshot, &losses))?;
        self.arrived = Some((snapshot.clone(), losses));
        Ok(())
    }
}

impl fmt::Debug for OtlpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers may have keys that are secret.
        f.debug_struct("OtlpExporter")
            .field("url", &self.config.url)
            .field("temporality", &self.config.temporality)
            .field("timeout", &self.config.timeout)
            .field("interval", &self.config.interval)
            .finish_non_exhaustive()
    }
}
