//! What a collector receives, decoded, and how its answers are taken. The collector is a small one in this process.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, Metric, NumberDataPoint};
use prost::Message as _;

use super::*;
use crate::aggregate::Aggregator;
use crate::handler::MetricHandler as _;
use crate::model::{MetricData, Outcome};
use crate::site::{CallRecord, Callsite, Instrument};

static SIZES: Callsite = crate::__private::instrument("page_bytes", "g", Instrument::Distribution, "shop::store");
static LOAD: Callsite = Callsite::new("load", || "shop::store::load::item", "shop::store", file!(), line!());

/// A request as it arrived: path, content type, a header and the message.
pub(super) struct Received {
    pub(super) path: String,
    pub(super) content_type: String,
    pub(super) api_key: String,
    pub(super) message: ExportMetricsServiceRequest,
}

/// Answers each request with the next of these; returns its URL and what it receives.
fn collector(answers: Vec<Response<Full<Bytes>>>) -> (String, Receiver<Received>) {
    collector_on(TcpListener::bind("127.0.0.1:0").unwrap(), answers)
}

fn collector_on(listener: TcpListener, answers: Vec<Response<Full<Bytes>>>) -> (String, Receiver<Received>) {
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (receive, received) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            for answer in answers {
                let (stream, _) = listener.accept().await.unwrap();
                let service = hyper::service::service_fn(|request: Request<Incoming>| {
                    let (receive, answer) = (receive.clone(), answer.clone());
                    async move {
                        receive.send(read(request).await).unwrap();
                        Ok::<_, Infallible>(answer)
                    }
                });
                let http = hyper::server::conn::http1::Builder::new();
                let _ = http.clone().keep_alive(false).serve_connection(TokioIo::new(stream), service).await;
            }
        });
    });
    (url, received)
}

async fn read(request: Request<Incoming>) -> Received {
    let header = |name| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let (path, content_type, api_key) = (request.uri().path().to_owned(), header("content-type"), header("api-key"));
    #[cfg(feature = "otlp-gzip")]
    let is_compressed = header("content-encoding") == "gzip";
    let body = request.into_body().collect().await.unwrap().to_bytes();
    #[cfg(feature = "otlp-gzip")]
    let body = if is_compressed { decompressed(&body).into() } else { body };
    Received { path, content_type, api_key, message: ExportMetricsServiceRequest::decode(body).unwrap() }
}

#[cfg(feature = "otlp-gzip")]
pub(super) fn decompressed(body: &[u8]) -> Vec<u8> {
    use std::io::Read as _;

    let mut message = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut message).unwrap();
    message
}

fn answer(status: u16) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::default()).unwrap()
}

fn exporter(url: &str) -> OtlpExporter {
    exporter_by(url, Protocol::Http, &[])
}

/// An exporter by a protocol, with further variables.
pub(super) fn exporter_by(url: &str, protocol: Protocol, variables: &[(&str, &str)]) -> OtlpExporter {
    let always = [("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret%21"), ("OTEL_SERVICE_NAME", "shop")];
    let all = [&always, variables].concat();
    let read = |name: &str| all.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
    OtlpExporter::new(Config::new(Some(url), Some(protocol), &read).unwrap()).unwrap()
}

pub(super) fn call(aggregator: &Aggregator, outcome: Outcome, duration: Duration) {
    aggregator.record_call(&CallRecord::new(&LOAD, outcome, duration));
}

impl Received {
    fn metric(&self, name: &str) -> Option<&Metric> {
        let metrics = &self.message.resource_metrics[0].scope_metrics[0].metrics;
        metrics.iter().find(|metric| metric.name == name)
    }

    fn numbers(&self, name: &str) -> (&[NumberDataPoint], i32) {
        let Some(metric) = self.metric(name) else { return (&[], 0) };
        match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => (&sum.data_points, sum.aggregation_temporality),
            Data::Gauge(gauge) => (&gauge.data_points, 0),
            other => panic!("{other:?}"),
        }
    }

    /// The only value that has all these attributes.
    fn value(&self, name: &str, attributes: &[(&str, &str)]) -> Option<Value> {
        let (points, _) = self.numbers(name);
        points.iter().find(|point| has(&point.attributes, attributes)).and_then(|point| point.value)
    }

    fn durations(&self) -> (Option<&ExponentialHistogramDataPoint>, i32) {
        let Some(metric) = self.metric("prof.call.duration") else { return (None, 0) };
        let Some(Data::ExponentialHistogram(histogram)) = &metric.data else { panic!() };
        let points = &histogram.data_points;
        let of_load = [("code.function.name", "store.load"), ("prof.group", "shop")];
        (points.iter().find(|point| has(&point.attributes, &of_load)), histogram.aggregation_temporality)
    }

    pub(super) fn calls(&self, outcome: &str) -> Option<Value> {
        let attributes = [("code.function.name", "store.load"), ("prof.group", "shop"), ("outcome", outcome)];
        self.value("prof.calls", &attributes)
    }
}

