//! A collector in this process that does as it is told, right or wrong.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, Metric, NumberDataPoint};
use prost::Message as _;

use super::Protocol;

/// What becomes of one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// Stored.
    Accept,
    /// Stored but for the first points, which are rejected.
    Reject(usize),
    /// Not stored: busy.
    Busy,
    /// Not stored: refused for good.
    Refuse,
    /// Not stored, and answered as what is no collector answers.
    Page,
    /// Not stored: the connection is closed.
    Reset,
    /// Stored, and the connection is closed without an answer.
    StoreAndReset,
}

/// What was stored.
#[derive(Default)]
pub(super) struct Store {
    /// What becomes of the messages to come; those after them are accepted.
    pub(super) turns: VecDeque<Turn>,
    /// Larger ones are refused for their size.
    pub(super) max_bytes: usize,
    /// The largest message that came, and how many were stored.
    pub(super) largest: usize,
    pub(super) stored: usize,
    /// The sum of each series, by metric and attributes.
    pub(super) sums: BTreeMap<String, f64>,
    /// The latest of each gauge.
    pub(super) gauges: BTreeMap<String, f64>,
    /// The sums of what was rejected, and how many points that were.
    pub(super) rejected: BTreeMap<String, f64>,
    pub(super) rejected_points: u64,
}

/// A collector that listens until the process ends.
pub(super) struct Peer {
    pub(super) url: String,
    pub(super) store: Arc<Mutex<Store>>,
}

const TEMPORALITY_DELTA: i32 = 1;

fn key(metric: &str, attributes: &[KeyValue]) -> String {
    let values = attributes.iter().map(|one| match one.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(value)) => value.clone(),
        other => panic!("{other:?}"),
    });
    std::iter::once(metric.to_owned()).chain(values).collect::<Vec<_>>().join(" ")
}

#[allow(clippy::cast_precision_loss)] // The numbers of a test are small.
fn number(value: Option<Value>) -> f64 {
    match value {
        Some(Value::AsInt(int)) => int as f64,
        Some(Value::AsDouble(double)) => double,
        None => panic!("a point has a value"),
    }
}

impl Store {
    /// Stores a message but for its first points. Returns how many those are.
    fn add(&mut self, message: &ExportMetricsServiceRequest, rejected: usize) -> u64 {
        self.stored += 1;
        let metrics = &message.resource_metrics[0].scope_metrics[0].metrics;
        let points: Vec<Point> = metrics.iter().flat_map(points_of).collect();
        let rejected = rejected.min(points.len());
        for (at, point) in points.into_iter().enumerate() {
            let sums = match point.is_gauge {
                _ if at < rejected => &mut self.rejected,
                true => &mut self.gauges,
                false => &mut self.sums,
            };
            for (key, number) in point.numbers {
                let sum = sums.entry(key).or_default();
                *sum = if point.is_delta { *sum + number } else { number };
            }
        }
        let rejected = u64::try_from(rejected).unwrap();
        self.rejected_points += rejected;
        rejected
    }
}

/// A data point.
struct Point {
    numbers: Vec<(String, f64)>,
    is_delta: bool,
    is_gauge: bool,
}

#[allow(clippy::cast_precision_loss)] // The numbers of a test are small.
fn points_of(metric: &Metric) -> Vec<Point> {
    let one = |point: &NumberDataPoint| {
        assert!(point.start_time_unix_nano <= point.time_unix_nano);
        vec![(key(&metric.name, &point.attributes), number(point.value))]
    };
    match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => {
            let is_delta = sum.aggregation_temporality == TEMPORALITY_DELTA;
            let point = |point| Point { numbers: one(point), is_delta, is_gauge: false };
            sum.data_points.iter().map(point).collect()
        }
        Data::Gauge(gauge) => {
            let point = |point| Point { numbers: one(point), is_delta: false, is_gauge: true };
            gauge.data_points.iter().map(point).collect()
        }
        Data::ExponentialHistogram(histogram) => {
            let is_delta = histogram.aggregation_temporality == TEMPORALITY_DELTA;
            let point = |point: &ExponentialHistogramDataPoint| {
                let buckets: u64 = point.positive.as_ref().unwrap().bucket_counts.iter().sum();
                assert_eq!(buckets + point.zero_count, point.count);
                let key = |what: &str| key(&format!("{}.{what}", metric.name), &point.attributes);
                let numbers = vec![(key("count"), point.count as f64), (key("sum"), point.sum.unwrap())];
                Point { numbers, is_delta, is_gauge: false }
            };
            histogram.data_points.iter().map(point).collect()
        }
        other => panic!("{other:?}"),
    }
}

