//! Snapshots for Prometheus: the families, their text, and a server for it.
//!
//! | family | type | labels |
//! |---|---|---|
//! | `prof_calls_total` | counter | `function`, `group`, `outcome`: `success`, `failure`, `panic` or `cancelled` |
//! | `prof_call_duration_seconds` | histogram | `function`, `group` |
//! | `prof_calls_in_flight` | gauge | `function`, `group` |
//! | `prof_value` | gauge | `name`, `group`: of [`put_metric`](fn@crate::put_metric), see below |
//! | `prof_distribution` | histogram | `name`, `group`: of [`distribution!`](crate::distribution!), in units of their own |
//! | `prof_values_dropped_total` | counter | none: data points whose name came when there were 2 000 already |
//! | `prof_lost_total` | counter | `target`, `unit`: what was lost on its way to a target |
//! | `target_info` | gauge, always 1 | the [attributes](PrometheusCollector::attribute) of the program, if there are any |
//! | `prof_build_info` | gauge, always 1 | `version` of this crate, and your own |
//!
//! Every annotated function of the program is there from the first scrape on, with zeros, so that `rate` and `increase`
//! see its first call. `prof_value` is the sum of counts, the latest gauge, and the latest duration in seconds.
//!
//! Functions that [promise a latency](crate::Objective) have one more bucket, whose bound is the end of a counted
//! bucket that is nearest to it, 3.2 % off at most: what is above it is what misses the objective.
//!
//! The text is the classic format, version 0.0.4, or `OpenMetrics` 1.0.0, whichever the scraper prefers. With the
//! feature `prometheus-native`, a scraper that asks for protobuf is given that: durations are native histograms then,
//! of 8 buckets per power of two, beside the classic buckets.

mod answer;
mod buckets;
#[cfg(test)]
mod clients;
mod connections;
#[cfg(feature = "rules")]
mod dashboard;
mod families;
mod hosts;
pub(crate) mod labels;
#[cfg(feature = "prometheus-native")]
mod native;
mod negotiate;
#[cfg(feature = "rules")]
mod rules;
mod server;
#[cfg(test)]
mod tests;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

pub use self::buckets::Resolution;
#[cfg(feature = "rules")]
pub use self::dashboard::Dashboard;
use self::families::Families;
use self::negotiate::Format;
pub use self::negotiate::TextFormat;
#[cfg(feature = "rules")]
pub use self::rules::Rules;
pub use self::server::{PrometheusListener, PrometheusServer, PrometheusServerBuilder, ServeError};
use super::Losses;
use crate::Aggregator;

/// Turns snapshots of an aggregator into what Prometheus scrapes.
///
/// Serve it from a thread of its own by a [`PrometheusServer`], or from your own server by [`respond`](Self::respond).
/// With the feature `prometheus-client`, it can be registered with a registry of that crate, beside metrics of your
/// own. In each case a scrape reads numbers that recording threads go on writing; none waits for it.
///
/// # Examples
///
/// ```
/// use prof_runtime::export::prometheus::PrometheusCollector;
/// use prof_runtime::{Aggregator, prof, scoped};
///
/// #[prof(name = "load", group = "store")]
/// fn load() {}
///
/// let aggregator = Aggregator::new();
/// let _scope = scoped(aggregator.clone());
/// load();
///
/// // In the handler of your server: the request's `Accept` header, the response's `Content-Type` and body.
/// let metrics = PrometheusCollector::new(aggregator);
/// let (content_type, body) = metrics.respond(Some("text/plain"));
/// assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
/// let text = String::from_utf8(body)?;
/// assert!(text.contains("\nprof_calls_total{function=\"load\",group=\"store\",outcome=\"success\"} 1\n"));
/// # Ok::<(), std::string::FromUtf8Error>(())
/// ```
#[derive(Clone)]
pub struct PrometheusCollector {
    aggregator: Aggregator,
    losses: Losses,
    resolution: Resolution,
    build_labels: Vec<(String, String)>,
    attributes: Vec<(String, String)>,
}