fn has(attributes: &[KeyValue], expect: &[(&str, &str)]) -> bool {
    expect.iter().all(|(key, value)| {
        let value = Some(any_value::Value::StringValue((*value).to_owned()));
        attributes.iter().any(|one| one.key == *key && one.value.as_ref().is_some_and(|one| one.value == value))
    })
}

#[test]
fn a_push_says_everything() {
    let (url, received) = collector(vec![answer(200)]);
    let aggregator = Aggregator::new();
    call(&aggregator, Outcome::Success, Duration::from_millis(3));
    call(&aggregator, Outcome::Panic, Duration::from_secs(1));
    aggregator.emit(&MetricData::new("g", "pages", 3));
    for bytes in [1, 300, 70_000] {
        aggregator.record_call(&CallRecord::new(&SIZES, Outcome::Success, Duration::from_nanos(bytes)));
    }
    let losses = Losses::new();
    losses.counter("statsd", LossUnit::DataPoints).add(7);
    exporter(&url).losses(&losses).export(&aggregator.snapshot()).unwrap();

    let received = received.recv().unwrap();
    assert_eq!(received.path, "/v1/metrics");
    assert_eq!((&*received.content_type, &*received.api_key), ("application/x-protobuf", "secret!"));
    let resource = received.message.resource_metrics[0].resource.as_ref().unwrap();
    assert!(has(&resource.attributes, &[("service.name", "shop"), ("telemetry.sdk.language", "rust")]));
    assert_eq!(received.calls("success"), Some(Value::AsInt(1)));
    assert_eq!(received.calls("failure"), Some(Value::AsInt(0)));
    assert_eq!(received.calls("panic"), Some(Value::AsInt(1)));
    assert_eq!(received.numbers("prof.calls").1, 2, "cumulative");
    let (Some(durations), 2) = received.durations() else { panic!() };
    assert_eq!((durations.count, durations.sum), (2, Some(1.003)));
    assert_eq!((durations.min, durations.max), (Some(0.003), Some(1.0)));
    assert_eq!(durations.positive.as_ref().unwrap().bucket_counts.iter().sum::<u64>(), 2);
    assert!(durations.start_time_unix_nano < durations.time_unix_nano);
    assert_eq!(received.metric("prof.call.duration").unwrap().unit, "s");
    assert_eq!(received.value("prof.value", &[("prof.name", "pages")]), Some(Value::AsDouble(3.0)));
    assert_eq!(received.numbers("prof.value").1, 2, "a count is a cumulative sum");
    assert_eq!(received.value("prof.value", &[("prof.name", "page_bytes")]), None, "it has a metric of its own");
    let Some(Data::ExponentialHistogram(sizes)) = &received.metric("prof.distribution").unwrap().data else { panic!() };
    let sizes = &sizes.data_points[0];
    assert_eq!((sizes.count, sizes.sum, sizes.min, sizes.max), (3, Some(70_301.0), Some(1.0), Some(70_000.0)));
    assert!(has(&sizes.attributes, &[("prof.name", "page_bytes"), ("prof.group", "g")]));
    assert_eq!(
        received.value("prof.lost", &[("prof.target", "statsd"), ("prof.unit", "data_points")]),
        Some(Value::AsInt(7))
    );
    assert_eq!(received.value("prof.values.dropped", &[]), Some(Value::AsInt(0)));
}

