//! OpenTelemetry's SDK with a counter and a histogram: with the attributes given on every call, and bound beforehand.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundCounter, BoundHistogram, Counter, Histogram, Meter, MeterProvider};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};

use super::BUCKETS;
use crate::subject::{Subject, repeat};
use crate::work::work;

pub(super) const SUBJECTS: &[Subject] = &[
    Subject::new("opentelemetry, bound instruments", repeat!(by_bound)),
    Subject::new("opentelemetry, attributes per call", repeat!(by_attributes)),
];

/// Drops what it is to export, which is asked of it once a minute.
#[derive(Debug)]
struct Dropped;

impl PushMetricExporter for Dropped {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

static PROVIDER: LazyLock<SdkMeterProvider> = LazyLock::new(|| {
    let reader = PeriodicReader::builder(Dropped).with_interval(Duration::from_secs(60)).build();
    SdkMeterProvider::builder().with_reader(reader).build()
});

fn instruments(meter: &Meter) -> (Counter<u64>, Histogram<f64>) {
    let durations = meter.f64_histogram("call.duration").with_unit("s").with_boundaries(BUCKETS.to_vec());
    (meter.u64_counter("calls").build(), durations.build())
}

fn attributes() -> [KeyValue; 2] {
    [KeyValue::new("function", "measured"), KeyValue::new("outcome", "ok")]
}

static INSTRUMENTS: LazyLock<(Counter<u64>, Histogram<f64>)> =
    LazyLock::new(|| instruments(&PROVIDER.meter("unbound")));
static BOUND: LazyLock<(BoundCounter<u64>, BoundHistogram<f64>)> = LazyLock::new(|| {
    let (calls, durations) = instruments(&PROVIDER.meter("bound"));
    (calls.bind(&attributes()), durations.bind(&attributes()))
});

#[inline(never)]
fn by_bound(x: u64) -> u64 {
    let start = Instant::now();
    let value = work(x);
    let (calls, durations) = &*BOUND;
    calls.add(1);
    durations.record(start.elapsed().as_secs_f64());
    value
}

#[inline(never)]
fn by_attributes(x: u64) -> u64 {
    let start = Instant::now();
    let value = work(x);
    let (calls, durations) = &*INSTRUMENTS;
    let attributes = attributes();
    calls.add(1, &attributes);
    durations.record(start.elapsed().as_secs_f64(), &attributes);
    value
}
