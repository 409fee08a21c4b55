//! A snapshot as metric families.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::TextFormat;
use super::buckets::{bounds_of, bounds_of_distributions, classic, plain, seconds};
use crate::export::Losses;
use crate::{FunctionStats, MetricValue, Outcome, Snapshot, ValueStats};

pub(super) struct Families<'a> {
    pub(super) format: TextFormat,
    pub(super) snapshot: &'a Snapshot,
    /// The upper bounds of the buckets of functions that promise no latency, in nanoseconds, ascending.
    pub(super) bounds: &'a [u64],
}

/// The labels of a function.
fn labels(function: &FunctionStats) -> [(&str, &str); 2] {
    [("function", &function.name), ("group", &function.group)]
}

impl Families<'_> {
    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>, losses: &Losses) -> fmt::Result {
        self.calls(encoder)?;
        self.durations(encoder)?;
        self.in_flight(encoder)?;
        self.values(encoder)?;
        self.distributions(encoder)?;
        let dropped = Counter::new(encoder, self.format, ["prof_values_dropped", "prof_values_dropped_total"], {
            "Data points that were dropped: too many names, or of another kind than the first of their name."
        })?;
        dropped.only(self.snapshot.values_dropped)?;
        let mut lost = Counter::new(encoder, self.format, ["prof_lost", "prof_lost_total"], {
            "Calls, data points, records and snapshots that were lost on their way to a target."
        })?;
        for loss in losses.list() {
            lost.one(&[("target", &*loss.target), ("unit", loss.unit.as_str())], loss.count)?;
        }
        Ok(())
    }

    fn calls(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Finished calls of annotated functions.";
        let mut calls = Counter::new(encoder, self.format, ["prof_calls", "prof_calls_total"], help)?;
        for function in &self.snapshot.functions {
            let [name, group] = labels(function);
            for outcome in Outcome::ALL {
                calls.one(&[name, group, ("outcome", outcome.as_str())], function.count(outcome))?;
            }
        }
        Ok(())
    }

    #[allow(clippy::cast_precision_loss)] // A sum beyond 2^53 ns, 104 days, loses its last bits, as any float does.
    fn durations(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "How long finished calls of annotated functions took.";
        let (name, unit) = ("prof_call_duration", Unit::Seconds);
        let mut durations = match self.format {
            TextFormat::Classic => {
                // The classic format has no units; the name is the same.
                encoder.encode_descriptor("prof_call_duration_seconds", help, None, MetricType::Histogram)?
            }
            TextFormat::OpenMetrics => encoder.encode_descriptor(name, help, Some(&unit), MetricType::Histogram)?,
        };
        for function in &self.snapshot.functions {
            let sum_s = function.total_ns as f64 / 1e9;
            let buckets = classic(&function.histogram, &bounds_of(self.bounds, function), seconds);
            // Threads count on while the snapshot is taken: only the histogram's own count agrees with its buckets.
            let count = function.histogram.count();
            let labels = labels(function);
            let mut one = durations.encode_family(&labels)?;
            #[cfg(feature = "prometheus-native")]
            if self.format == TextFormat::OpenMetrics {
                // The names of protobuf are those of `OpenMetrics`, whose own text leaves native buckets out.
                let native = super::native::Native::new(&function.histogram, 1e9);
                one.encode_histogram_with_native::<NoLabelSet>(sum_s, count, &buckets, None, native.as_histogram())?;
                continue;
            }
            one.encode_histogram::<NoLabelSet>(sum_s, count, &buckets, None)?;
        }
        Ok(())
    }

    fn in_flight(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Calls of annotated functions that have begun and not ended.";
        let mut in_flight = encoder.encode_descriptor("prof_calls_in_flight", help, None, MetricType::Gauge)?;
        for function in &self.snapshot.functions {
            in_flight.encode_family(&labels(function))?.encode_gauge(&function.in_flight)?;
        }
        Ok(())
    }

    fn values(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Values of put_metric: the sum of counts, the latest gauge, the latest duration in seconds.";
        let mut values = encoder.encode_descriptor("prof_value", help, None, MetricType::Gauge)?;
        for value in self.snapshot.values.iter().filter(|value| value.distribution.is_none()) {
            let labels = [("name", &*value.name), ("group", &*value.group)];
            values.encode_family(&labels)?.encode_gauge(&gauge_of(value))?;
        }
        Ok(())
    }

    /// A family of its own: a family has one type.
    fn distributions(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let values = self.snapshot.values.iter();
        let all: Vec<_> = values.filter_map(|value| Some((value, value.distribution.as_ref()?))).collect();
        if all.is_empty() {
            return Ok(());
        }
        let help = "Numbers of distribution!, in units of their own.";
        let bounds = bounds_of_distributions();
        let mut distributions = encoder.encode_descriptor("prof_distribution", help, None, MetricType::Histogram)?;
        for (value, histogram) in all {
            let (buckets, count) = (classic(histogram, &bounds, plain), histogram.count());
            let labels = [("name", &*value.name), ("group", &*value.group)];
            let mut one = distributions.encode_family(&labels)?;
            #[cfg(feature = "prometheus-native")]
            if self.format == TextFormat::OpenMetrics {
                let native = super::native::Native::new(histogram, 1.0);
                let native = native.as_histogram();
                one.encode_histogram_with_native::<NoLabelSet>(value.sum, count, &buckets, None, native)?;
                continue;
            }
            one.encode_histogram::<NoLabelSet>(value.sum, count, &buckets, None)?;
        }
        Ok(())
    }
}

/// A value as the one number that it has at this moment.
fn gauge_of(value: &ValueStats) -> f64 {
    match value.last {
        MetricValue::Count(_) => value.sum,
        MetricValue::Gauge(gauge) => gauge,
        MetricValue::Duration(duration) => duration.as_secs_f64(),
    }
}

/// A family of counters. `prometheus-client` appends `_total` to their samples only, which is right for `OpenMetrics`.
/// In the classic format, it belongs to the family's name; there, a sample of a counter looks like one of a gauge.
struct Counter<'a> {
    encoder: MetricEncoder<'a>,
    format: TextFormat,
}

impl<'a> Counter<'a> {
    fn new<'e: 'a>(
        encoder: &'a mut DescriptorEncoder<'e>,
        format: TextFormat,
        [name, name_total]: [&'a str; 2],
        help: &str,
    ) -> Result<Self, fmt::Error> {
        let name = match format {
            TextFormat::Classic => name_total,
            TextFormat::OpenMetrics => name,
        };
        let encoder = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        Ok(Self { encoder, format })
    }

    fn one(&mut self, labels: &impl EncodeLabelSet, value: u64) -> fmt::Result {
        sample(self.encoder.encode_family(labels)?, self.format, value)
    }

    /// The only one of a family without labels.
    fn only(self, value: u64) -> fmt::Result {
        sample(self.encoder, self.format, value)
    }
}

fn sample(mut encoder: MetricEncoder<'_>, format: TextFormat, value: u64) -> fmt::Result {
    match format {
        TextFormat::Classic => encoder.encode_gauge(&value),
        TextFormat::OpenMetrics => encoder.encode_counter::<NoLabelSet, _, f64>(&value, None),
    }
}
