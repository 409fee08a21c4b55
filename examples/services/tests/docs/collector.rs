//! An `OpenTelemetry` collector that keeps what it receives, over http or gRPC, in this process.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::response::Response;
use http_body_util::{BodyExt as _, Full};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, Metric};
use prost::Message as _;
use tokio::sync::oneshot;

/// Longer than anything takes here; a push that does not come fails the test instead of holding it up for ever.
const LONG: Duration = Duration::from_secs(60);

/// A push as it arrived.
#[derive(Debug)]
pub(crate) struct Push {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    message: ExportMetricsServiceRequest,
}

/// Listens until it is dropped.
pub(crate) struct Collector {
    pub(crate) url: String,
    pushes: Receiver<Push>,
    _stop: oneshot::Sender<()>,
}

async fn receive(State(pushes): State<Sender<Push>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let is_grpc = headers["content-type"] == "application/grpc";
    // Over gRPC, five bytes stand before the message: whether it is compressed, and its length.
    let body = if is_grpc { body.slice(5..) } else { body };
    let mut message = Vec::new();
    if headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        flate2::read::GzDecoder::new(&*body).read_to_end(&mut message).unwrap();
    } else {
        message.extend_from_slice(&body);
    }
    let message = ExportMetricsServiceRequest::decode(&*message).expect("it is a push");
    // A test that has seen enough listens no longer.
    let _ = pushes.send(Push { path: uri.path().to_owned(), headers, message });
    let mut response = Response::default();
    if is_grpc {
        // An empty message, and that all went well.
        let trailers = HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
        let body = Full::new(Bytes::from_static(&[0; 5])).with_trailers(async { Some(Ok(trailers)) });
        *response.body_mut() = Body::new(body);
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    }
    response
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (send, pushes) = channel();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let router = Router::new().fallback(receive).with_state(send);
                tokio::select! {
                    served = axum::serve(listener, router) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { url, pushes, _stop: stop }
    }

    /// Whether nothing came that was not looked at.
    pub(crate) fn is_idle(&self) -> bool {
        self.pushes.try_recv().is_err()
    }

    /// The next push.
    pub(crate) fn push(&self) -> Push {
        self.pushes.recv_timeout(LONG).expect("the service pushes")
    }
}

/// The attributes that are text.
fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some((attribute.key.clone(), text.clone())),
        _ => None,
    };
    attributes.iter().filter_map(text).collect()
}

impl Push {
    pub(crate) fn resource(&self) -> BTreeMap<String, String> {
        texts(&self.message.resource_metrics[0].resource.as_ref().unwrap().attributes)
    }

    fn metric(&self, name: &str) -> &Metric {
        let metrics = &self.message.resource_metrics[0].scope_metrics[0].metrics;
        metrics.iter().find(|metric| metric.name == name).unwrap()
    }

    /// How often `load` ended with an outcome, and whether that is since the push before.
    pub(crate) fn loads(&self, outcome: &str) -> (i64, bool) {
        let Some(Data::Sum(sum)) = &self.metric("prof.calls").data else { panic!("calls are a sum") };
        let is_it = |attributes: &BTreeMap<String, String>| {
            attributes["code.function.name"] == "load" && attributes["outcome"] == outcome
        };
        let point = sum.data_points.iter().find(|point| is_it(&texts(&point.attributes)));
        let Some(Value::AsInt(count)) = point.and_then(|point| point.value) else { panic!("load has no {outcome}") };
        (count, sum.aggregation_temporality == 1)
    }

    /// The durations of `load`.
    pub(crate) fn load_durations(&self) -> &ExponentialHistogramDataPoint {
        let Some(Data::ExponentialHistogram(histogram)) = &self.metric("prof.call.duration").data else {
            panic!("durations are an exponential histogram")
        };
        let is_load = |point: &&ExponentialHistogramDataPoint| texts(&point.attributes)["code.function.name"] == "load";
        histogram.data_points.iter().find(is_load).unwrap()
    }
}
