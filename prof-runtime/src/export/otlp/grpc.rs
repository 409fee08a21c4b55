//! Messages over gRPC.
//!
//! Each push has an event loop and a connection of its own: between pushes, which are a minute apart, nothing has to be
//! kept alive, nothing goes stale, and nothing is left when the exporter is dropped.

use std::io;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use prost::Message as _;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};

use super::config::Config;
use crate::export::ExportError;
use crate::text::{Foreign, MaskedUrl};

pub(super) fn push(
    config: &Config,
    message: ExportMetricsServiceRequest,
) -> Result<ExportMetricsServiceResponse, ExportError> {
    let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| ExportError::Unreachable {
        target: MaskedUrl(&config.url).to_string().into(),
        source,
        retry_after: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| unreachable(error.into()))?;
    let pushed = runtime.block_on(async { tokio::time::timeout(config.timeout, send(config, message)).await });
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    match pushed {
        Err(_) => Err(unreachable(io::Error::new(io::ErrorKind::TimedOut, "timeout").into())),
        Ok(Err(SendError::Connect(error))) => Err(unreachable(error.into())),
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
    let endpoint = Endpoint::from_shared(config.url.clone()).map_err(SendError::Connect)?;
    #[cfg(feature = "otlp-tls")]
    let endpoint = match config.url.starts_with("https:") {
        true => {
            let tls = tonic::transport::ClientTlsConfig::new().with_webpki_roots();
            endpoint.tls_config(tls).map_err(SendError::Connect)?
        }
        false => endpoint,
    };
    let channel = endpoint.connect().await.map_err(SendError::Connect)?;
    let mut client = MetricsServiceClient::new(channel);
    #[cfg(feature = "otlp-gzip")]
    if config.is_compressed {
        client = client.send_compressed(tonic::codec::CompressionEncoding::Gzip);
    }
    let mut request = Request::new(message);
    for (name, value) in &config.headers {
        // What cannot be a header is none over http, either.
        let header = (AsciiMetadataKey::from_bytes(name.to_ascii_lowercase().as_bytes()), value.expose().parse());
        let (Ok(name), Ok(value)): (_, Result<AsciiMetadataValue, _>) = header else {
            let reason = format!("{name:?} cannot be sent with its value as a header");
            return Err(SendError::Answered(Status::invalid_argument(reason)));
        };
        request.metadata_mut().insert(name, value);
    }
    client.export(request).await.map(tonic::Response::into_inner).map_err(SendError::Answered)
}

/// Whether a push that was answered so is worth another attempt: as the protocol says.
fn failed(config: &Config, status: &Status) -> ExportError {
    let (target, retry_after) = (MaskedUrl(&config.url).to_string().into(), retry_after(status.details()));
    let reason = format!("it answered {:?}: {}", status.code(), Foreign(status.message()));
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => ExportError::Unreachable { target, source: reason.into(), retry_after },
        // Only a server that says when is one that recovers.
        Code::ResourceExhausted if retry_after.is_some() => {
            ExportError::Unreachable { target, source: reason.into(), retry_after }
        }
        _ => ExportError::Refused { target, reason: reason.into() },
    }
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
