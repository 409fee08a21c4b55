//! Messages as the bodies of http requests.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use prost::Message as _;
use ureq::http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use ureq::http::{HeaderName, Response, StatusCode};
use ureq::{Proxy, ProxyProtocol};

use super::config::Config;
use super::endpoint::Endpoint;
use super::forward;
use super::proxy::Route;
use super::{Failure, MAX_ANSWER_BYTES};
use crate::export::ExportError;
use crate::service;
use crate::text::Foreign;

/// No collector has as much to say before its answer.
const MAX_ANSWER_HEAD_BYTES: usize = 16 * 1024;

/// A client that keeps its connection, and decides nothing itself.
pub(super) fn agent(config: &Config) -> Result<ureq::Agent, ureq::Error> {
    let builder = ureq::Agent::config_builder()
        // Statuses are looked at, and no one is to send metrics elsewhere.
        .http_status_as_error(false)
        .max_redirects(0)
        .max_response_header_size(MAX_ANSWER_HEAD_BYTES);
    Ok(match &config.route {
        Route::Direct => builder.proxy(None).build().into(),
        Route::Tunnel(proxy) => builder.proxy(Some(tunnel(proxy)?)).build().into(),
        Route::Forward(proxy) => {
            let settings = builder.proxy(None).max_idle_connections(0).build();
            forward::agent(settings, proxy, &config.endpoint)
        }
    })
}

fn tunnel(proxy: &Endpoint) -> Result<Proxy, ureq::Error> {
    let mut builder =
        Proxy::builder(ProxyProtocol::try_from(proxy.scheme())?).host(proxy.uri().host().unwrap_or_default());
    if let Some(port) = proxy.uri().port_u16() {
        builder = builder.port(port);
    }
    if let Some((name, password)) = proxy.credentials() {
        builder = builder.username(name.expose()).password(password.expose());
    }
    builder.build()
}

pub(super) fn push(
    agent: &ureq::Agent,
    config: &Config,
    message: &ExportMetricsServiceRequest,
    timeout: Duration,
) -> Result<ExportMetricsServiceResponse, Failure> {
    let unreachable = |cause, retry_after| ExportError::Unreachable { target: config.target(), cause, retry_after };
    let request = agent.post(config.endpoint.uri()).config().timeout_global(Some(timeout)).build();
    let mut request = request.content_type("application/x-protobuf");
    for (name, value) in &config.headers {
        request = request.header(name, value.expose());
    }
    if let Route::Forward(proxy) = &config.route
        && let Some(authorization) = proxy.authorization()
    {
        request = request.header("proxy-authorization", authorization.expose());
    }
    let mut body = message.encode_to_vec();
    if config.is_compressed {
        request = request.header("content-encoding", "gzip");
        body = compressed(&body);
    }
    let mut answer = request.send(body).map_err(|error| unreachable(reason(&error, timeout).into(), None))?;
    match answer.status() {
        StatusCode::OK | StatusCode::ACCEPTED | StatusCode::NO_CONTENT => accepted(config, &mut answer, timeout),
        // Those that the protocol says are worth another attempt.
        status @ (StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT) => {
            Err(unreachable(format!("it answered {status}").into(), retry_after(&answer)).into())
        }
        status => {
            let error =
                ExportError::Refused { target: config.target(), reason: format!("it answered {status}").into() };
            Err(if status == StatusCode::PAYLOAD_TOO_LARGE { Failure::TooLarge(error) } else { error.into() })
        }
    }
}

/// What went wrong, in a few words.
fn reason(error: &ureq::Error, timeout: Duration) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("timeout after {timeout:?}"),
        ureq::Error::Io(error) => Foreign::new(error).to_string(),
        error => Foreign::new(error).to_string(),
    }
}

#[cfg(feature = "otlp-gzip")]
pub(super) fn compressed(body: &[u8]) -> Vec<u8> {
    use std::io::Write as _;

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    // Writing to memory does not fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default()
}

/// The configuration does not ask for it without the feature.
#[cfg(not(feature = "otlp-gzip"))]
fn compressed(body: &[u8]) -> Vec<u8> {
    body.to_vec()
}

/// The answer to a push that arrived. What says that it did, and is no collector, has not received it.
fn accepted(
    config: &Config,
    answer: &mut Response<ureq::Body>,
    timeout: Duration,
) -> Result<ExportMetricsServiceResponse, Failure> {
    let status = answer.status();
    let not_otlp = |what: String| {
        let reason = format!("it answered {status} with {what}: it is no OpenTelemetry collector");
        Failure::from(ExportError::Refused { target: config.target(), reason: reason.into() })
    };
    let content_type = header(answer, &CONTENT_TYPE).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let body = match answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec() {
        Ok(body) => body,
        Err(ureq::Error::BodyExceedsLimit(_)) => return Err(not_otlp(format!("more than {MAX_ANSWER_BYTES} bytes"))),
        Err(error) => {
            let cause = format!("its answer broke off: {}", reason(&error, timeout)).into();
            return Err(ExportError::Unreachable { target: config.target(), cause, retry_after: None }.into());
        }
    };
    let is_protobuf = ["", "application/x-protobuf", "application/protobuf"].contains(&&*media_type);
    if !is_protobuf && (!body.is_empty() || media_type == "text/html") {
        return Err(not_otlp(format!("content of type `{}`", Foreign::new(&media_type))));
    }
    // An empty answer says that there is nothing to say.
    ExportMetricsServiceResponse::decode(&*body).map_err(|_| not_otlp("content that is no OTLP".to_owned()))
}

fn header(answer: &Response<ureq::Body>, name: &HeaderName) -> Option<String> {
    // What is not ASCII is no value of these headers.
    answer.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// How long a collector asks to be left alone: in seconds, or until a date, by its own clock if it tells; at most an
/// hour.
fn retry_after(answer: &Response<ureq::Body>) -> Option<Duration> {
    let value = header(answer, &RETRY_AFTER)?;
    let value = value.trim();
    let after = if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
        // What does not fit into the number is long, too.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(value).ok()?;
        let now = header(answer, &DATE).and_then(|date| httpdate::parse_http_date(date.trim()).ok());
        date.duration_since(now.unwrap_or_else(service::wall_time)).unwrap_or_default()
    };
    Some(after.min(super::MAX_RETRY_AFTER))
}
