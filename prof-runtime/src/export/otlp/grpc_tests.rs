//! What a collector receives over gRPC, and how its answers are taken. The collector is a small one in this process,
//! which knows of gRPC what its specification says: messages behind five bytes, and the status in a trailer.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message as _;
use tonic::metadata::BinaryMetadataValue;

use super::grpc::{RetryDelay, RetryInfo, RpcDetail, RpcStatus};
#[cfg(feature = "otlp-gzip")]
use super::tests::decompressed;
use super::tests::{Received, call, exporter_by};
use super::*;
use crate::aggregate::Aggregator;
use crate::model::Outcome;

/// The status of an answer, with its details, and its message.
#[derive(Clone, Default)]
struct Answer {
    status: u16,
    details: RpcStatus,
    message: ExportMetricsServiceResponse,
}

impl Answer {
    fn of(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    fn retry_after(status: u16, seconds: i64) -> Self {
        let value = RetryInfo { retry_delay: Some(RetryDelay { seconds }) }.encode_to_vec();
        let detail = RpcDetail { type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(), value };
        Self { status, details: RpcStatus { details: vec![detail] }, ..Self::default() }
    }

    fn response(&self) -> Response<impl Body<Data = Bytes, Error = Infallible> + use<>> {
        let details = BinaryMetadataValue::from_bytes(&self.details.encode_to_vec());
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", self.status.into());
        // Percent-encoded, as the protocol says: what is told acts on a terminal.
        trailers.insert("grpc-message", HeaderValue::from_static("as told%1b[31m%0a%e2%80%ae"));
        trailers.insert("grpc-status-details-bin", HeaderValue::from_bytes(details.as_encoded_bytes()).unwrap());
        let message = self.message.encode_to_vec();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let framed = [&[0], &length[..], &message].concat();
        let body = Full::new(Bytes::from(framed)).with_trailers(async { Some(Ok(trailers)) });
        Response::builder().header("content-type", "application/grpc").body(body).unwrap()
    }
}

/// Answers each push with the next of these; returns its URL and what it receives.
fn collector(answers: Vec<Answer>) -> (String, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
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
                    let (receive, response) = (receive.clone(), answer.response());
                    async move {
                        receive.send(read(request).await).unwrap();
                        Ok::<_, Infallible>(response)
                    }
                });
                let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                // A client that has its answer goes away.
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            }
        });
    });
    (url, received)
}

async fn read(request: Request<Incoming>) -> Received {
    let header = |name| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let (path, content_type, api_key) = (request.uri().path().to_owned(), header("content-type"), header("api-key"));
    let encoding = header("grpc-encoding");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let (prefix, message) = body.split_at(5);
    assert_eq!(prefix[1..], u32::try_from(message.len()).unwrap().to_be_bytes());
    assert_eq!((prefix[0], &*encoding), if prefix[0] == 1 { (1, "gzip") } else { (0, "") });
    #[cfg(feature = "otlp-gzip")]
    let message = &*if prefix[0] == 1 { decompressed(message) } else { message.to_vec() };
    Received { path, content_type, api_key, message: ExportMetricsServiceRequest::decode(message).unwrap() }
}

fn exporter(url: &str) -> OtlpExporter {
    exporter_by(url, Protocol::Grpc, &[])
}

fn one_call() -> Aggregator {
    let aggregator = Aggregator::new();
    call(&aggregator, Outcome::Success, Duration::from_millis(3));
    aggregator
}

#[test]
fn a_push_says_what_it_says_over_http() {
    let (url, received) = collector(vec![Answer::default(), Answer::default()]);
    let (aggregator, mut exporter) = (one_call(), exporter(&url));
    exporter.export(&aggregator.snapshot()).unwrap();
    call(&aggregator, Outcome::Success, Duration::from_millis(3));
    exporter.export(&aggregator.snapshot()).unwrap();

    for calls in [1, 2] {
        let received = received.recv().unwrap();
        assert_eq!(received.path, "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
        assert_eq!((&*received.content_type, &*received.api_key), ("application/grpc", "secret!"));
        assert_eq!(received.calls("success"), Some(Value::AsInt(calls)));
    }
}

#[cfg(feature = "otlp-gzip")]
#[test]
fn a_push_may_be_compressed() {
    let (url, received) = collector(vec![Answer::default()]);
    let mut exporter = exporter_by(&url, Protocol::Grpc, &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")]);
    exporter.export(&one_call().snapshot()).unwrap();
    assert_eq!(received.recv().unwrap().calls("success"), Some(Value::AsInt(1)));
}

#[test]
fn answers_say_whether_to_try_again() {
    const INVALID: u16 = 3;
    const EXHAUSTED: u16 = 8;
    const UNAVAILABLE: u16 = 14;
    let answers = vec![
        Answer::of(UNAVAILABLE),
        Answer::retry_after(UNAVAILABLE, 7),
        Answer::retry_after(EXHAUSTED, 1 << 40),
        Answer::of(EXHAUSTED),
        Answer::of(INVALID),
    ];
    let (url, _received) = collector(answers);
    let mut exporter = exporter(&url);
    let snapshot = one_call().snapshot();
    let mut after = || match exporter.export(&snapshot).unwrap_err() {
        ExportError::Unreachable { retry_after, .. } => Ok(retry_after.map(|after| after.as_secs())),
        refused => Err(refused.to_string()),
    };
    assert_eq!(after(), Ok(None));
    assert_eq!(after(), Ok(Some(7)));
    assert_eq!(after(), Ok(Some(3600)));
    assert!(
        after().unwrap_err().contains("refused metrics: it answered ResourceExhausted: as told\\u{1b}[31m\\n\\u{202e}")
    );
    assert_eq!(
        after(),
        Err(format!("{url} refused metrics: it answered InvalidArgument: as told\\u{{1b}}[31m\\n\\u{{202e}}"))
    );
}

#[test]
fn what_the_collector_rejects_is_counted() {
    let partial_success = ExportMetricsPartialSuccess { rejected_data_points: 4, error_message: String::new() };
    let message = ExportMetricsServiceResponse { partial_success: Some(partial_success) };
    let (url, _received) = collector(vec![Answer { message, ..Answer::default() }]);
    let losses = Losses::new();
    exporter(&url).losses(&losses).export(&one_call().snapshot()).unwrap();
    assert_eq!(losses.total(), 4);
}

#[test]
fn a_collector_that_is_not_there_or_does_not_answer_is_worth_another_attempt() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // Connections are taken by the system, and no one reads from them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap();
    for url in [format!("http://{gone}"), format!("http://{silent}"), "http://no-such-host.invalid".to_owned()] {
        let mut exporter = exporter_by(&url, Protocol::Grpc, &[("OTEL_EXPORTER_OTLP_TIMEOUT", "50")]);
        let error = exporter.export(&one_call().snapshot()).unwrap_err();
        assert!(matches!(error, ExportError::Unreachable { retry_after: None, .. }), "{error}");
        assert!(error.to_string().contains(&url), "{error}");
    }
}

#[cfg(feature = "otlp-tls")]
#[test]
fn https_is_spoken_where_the_endpoint_says_so() {
    use std::io::Read as _;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut first = [0; 6];
        listener.accept().unwrap().0.read_exact(&mut first).unwrap();
        first
    });
    let error = exporter(&url).export(&one_call().snapshot()).unwrap_err();
    assert!(matches!(error, ExportError::Unreachable { .. }), "{error}");
    let [record, _, _, _, _, message] = server.join().unwrap();
    assert_eq!((record, message), (22, 1), "a handshake begins with the client's hello");
}
