//! A snapshot as the messages of the protocol.

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
use crate::aggregator::{FunctionStats, Snapshot};
use crate::data::MetricValue;
use crate::export::Loss;
use crate::export::exponential::Exponential;
use crate::outcome::Outcome;

/// How many buckets a histogram has at most, as in the `OpenTelemetry` SDKs.
const MAX_BUCKETS: usize = 160;

/// What is to be pushed: for differences, the snapshot is [since](Snapshot::since) the last one that arrived.
pub(super) struct Push<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// Losses by target, over the same time.
    pub(super) losses: &'a [Loss],
    pub(super) temporality: Temporality,
    pub(super) resource: &'a [(String, String)],
}

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

fn metric(name: &str, unit: &str, description: &str, data: Data) -> Metric {
    let (name, unit, description) = (name.to_owned(), unit.to_owned(), description.to_owned());
    Metric { name, unit, description, data: Some(data), ..Metric::default() }
}

/// Protobuf has signed integers only.
fn int(count: u64) -> Value {
    Value::AsInt(i64::try_from(count).unwrap_or(i64::MAX))
}

impl Push<'_> {
    pub(super) fn request(&self) -> ExportMetricsServiceRequest {
        let (name, version) = (env!("CARGO_PKG_NAME").to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let scope = InstrumentationScope { name, version, ..InstrumentationScope::default() };
        let metrics =
            vec![self.calls(), self.durations(), self.in_flight(), self.values(), self.lost(), self.dropped()];
        let scope_metrics = ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() };
        let attributes = self.resource.iter().map(|(key, value)| attribute(key, value)).collect();
        let resource = Resource { attributes, ..Resource::default() };
        let resource_metrics = ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![scope_metrics],
            ..ResourceMetrics::default()
        };
        ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] }
    }

    /// Functions that have something to say: all of them since the start, so that they are known at 0; of differences,
    /// those that are not 0.
    fn functions(&self) -> impl Iterator<Item = &FunctionStats> {
        let is_delta = self.temporality == Temporality::Delta;
        self.snapshot.functions.iter().filter(move |function| !is_delta || function.calls() > 0)
    }

    fn point(&self, attributes: Vec<KeyValue>, value: Value) -> NumberDataPoint {
        NumberDataPoint {
            attributes,
            start_time_unix_nano: ns_of(self.snapshot.started_at),
            time_unix_nano: ns_of(self.snapshot.taken_at),
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

    fn counter(&self, data_points: Vec<NumberDataPoint>) -> Data {
        Data::Sum(Sum { data_points, aggregation_temporality: self.aggregation_temporality(), is_monotonic: true })
    }

    fn calls(&self) -> Metric {
        let mut points = Vec::new();
        for function in self.functions() {
            for outcome in Outcome::ALL {
                let mut attributes = attributes(function);
                attributes.push(attribute("outcome", outcome.as_str()));
                points.push(self.point(attributes, int(function.count(outcome))));
            }
        }
        metric("prof.calls", "{call}", "Finished calls of annotated functions.", self.counter(points))
    }

    #[allow(clippy::cast_precision_loss)] // Sums beyond 2^53 ns, 104 days, lose their last bits, as any float does.
    fn durations(&self) -> Metric {
        let seconds = |ns: u64| ns as f64 / 1e9;
        let point = |function: &FunctionStats| {
            let Exponential { scale, zero_count, offset, counts } = Exponential::new(&function.histogram, MAX_BUCKETS);
            // Extremes are those of all time, which differences do not speak of.
            let extreme = |ns: Option<u64>| ns.filter(|_| self.temporality == Temporality::Cumulative).map(seconds);
            ExponentialHistogramDataPoint {
                attributes: attributes(function),
                start_time_unix_nano: ns_of(self.snapshot.started_at),
                time_unix_nano: ns_of(self.snapshot.taken_at),
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
        let data_points = self.functions().map(point).collect();
        let aggregation_temporality = self.aggregation_temporality();
        let data = Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality });
        metric("prof.call.duration", "s", "How long finished calls of annotated functions took.", data)
    }

    /// Goes up and down, and is what it is: never a difference.
    fn in_flight(&self) -> Metric {
        let functions = self.snapshot.functions.iter();
        let data_points = functions.map(|function| self.point(attributes(function), int(function.in_flight))).collect();
        let aggregation_temporality = AggregationTemporality::Cumulative.into();
        let data = Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic: false });
        let description = "Calls of annotated functions that have begun and not ended.";
        metric("prof.calls.in_flight", "{call}", description, data)
    }

    fn values(&self) -> Metric {
        let points = self.snapshot.values.iter().map(|value| {
            let number = match value.last {
                MetricValue::Count(_) => value.sum,
                MetricValue::Gauge(gauge) => gauge,
                MetricValue::Duration(duration) => duration.as_secs_f64(),
            };
            let attributes = vec![attribute("prof.name", &value.name), attribute("prof.group", &value.group)];
            self.point(attributes, Value::AsDouble(number))
        });
        let data = Data::Gauge(Gauge { data_points: points.collect() });
        let description = "Values of put_metric: the sum of counts, the latest gauge, the latest duration in seconds.";
        metric("prof.value", "", description, data)
    }

    fn lost(&self) -> Metric {
        let points = self.losses.iter().map(|Loss { target, unit, count }| {
            let attributes = vec![attribute("prof.target", target), attribute("prof.unit", unit.as_str())];
            self.point(attributes, int(*count))
        });
        let description = "Calls, data points, records and snapshots that were lost on their way to a target.";
        metric("prof.lost", "{item}", description, self.counter(points.collect()))
    }

    fn dropped(&self) -> Metric {
        let points = vec![self.point(Vec::new(), int(self.snapshot.values_dropped))];
        let description = "Data points of put_metric that were dropped because there were too many names.";
        metric("prof.values.dropped", "{data_point}", description, self.counter(points))
    }
}