impl Peer {
    pub(super) fn start(protocol: Protocol) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let store = Arc::new(Mutex::new(Store { max_bytes: usize::MAX, ..Store::default() }));
        let shared = Arc::clone(&store);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (stream, store) = (TokioIo::new(stream), Arc::clone(&shared));
                    match protocol {
                        Protocol::Http => {
                            let service = hyper::service::service_fn(move |request| http(request, Arc::clone(&store)));
                            let served = hyper::server::conn::http1::Builder::new().serve_connection(stream, service);
                            tokio::spawn(async { drop(served.await) });
                        }
                        #[cfg(feature = "otlp-grpc")]
                        Protocol::Grpc => {
                            let service = hyper::service::service_fn(move |request| grpc(request, Arc::clone(&store)));
                            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                            let served = http.serve_connection(stream, service);
                            tokio::spawn(async { drop(served.await) });
                        }
                    }
                }
            });
        });
        Self { url, store }
    }

    /// What is to become of the messages to come.
    pub(super) fn turns(&self, turns: impl IntoIterator<Item = Turn>) {
        self.store.lock().unwrap().turns = turns.into_iter().collect();
    }
}

/// What becomes of this message, and what is answered if it is stored.
fn turn(store: &Mutex<Store>, body: &[u8]) -> (Turn, ExportMetricsServiceResponse) {
    let mut store = store.lock().unwrap();
    store.largest = store.largest.max(body.len());
    let turn = store.turns.pop_front().unwrap_or(Turn::Accept);
    let rejected = match turn {
        Turn::Accept | Turn::StoreAndReset => 0,
        Turn::Reject(points) => points,
        _ => return (turn, ExportMetricsServiceResponse::default()),
    };
    let rejected = store.add(&ExportMetricsServiceRequest::decode(body).unwrap(), rejected);
    let partial_success = ExportMetricsPartialSuccess {
        rejected_data_points: i64::try_from(rejected).unwrap(),
        error_message: "\u{1b}[31mno\n".to_owned(),
    };
    (turn, ExportMetricsServiceResponse { partial_success: (rejected > 0).then_some(partial_success) })
}

async fn http(request: Request<Incoming>, store: Arc<Mutex<Store>>) -> io::Result<Response<Full<Bytes>>> {
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let answer = |status: u16, content_type: &str, body: Vec<u8>| {
        Ok(Response::builder().status(status).header("content-type", content_type).body(Full::from(body)).unwrap())
    };
    let protobuf = "application/x-protobuf";
    if body.len() > store.lock().unwrap().max_bytes {
        return answer(413, "text/html", b"too large".to_vec());
    }
    match turn(&store, &body) {
        (Turn::Accept | Turn::Reject(_), response) => answer(200, protobuf, response.encode_to_vec()),
        (Turn::Busy, _) => answer(503, protobuf, Vec::new()),
        (Turn::Refuse, _) => answer(400, protobuf, Vec::new()),
        (Turn::Page, _) => answer(200, "text/html; charset=utf-8", b"<!doctype html><title>shop</title>".to_vec()),
        (Turn::Reset | Turn::StoreAndReset, _) => Err(io::Error::other("the connection is closed")),
    }
}

#[cfg_attr(not(feature = "otlp-grpc"), allow(dead_code))]
async fn grpc(
    request: Request<Incoming>,
    store: Arc<Mutex<Store>>,
) -> io::Result<Response<impl Body<Data = Bytes, Error = Infallible> + use<>>> {
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let body = &body[5..];
    let answer = |content_type: &'static str, body: Vec<u8>, status: Option<(u16, &str)>| {
        let trailers = status.map(|(status, says)| {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", status.into());
            trailers.insert("grpc-message", HeaderValue::from_str(says).unwrap());
            Ok(trailers)
        });
        let body = Full::from(body).with_trailers(async { trailers });
        Ok(Response::builder().header("content-type", content_type).body(body).unwrap())
    };
    let grpc = "application/grpc";
    let max_bytes = store.lock().unwrap().max_bytes;
    if body.len() > max_bytes {
        // As Go's server says it.
        let says = format!("grpc: received message larger than max ({} vs. {max_bytes})", body.len());
        return answer(grpc, Vec::new(), Some((8, &says)));
    }
    match turn(&store, body) {
        (Turn::Accept | Turn::Reject(_), response) => {
            let message = response.encode_to_vec();
            let length = u32::try_from(message.len()).unwrap().to_be_bytes();
            answer(grpc, [&[0], &length[..], &message].concat(), Some((0, "")))
        }
        (Turn::Busy, _) => answer(grpc, Vec::new(), Some((14, "busy"))),
        (Turn::Refuse, _) => answer(grpc, Vec::new(), Some((3, "no"))),
        (Turn::Page, _) => answer("text/html", b"<!doctype html><title>shop</title>".to_vec(), None),
        (Turn::Reset | Turn::StoreAndReset, _) => Err(io::Error::other("the connection is closed")),
    }
}
