//! Messages as the bodies of http requests.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use prost::Message as _;
use ureq::http::{Response, StatusCode};

use super::config::Config;
use crate::export::ExportError;
use crate::text::{Foreign, MaskedUrl};

/// Answers are short: longer ones are not read on.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// A client that keeps its connection.
pub(super) fn agent(config: &Config) -> ureq::Agent {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(config.timeout))
        // Statuses are looked at, and no one is to send metrics elsewhere.
        .http_status_as_error(false)
        .max_redirects(0)
        .build();
    agent.into()
}

pub(super) fn push(
    agent: &ureq::Agent,
    config: &Config,
    message: &ExportMetricsServiceRequest,
) -> Result<ExportMetricsServiceResponse, ExportError> {
    let target = || Foreign(MaskedUrl(&config.url).to_string());
    let unreachable = |source, retry_after| ExportError::Unreachable { target: target(), source, retry_after };
    let mut request = agent.post(&config.url).content_type("application/x-protobuf");
    for (name, value) in &config.headers {
        request = request.header(name, value.expose());
    }
    let mut body = message.encode_to_vec();
    if config.is_compressed {
        request = request.header("content-encoding", "gzip");
        body = compressed(&body);
    }
    let mut answer = request.send(body).map_err(|error| unreachable(error.into(), None))?;
    match answer.status() {
        status if status.is_success() => Ok(decoded(&mut answer)),
        // Those that the protocol says are worth another attempt.
        status @ (StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT) => {
            Err(unreachable(format!("it answered {status}").into(), retry_after(&answer)))
        }
        status => Err(ExportError::Refused { target: target(), reason: format!("it answered {status}").into() }),
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

/// The answer to a push that arrived; one that says nothing if it cannot be read.
fn decoded(answer: &mut Response<ureq::Body>) -> ExportMetricsServiceResponse {
    let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec().unwrap_or_default();
    ExportMetricsServiceResponse::decode(&*body).unwrap_or_default()
}

/// How long a collector asks to be left alone, if it says so in seconds. A date is not looked at, nor more than an hour.
fn retry_after(answer: &Response<ureq::Body>) -> Option<Duration> {
    let seconds = answer.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(super::MAX_RETRY_AFTER))
}