impl PrometheusCollector {
    /// Creates a collector of an aggregator's numbers.
    pub fn new(aggregator: Aggregator) -> Self {
        let build_labels = vec![("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
        Self {
            aggregator,
            losses: Losses::new(),
            resolution: Resolution::default(),
            build_labels,
            attributes: Vec::new(),
        }
    }

    /// Sets how finely durations are told apart; by default, [`Resolution::One`].
    #[must_use]
    pub fn resolution(mut self, resolution: Resolution) -> Self {
        self.resolution = resolution;
        self
    }

    /// Serves these counters as `prof_lost_total`.
    #[must_use]
    pub fn losses(mut self, losses: &Losses) -> Self {
        self.losses = losses.clone();
        self
    }

    /// Adds a label to `prof_build_info`, such as the commit that the program was built from. The name must be one that
    /// Prometheus allows: letters, digits and underscores.
    ///
    /// # Panics
    ///
    /// If the name is not.
    #[must_use]
    pub fn build_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        assert!(labels::is_name(&name), "{}", labels::refusal(&name));
        self.build_labels.retain(|(known, _)| *known != name);
        self.build_labels.push((name, value.into()));
        self
    }

    /// Adds an attribute of the program, such as `service.name`, as a label of `target_info`. In its name, what a label
    /// may not have becomes an underscore: `service_name`. The values of attributes that then share a name are joined
    /// by `;`, as the specification of OpenTelemetry has it.
    #[must_use]
    pub fn attribute(mut self, key: impl AsRef<str>, value: impl Into<String>) -> Self {
        labels::add(&mut self.attributes, key.as_ref(), value.into());
        self
    }

    /// Returns a snapshot of now as text.
    pub fn encode(&self, format: TextFormat) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(InFormat { collector: self.clone(), format }));
        let mut text = String::new();
        let mut encoded = encode_registry(&mut text, &registry);
        if format == TextFormat::OpenMetrics {
            encoded = encoded.and_then(|()| encode_eof(&mut text));
        }
        // Writing to a string does not fail, and neither do the families.
        debug_assert_eq!(encoded, Ok(()));
        text
    }

    /// Returns a snapshot of now as delimited protobuf messages, with native histograms.
    #[cfg(feature = "prometheus-native")]
    pub fn encode_protobuf(&self) -> Vec<u8> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(InFormat { collector: self.clone(), format: TextFormat::OpenMetrics }));
        let encoded = prometheus_client::encoding::prometheus_protobuf::encode_to_vec(&registry);
        // Writing to memory does not fail, and neither do the families.
        debug_assert!(encoded.is_ok(), "{encoded:?}");
        encoded.unwrap_or_default()
    }

    /// Returns the content type and the body of a response to a scrape that asks for `accept`: text, unless it prefers
    /// protobuf and the feature `prometheus-native` is on.
    pub fn respond(&self, accept: Option<&str>) -> (&'static str, Vec<u8>) {
        let format = Format::negotiate(accept);
        let body = match format {
            Format::Text(text) => self.encode(text).into_bytes(),
            #[cfg(feature = "prometheus-native")]
            Format::Protobuf => self.encode_protobuf(),
        };
        (format.content_type(), body)
    }

    fn encode_as(&self, format: TextFormat, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.aggregator.snapshot();
        let families = Families { format, snapshot: &snapshot, bounds: &self.resolution.bounds() };
        families.encode(&mut encoder, &self.losses)?;
        labels::info(&mut encoder, labels::BUILD, &self.build_labels)?;
        match &self.attributes[..] {
            [] => Ok(()),
            attributes => labels::info(&mut encoder, labels::TARGET, attributes),
        }
    }
}

/// For a registry of your own, which is encoded as `OpenMetrics`, or as protobuf with native histograms.
///
/// The trait is of the crate `prometheus-client`, whose next version is another trait: a minor version of this crate
/// may take it. So this is behind a feature, and outside of semantic versioning.
#[cfg(feature = "prometheus-client")]
impl Collector for PrometheusCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_as(TextFormat::OpenMetrics, encoder)
    }
}

impl fmt::Debug for PrometheusCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrometheusCollector").field("resolution", &self.resolution).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct InFormat {
    collector: PrometheusCollector,
    format: TextFormat,
}

impl Collector for InFormat {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.collector.encode_as(self.format, encoder)
    }
}
