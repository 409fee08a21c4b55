//! Numbers as the messages of the protocol.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::Temporality;
use super::numbers::{Numbers, Since};
use crate::export::Loss;
use crate::export::exponential::Exponential;
use crate::{FunctionStats, MetricValue, Outcome, ValueStats};

/// How many buckets a histogram has at most, as in the `OpenTelemetry` SDKs.
const MAX_BUCKETS: usize = 160;

fn ns_of(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn attributes(function: &FunctionStats) -> Vec<KeyValue> {
    vec![attribute("code.function.name", &function.name), attribute("prof.group", &function.group)]
}

fn attributes_of_value(value: &ValueStats) -> Vec<KeyValue> {
    vec![attribute("prof.name", &value.name), attribute("prof.group", &value.group)]
}

/// Of counts and of all else, which are metrics of one name and of two kinds.
const VALUE: &str = "Values of put_metric: the sum of counts, the latest gauge, the latest duration in seconds.";

fn metric(name: &str, unit: &str, description: &str, data: Data) -> Metric {
    let (name, unit, description) = (name.to_owned(), unit.to_owned(), description.to_owned());
    Metric { name, unit, description, data: Some(data), ..Metric::default() }
}

/// Protobuf has signed integers only.
fn int(count: u64) -> Value {
    Value::AsInt(i64::try_from(count).unwrap_or(i64::MAX))
}

/// How many data points a message has.
pub(super) fn points(message: &ExportMetricsServiceRequest) -> usize {
    let scopes = message.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let data = scopes.flat_map(|scope| &scope.metrics).filter_map(|metric| metric.data.as_ref());
    let points = data.map(|data| match data {
        Data::Sum(sum) => sum.data_points.len(),
        Data::Gauge(gauge) => gauge.data_points.len(),
        Data::ExponentialHistogram(histogram) => histogram.data_points.len(),
        // Not sent.
        Data::Histogram(_) | Data::Summary(_) => 0,
    });
    points.sum()
}

impl Numbers<'_> {
    /// The message of some of the [series](Numbers::len).
    pub(super) fn request(&self, series: Range<usize>, resource: &[(String, String)]) -> ExportMetricsServiceRequest {
        let (name, version) = (env!("CARGO_PKG_NAME").to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let scope = InstrumentationScope { name, version, ..InstrumentationScope::default() };
        let metrics = [
            self.calls(&series),
            self.durations(&series),
            self.in_flight(&series),
            self.counts(&series),
            self.gauges(&series),
            self.distributions(&series),
            self.lost(&series),
            self.dropped(&series),
        ];
        let metrics = metrics.into_iter().flatten().collect();
        let scope_metrics = ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() };
        let attributes = resource.iter().map(|(key, value)| attribute(key, value)).collect();
        let resource = Resource { attributes, ..Resource::default() };
        let resource_metrics = ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![scope_metrics],
            ..ResourceMetrics::default()
        };
        ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] }
    }

    fn is_delta(&self) -> bool {
        self.temporality == Temporality::Delta
    }

    fn point(&self, start: SystemTime, attributes: Vec<KeyValue>, value: Value) -> NumberDataPoint {
        NumberDataPoint {
            attributes,
            start_time_unix_nano: ns_of(start),
            time_unix_nano: ns_of(self.taken_at),
            value: Some(value),
            ..NumberDataPoint::default()
        }
    }

    fn aggregation_temporality(&self) -> i32 {
        let temporality = match self.temporality {
            Temporality::Cumulative => AggregationTemporality::Cumulative,
            Temporality::Delta => AggregationTemporality::Delta,
        };
        temporality.into()
    }

    /// A counter; `None` if it has no points.
    fn counter(&self, name: &str, unit: &str, description: &str, data_points: Vec<NumberDataPoint>) -> Option<Metric> {
        let aggregation_temporality = self.aggregation_temporality();
        let is_empty = data_points.is_empty();
        let sum = Sum { data_points, aggregation_temporality, is_monotonic: true };
        (!is_empty).then(|| metric(name, unit, description, Data::Sum(sum)))
    }

    /// Counts since the start are there from the beginning, so that they are known at 0; differences where they are
    /// none.
    fn calls(&self, series: &Range<usize>) -> Option<Metric> {
        let mut points = Vec::new();
        for Since { start, number: function } in self.functions(series) {
            for outcome in Outcome::ALL {
                let count = function.count(outcome);
                if count == 0 && self.is_delta() {
                    continue;
                }
                let mut attributes = attributes(function);
                attributes.push(attribute("outcome", outcome.as_str()));
                points.push(self.point(*start, attributes, int(count)));
            }
        }
        self.counter("prof.calls", "{call}", "Finished calls of annotated functions.", points)
    }

    /// While calls go on, a duration may be filed after its call was counted: one has differences without the other.
    #[allow(clippy::cast_precision_loss)] // Sums beyond 2^53 ns, 104 days, lose their last bits, as any float does.
    fn durations(&self, series: &Range<usize>) -> Option<Metric> {
        let seconds = |ns: u64| ns as f64 / 1e9;
        let point = |Since { start, number: function }: &Since<'_, FunctionStats>| {
            let Exponential { scale, zero_count, offset, counts } =
                Exponential::new(&function.histogram, 1e9, MAX_BUCKETS);
            // The extremes of a difference may be the bounds of their buckets, and the protocol's are exact.
            let extreme = |ns: Option<u64>| ns.filter(|_| !self.is_delta()).map(seconds);
            ExponentialHistogramDataPoint {
                attributes: attributes(function),
                start_time_unix_nano: ns_of(*start),
                time_unix_nano: ns_of(self.taken_at),
                count: function.histogram.count(),
                sum: Some(seconds(function.total_ns)),
                scale,
                zero_count,
                positive: Some(Buckets { offset, bucket_counts: counts }),
                min: extreme(function.min_ns),
                max: extreme(function.max_ns),
                ..ExponentialHistogramDataPoint::default()
            }
        };
        let says_something = |one: &&Since<'_, FunctionStats>| {
            !self.is_delta() || one.number.histogram.count() > 0 || one.number.total_ns > 0
        };
        let data_points: Vec<_> = self.functions(series).iter().filter(says_something).map(point).collect();
        if data_points.is_empty() {
            return None;
        }
        let aggregation_temporality = self.aggregation_temporality();
        let data = Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality });
        Some(metric("prof.call.duration", "s", "How long finished calls of annotated functions took.", data))
    }

    /// Goes up and down, and is what it is: never a difference.
    fn in_flight(&self, series: &Range<usize>) -> Option<Metric> {
        let point = |Since { number: function, .. }: &Since<'_, FunctionStats>| {
            self.point(self.started_at, attributes(function), int(function.in_flight))
        };
        let data_points: Vec<_> = self.functions(series).iter().map(point).collect();
        if data_points.is_empty() {
            return None;
        }
        let aggregation_temporality = AggregationTemporality::Cumulative.into();
        let data = Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic: false });
        let description = "Calls of annotated functions that have begun and not ended.";
        Some(metric("prof.calls.in_flight", "{call}", description, data))
    }

    /// The sums of counts.
    fn counts(&self, series: &Range<usize>) -> Option<Metric> {
        let mut points = Vec::new();
        for Since { start, number: value } in self.values(series) {
            let is_count = matches!(value.last, MetricValue::Count(_));
            if is_count && (!self.is_delta() || value.sum != 0.0) {
                points.push(self.point(*start, attributes_of_value(value), Value::AsDouble(value.sum)));
            }
        }
        self.counter("prof.value", "", VALUE, points)
    }

    /// The latest of all that is no count.
    fn gauges(&self, series: &Range<usize>) -> Option<Metric> {
        let mut data_points = Vec::new();
        for Since { number: value, .. } in self.values(series).iter().filter(|one| one.number.distribution.is_none()) {
            let latest = match value.last {
                MetricValue::Count(_) => continue,
                MetricValue::Gauge(gauge) => gauge,
                MetricValue::Duration(duration) => duration.as_secs_f64(),
            };
            data_points.push(self.point(self.started_at, attributes_of_value(value), Value::AsDouble(latest)));
        }
        let is_empty = data_points.is_empty();
        (!is_empty).then(|| metric("prof.value", "", VALUE, Data::Gauge(Gauge { data_points })))
    }

    /// The histograms of distributions, in units of their own.
    fn distributions(&self, series: &Range<usize>) -> Option<Metric> {
        let mut data_points = Vec::new();
        for Since { start, number: value } in self.values(series) {
            let Some(histogram) = &value.distribution else { continue };
            if self.is_delta() && histogram.count() == 0 && value.sum == 0.0 {
                continue;
            }
            let Exponential { scale, zero_count, offset, counts } = Exponential::new(histogram, 1.0, MAX_BUCKETS);
            // As with durations: extremes of differences may be bounds of buckets.
            let extreme = |number: Option<f64>| number.filter(|_| !self.is_delta());
            data_points.push(ExponentialHistogramDataPoint {
                attributes: attributes_of_value(value),
                start_time_unix_nano: ns_of(*start),
                time_unix_nano: ns_of(self.taken_at),
                count: histogram.count(),
                sum: Some(value.sum),
                scale,
                zero_count,
                positive: Some(Buckets { offset, bucket_counts: counts }),
                min: extreme(value.min),
                max: extreme(value.max),
                ..ExponentialHistogramDataPoint::default()
            });
        }
        if data_points.is_empty() {
            return None;
        }
        let aggregation_temporality = self.aggregation_temporality();
        let data = Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality });
        Some(metric("prof.distribution", "", "Numbers of distribution!, in units of their own.", data))
    }

    fn lost(&self, series: &Range<usize>) -> Option<Metric> {
        let Since { start, number: rest } = self.rest(series)?;
        let lost = rest.lost.iter().filter(|loss| loss.count > 0 || !self.is_delta());
        let points = lost.map(|Loss { target, unit, count, .. }| {
            let attributes = vec![attribute("prof.target", target), attribute("prof.unit", unit.as_str())];
            self.point(*start, attributes, int(*count))
        });
        let description = "Calls, data points, records and snapshots that were lost on their way to a target.";
        self.counter("prof.lost", "{item}", description, points.collect())
    }

    fn dropped(&self, series: &Range<usize>) -> Option<Metric> {
        let Since { start, number: rest } = self.rest(series)?;
        let points = match rest.dropped {
            0 if self.is_delta() => Vec::new(),
            dropped => vec![self.point(*start, Vec::new(), int(dropped))],
        };
        let description =
            "Data points that were dropped: too many names, or of another kind than the first of their name.";
        self.counter("prof.values.dropped", "{data_point}", description, points)
    }
}
