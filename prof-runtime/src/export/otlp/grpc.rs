//! Messages over gRPC.
//!
//! Each push has an event loop and a connection of its own: between pushes, which are a minute apart, nothing has to be
//! kept alive, nothing goes stale, and nothing is left when the exporter is dropped.

use std::error::Error as _;
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use prost::Message as _;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};
use ureq::http::HeaderValue;

use super::config::Config;
use super::proxy::Route;
use super::{Failure, MAX_ANSWER_BYTES};
use crate::export::ExportError;
use crate::text::Foreign;

pub(super) fn push(
    config: &Config,
    message: ExportMetricsServiceRequest,
    timeout: Duration,
) -> Result<ExportMetricsServiceResponse, Failure> {
    let unreachable = |cause: Box<dyn std::error::Error + Send + Sync>| ExportError::Unreachable {
        target: config.target(),
        cause,
        retry_after: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| unreachable(error.into()))?;
    let pushed = runtime.block_on(async { tokio::time::timeout(timeout, send(config, message)).await });
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    match pushed {
        Err(_) => Err(unreachable(format!("timeout after {timeout:?}").into()).into()),
        Ok(Err(SendError::Connect(error))) => Err(unreachable(reasons(&error).into()).into()),
        Ok(Err(SendError::Answered(status))) => Err(failed(config, &status)),
        Ok(Ok(answer)) => Ok(answer),
    }
}

enum SendError {
    Connect(tonic::transport::Error),
    Answered(Status),
}

async fn send(
    config: &Config,
    message: ExportMetricsServiceRequest,
) -> Result<ExportMetricsServiceResponse, SendError> {
    let endpoint = Endpoint::from(config.endpoint.uri().clone());
    #[cfg(feature = "otlp-tls")]
    let endpoint = match config.endpoint.scheme() {
        "https" => {
            let tls = tonic::transport::ClientTlsConfig::new().with_webpki_roots();
            endpoint.tls_config(tls).map_err(SendError::Connect)?
        }
        _ => endpoint,
    };
    let channel = match &config.route {
        Route::Direct => endpoint.connect().await,
        Route::Forward(proxy) | Route::Tunnel(proxy) => {
            let mut tunnel = Tunnel::new(proxy.uri().clone(), HttpConnector::new());
            let authorization = proxy.authorization().and_then(|secret| HeaderValue::from_str(secret.expose()).ok());
            if let Some(authorization) = authorization {
                tunnel = tunnel.with_auth(authorization);
            }
            endpoint.connect_with_connector(tunnel).await
        }
    };
    let mut client = MetricsServiceClient::new(channel.map_err(SendError::Connect)?)
        .max_decoding_message_size(usize::try_from(MAX_ANSWER_BYTES).unwrap_or(usize::MAX));
    #[cfg(feature = "otlp-gzip")]
    if config.is_compressed {
        client = client.send_compressed(tonic::codec::CompressionEncoding::Gzip);
    }
    let mut request = Request::new(message);
    for (name, value) in &config.headers {
        // The configuration has checked both.
        let header = (AsciiMetadataKey::from_bytes(name.as_bytes()), value.expose().parse());
        if let (Ok(name), Ok(value)) = header as (_, Result<AsciiMetadataValue, _>) {
            request.metadata_mut().insert(name, value);
        }
    }
    client.export(request).await.map(tonic::Response::into_inner).map_err(SendError::Answered)
}

/// An error with those that it comes of, which it does not tell itself.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = Foreign::new(error).to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let reason = Foreign::new(error).to_string();
        if !text.contains(&reason) {
            text.push_str(": ");
            text.push_str(&reason);
        }
        source = error.source();
    }
    text
}

/// Whether a push that was answered so is worth another attempt: as the protocol says.
fn failed(config: &Config, status: &Status) -> Failure {
    let (target, retry_after) = (config.target(), retry_after(status.details()));
    let unreachable =
        |cause: String| ExportError::Unreachable { target: config.target(), cause: cause.into(), retry_after };
    if status.source().is_some() {
        // Not an answer, but a connection that broke.
        return unreachable(reasons(status)).into();
    }
    let reason = format!("it answered {:?}: {}", status.code(), Foreign::new(status.message()));
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted if is_too_large(status.message()) => {
            Failure::TooLarge(ExportError::Refused { target, reason: reason.into() })
        }
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => unreachable(reason).into(),
        // Only a server that says when is one that recovers.
        Code::ResourceExhausted if retry_after.is_some() => unreachable(reason).into(),
        _ => ExportError::Refused { target, reason: reason.into() }.into(),
    }
}

/// Whether a status is about the size of the message: there is no code of its own for it.
fn is_too_large(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["larger than max", "too large", "exceeds maximum"].iter().any(|words| message.contains(words))
}

/// `google.rpc.Status`, as far as it matters.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<RpcDetail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RpcDetail {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub(super) retry_delay: Option<RetryDelay>,
}

/// `google.protobuf.Duration`, without the fraction of a second.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RetryDelay {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
}

/// How long a collector asks to be left alone; not more than an hour.
fn retry_after(details: &[u8]) -> Option<Duration> {
    let details = RpcStatus::decode(details).ok()?.details;
    let info = details.iter().find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let seconds = RetryInfo::decode(&*info.value).ok()?.retry_delay?.seconds;
    Some(Duration::from_secs(seconds.try_into().ok()?).min(super::MAX_RETRY_AFTER))
}