#[cfg(feature = "otlp-gzip")]
#[test]
fn a_push_may_be_compressed() {
    let (url, received) = collector(vec![answer(200)]);
    let aggregator = Aggregator::new();
    call(&aggregator, Outcome::Success, Duration::from_millis(3));
    let mut exporter = exporter_by(&url, Protocol::Http, &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")]);
    exporter.export(&aggregator.snapshot()).unwrap();
    assert_eq!(received.recv().unwrap().calls("success"), Some(Value::AsInt(1)));
    let (snapshot, rest) = (aggregator.snapshot(), Rest::default());
    let numbers = Numbers::new(&snapshot, &rest, Temporality::Cumulative, &Arrived::default());
    let message = numbers.request(0..numbers.len(), &[]);
    assert!(http::compressed(&message.encode_to_vec()).len() < message.encoded_len() / 2);
}

#[test]
fn differences_are_since_the_last_push_that_arrived() {
    let (url, received) = collector(vec![answer(200), answer(503), answer(200), answer(200)]);
    let aggregator = Aggregator::new();
    let mut exporter = exporter(&url).temporality(Temporality::Delta);
    call(&aggregator, Outcome::Success, Duration::from_millis(3));
    exporter.export(&aggregator.snapshot()).unwrap();
    call(&aggregator, Outcome::Success, Duration::from_millis(3));
    exporter.export(&aggregator.snapshot()).unwrap_err();
    call(&aggregator, Outcome::Failure, Duration::from_millis(5));
    exporter.export(&aggregator.snapshot()).unwrap();
    exporter.export(&aggregator.snapshot()).unwrap();

    let received: Vec<Received> = received.iter().take(4).collect();
    let counts: Vec<_> = received.iter().map(|one| (one.calls("success"), one.calls("failure"))).collect();
    let int = |count| Some(Value::AsInt(count));
    assert_eq!(counts, [(int(1), None), (int(1), None), (int(1), int(1)), (None, None)]);
    let (Some(durations), 1) = received[2].durations() else { panic!("it is a difference") };
    assert_eq!((durations.count, durations.sum, durations.max), (2, Some(0.008), None));
    let (Some(first), _) = received[0].durations() else { panic!() };
    assert_eq!(durations.start_time_unix_nano, first.time_unix_nano);
    assert_eq!(received[2].numbers("prof.calls.in_flight").1, 2, "never a difference");
}

#[test]
fn answers_say_whether_to_try_again() {
    let busy = Response::builder().status(429).header("retry-after", "7").body(Full::default()).unwrap();
    let (url, _received) = collector(vec![busy, answer(502), answer(400), answer(307)]);
    let mut exporter = exporter(&url);
    let snapshot = Aggregator::new().snapshot();
    let mut export = || exporter.export(&snapshot).unwrap_err();
    let busy = export();
    assert!(
        matches!(busy, ExportError::Unreachable { retry_after: Some(after), .. } if after.as_secs() == 7),
        "{busy}"
    );
    assert!(matches!(export(), ExportError::Unreachable { retry_after: None, .. }));
    assert_eq!(export().to_string(), format!("{url}/v1/metrics refused metrics: it answered 400 Bad Request"));
    assert!(matches!(export(), ExportError::Refused { .. }), "no one sends metrics elsewhere");
}

#[test]
fn what_the_collector_rejects_is_counted() {
    let partial_success = ExportMetricsPartialSuccess { rejected_data_points: 4, error_message: String::new() };
    let body = ExportMetricsServiceResponse { partial_success: Some(partial_success) }.encode_to_vec();
    let (url, _received) = collector(vec![Response::new(Full::from(body))]);
    let losses = Losses::new();
    exporter(&url).losses(&losses).export(&Aggregator::new().snapshot()).unwrap();
    assert_eq!(losses.total(), 4);
}

#[test]
fn a_collector_that_comes_later_receives_everything() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    for temporality in [Temporality::Cumulative, Temporality::Delta] {
        // A port of its own, which refuses everyone until it is listened on.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let (aggregator, mut exporter) = (Aggregator::new(), exporter(&url).temporality(temporality));
        for _ in 0..2 {
            call(&aggregator, Outcome::Success, Duration::from_millis(3));
            exporter.export(&aggregator.snapshot()).unwrap_err();
        }
        let (_, received) = collector_on(socket.listen(1).unwrap().into_std().unwrap(), vec![answer(200)]);
        exporter.export(&aggregator.snapshot()).unwrap();
        assert_eq!(received.recv().unwrap().calls("success"), Some(Value::AsInt(2)));
    }
}

#[test]
fn a_collector_that_is_not_there_is_worth_another_attempt() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = exporter(&format!("http://{gone}")).export(&Aggregator::new().snapshot()).unwrap_err();
    assert!(matches!(error, ExportError::Unreachable { retry_after: None, .. }), "{error}");
    let error = exporter("http://no-such-host.invalid").export(&Aggregator::new().snapshot()).unwrap_err();
    assert!(matches!(error, ExportError::Unreachable { .. }), "{error}");
}
