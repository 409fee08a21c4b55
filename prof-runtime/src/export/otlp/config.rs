//! Where to push to, and how: in code, or by the standard variables.

use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::text::{Foreign, MaskedUrl, Secret};

/// Whether pushed numbers say everything since the start, or what happened since the push before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Temporality {
    /// Since the start. A push that is lost is made up for by the next.
    #[default]
    Cumulative,
    /// Since the last push that arrived. One whose answer was lost counts twice.
    Delta,
}

/// What messages go by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    Http,
    #[cfg(feature = "otlp-grpc")]
    Grpc,
}

/// Why metrics cannot be pushed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// The endpoint is no URL that can be pushed to.
    #[error("{endpoint:?} is not an endpoint: {reason}")]
    Endpoint {
        /// The endpoint, without credentials.
        endpoint: Foreign<String>,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A variable has a value that is not understood or not supported.
    #[error("{name}={value:?} is not possible; it takes {expected}")]
    Variable {
        /// The variable.
        name: String,
        /// Its value; `…` if it may be a secret.
        value: Foreign<String>,
        /// What it takes.
        expected: &'static str,
    },
}

/// How to push.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) protocol: Protocol,
    /// Where metrics are pushed to; over http with the path.
    pub(super) url: String,
    pub(super) is_compressed: bool,
    pub(super) headers: Vec<(String, Secret)>,
    pub(super) timeout: Duration,
    pub(super) temporality: Temporality,
    pub(super) interval: Duration,
    /// Attributes of the resource, `service.name` among them.
    pub(super) resource: Vec<(String, String)>,
}

/// Reads a variable of a signal, or that of all signals.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<(String, String)> {
        let value = (self.0)(name).filter(|value| !value.trim().is_empty())?;
        Some((name.to_owned(), value.trim().to_owned()))
    }

    /// `OTEL_EXPORTER_OTLP_METRICS_…`, else `OTEL_EXPORTER_OTLP_…`.
    fn of_metrics(&self, what: &str) -> Option<(String, String)> {
        let specific = format!("OTEL_EXPORTER_OTLP_METRICS_{what}");
        self.get(&specific).or_else(|| self.get(&format!("OTEL_EXPORTER_OTLP_{what}")))
    }
}

fn millis(found: Option<(String, String)>, default_ms: u64) -> Result<Duration, OtlpError> {
    let Some((name, value)) = found else { return Ok(Duration::from_millis(default_ms)) };
    match value.parse() {
        Ok(ms @ 1..) => Ok(Duration::from_millis(ms)),
        _ => Err(OtlpError::Variable { name, value: value.into(), expected: "a number of milliseconds above 0" }),
    }
}

fn pairs(found: Option<(String, String)>) -> Result<Vec<(String, String)>, OtlpError> {
    let Some((name, value)) = found else { return Ok(Vec::new()) };
    let parse = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        let decoded = percent_decode_str(value.trim()).decode_utf8().ok()?;
        Some((key.trim().to_owned(), decoded.into_owned()))
    };
    let pairs = value.split(',').filter(|pair| !pair.trim().is_empty()).map(parse).collect::<Option<_>>();
    pairs.ok_or(OtlpError::Variable { name, value: value.into(), expected: "`key=value,key=value`, percent-encoded" })
}

/// Headers, whose values are secrets in errors, too.
fn headers(found: Option<(String, String)>) -> Result<Vec<(String, Secret)>, OtlpError> {
    let pairs = pairs(found).map_err(|error| match error {
        OtlpError::Variable { name, expected, .. } => OtlpError::Variable { name, value: "…".into(), expected },
        error => error,
    })?;
    Ok(pairs.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
}

impl Config {
    /// What the variables say. `endpoint` and `protocol` take the place of theirs.
    pub(super) fn new(
        endpoint: Option<&str>,
        protocol: Option<Protocol>,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, OtlpError> {
        let variables = Variables(read);
        let protocol = protocol.map_or_else(|| self::protocol(&variables), Ok)?;
        let url = url(endpoint, protocol, &variables);
        check_url(&url)?;
        Ok(Self {
            protocol,
            url,
            is_compressed: is_compressed(&variables)?,
            headers: headers(variables.of_metrics("HEADERS"))?,
            timeout: millis(variables.of_metrics("TIMEOUT"), 10_000)?,
            temporality: temporality(&variables)?,
            interval: millis(variables.get("OTEL_METRIC_EXPORT_INTERVAL"), 60_000)?,
            resource: resource(&variables)?,
        })
    }
}

fn protocol(variables: &Variables<'_>) -> Result<Protocol, OtlpError> {
    let Some((name, value)) = variables.of_metrics("PROTOCOL") else { return Ok(Protocol::Http) };
    match &*value {
        "http/protobuf" => Ok(Protocol::Http),
        #[cfg(feature = "otlp-grpc")]
        "grpc" => Ok(Protocol::Grpc),
        _ => {
            let expected = match cfg!(feature = "otlp-grpc") {
                true => "`http/protobuf` or `grpc`",
                false => "`http/protobuf`, and `grpc` with the feature `otlp-grpc` of prof-runtime",
            };
            Err(OtlpError::Variable { name, value: value.into(), expected })
        }
    }
}

fn is_compressed(variables: &Variables<'_>) -> Result<bool, OtlpError> {
    let Some((name, value)) = variables.of_metrics("COMPRESSION") else { return Ok(false) };
    match &*value {
        "none" => Ok(false),
        "gzip" if cfg!(feature = "otlp-gzip") => Ok(true),
        _ => {
            let expected = match cfg!(feature = "otlp-gzip") {
                true => "`none` or `gzip`",
                false => "`none`, and `gzip` with the feature `otlp-gzip` of prof-runtime",
            };
            Err(OtlpError::Variable { name, value: value.into(), expected })
        }
    }
}

/// Where to push to: by what the caller says, else by the variable of metrics, else by that of all signals.
fn url(endpoint: Option<&str>, protocol: Protocol, variables: &Variables<'_>) -> String {
    let variable = |name| variables.get(name).map(|(_, value)| value);
    let of_metrics = || variable("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
    let of_all = || variable("OTEL_EXPORTER_OTLP_ENDPOINT");
    match protocol {
        Protocol::Http => match (endpoint, of_metrics()) {
            (Some(endpoint), _) => with_path(endpoint),
            (None, Some(url)) => url,
            (None, None) => with_path(of_all().as_deref().unwrap_or("http://localhost:4318")),
        },
        #[cfg(feature = "otlp-grpc")]
        Protocol::Grpc => {
            let url = endpoint.map(str::to_owned).or_else(of_metrics).or_else(of_all);
            url.as_deref().unwrap_or("http://localhost:4317").trim_end_matches('/').to_owned()
        }
    }
}

/// The path that the protocol prescribes, if the endpoint does not have it.
fn with_path(endpoint: &str) -> String {
    match endpoint.trim_end_matches('/') {
        url if url.ends_with("/v1/metrics") => url.to_owned(),
        base => format!("{base}/v1/metrics"),
    }
}

fn check_url(url: &str) -> Result<(), OtlpError> {
    let refuse = |reason| Err(OtlpError::Endpoint { endpoint: MaskedUrl(url).to_string().into(), reason });
    match url.parse::<ureq::http::Uri>() {
        Err(_) => refuse("it is not a URL"),
        Ok(uri) => match uri.scheme_str() {
            _ if uri.host().is_none_or(str::is_empty) => refuse("it has no host, as in http://127.0.0.1:4318"),
            Some("http") => Ok(()),
            Some("https") if cfg!(feature = "otlp-tls") => Ok(()),
            Some("https") => refuse("https needs the feature `otlp-tls` of prof-runtime"),
            _ => refuse("it begins neither with http:// nor with https://"),
        },
    }
}

fn temporality(variables: &Variables<'_>) -> Result<Temporality, OtlpError> {
    let Some((name, value)) = variables.get("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE") else {
        return Ok(Temporality::default());
    };
    match &*value.to_ascii_lowercase() {
        "cumulative" => Ok(Temporality::Cumulative),
        // What little memory asks for is differences, where they cost none.
        "delta" | "lowmemory" => Ok(Temporality::Delta),
        _ => Err(OtlpError::Variable { name, value: value.into(), expected: "`cumulative`, `delta` or `lowmemory`" }),
    }
}

fn resource(variables: &Variables<'_>) -> Result<Vec<(String, String)>, OtlpError> {
    let mut resource = pairs(variables.get("OTEL_RESOURCE_ATTRIBUTES"))?;
    if let Some((_, service)) = variables.get("OTEL_SERVICE_NAME") {
        resource.retain(|(key, _)| key != "service.name");
        resource.push(("service.name".to_owned(), service));
    }
    if resource.iter().all(|(key, _)| key != "service.name") {
        let program = std::env::current_exe().ok();
        let program = program.as_deref().and_then(std::path::Path::file_stem).map(|name| name.to_string_lossy());
        let service = program.map_or("unknown_service".to_owned(), |name| format!("unknown_service:{name}"));
        resource.push(("service.name".to_owned(), service));
    }
    for (key, value) in [("name", env!("CARGO_PKG_NAME")), ("language", "rust"), ("version", env!("CARGO_PKG_VERSION"))]
    {
        resource.push((format!("telemetry.sdk.{key}"), value.to_owned()));
    }
    Ok(resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Result<Config, OtlpError> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Config::new(endpoint, None, &find)
    }

    #[test]
    fn endpoints() {
        let check = |endpoint, variables: &[(&str, &str)], expect: &str| {
            assert_eq!(config(endpoint, variables).unwrap().url, expect);
        };
        let (base, metrics) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
        check(None, &[], "http://localhost:4318/v1/metrics");
        check(None, &[(base, "http://a:1/prefix/")], "http://a:1/prefix/v1/metrics");
        check(None, &[(base, "http://a:1"), (metrics, "http://b:2/as/is")], "http://b:2/as/is");
        check(None, &[(base, " ")], "http://localhost:4318/v1/metrics");
        check(Some("http://c:3"), &[(metrics, "http://b:2/as/is")], "http://c:3/v1/metrics");
        check(Some("http://c:3/v1/metrics"), &[], "http://c:3/v1/metrics");
    }

    #[test]
    fn the_rest_is_read_from_the_variables() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x = y"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
            ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Delta"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "700"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=test"),
            ("OTEL_SERVICE_NAME", "shop"),
        ];
        let config = config(None, &variables).unwrap();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let header = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
        assert_eq!(config.headers, [header("api-key", "a b"), header("x", "y")]);
        assert_eq!((config.timeout, config.interval), (Duration::from_millis(2500), Duration::from_millis(700)));
        assert_eq!(config.temporality, Temporality::Delta);
        assert_eq!(config.resource[..2], [pair("deployment.environment.name", "test"), pair("service.name", "shop")]);
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        let check = |endpoint, variables: &[(&str, &str)], expect: &str| {
            let error = config(endpoint, variables).unwrap_err().to_string();
            assert!(error.starts_with(expect), "{error}");
        };
        check(Some("localhost:4318"), &[], "\"localhost:4318/v1/metrics\" is not an endpoint: ");
        check(Some("ftp://a"), &[], "\"ftp://a/v1/metrics\" is not an endpoint: it begins neither with");
        let json = "OTEL_EXPORTER_OTLP_PROTOCOL=\"http/json\" is not possible; it takes `http/protobuf`";
        check(None, &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")], json);
        check(Some("http://a"), &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")], json);
        let zstd = "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION=\"zstd\" is not possible; it takes `none`";
        check(None, &[("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "zstd")], zstd);
        check(
            None,
            &[("OTEL_EXPORTER_OTLP_TIMEOUT", "0")],
            "OTEL_EXPORTER_OTLP_TIMEOUT=\"0\" is not possible; it takes a ",
        );
        check(None, &[("OTEL_EXPORTER_OTLP_HEADERS", "novalue")], "OTEL_EXPORTER_OTLP_HEADERS=\"…\" is not possible");
        let temporality = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
        check(None, &[(temporality, "both")], "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=\"both\"");
    }

    #[cfg(feature = "otlp-grpc")]
    #[test]
    fn grpc_has_a_port_of_its_own_and_no_path() {
        let (protocol, base) = (("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), "OTEL_EXPORTER_OTLP_ENDPOINT");
        let check = |endpoint, variables: &[(&str, &str)], expect: &str| {
            let config = config(endpoint, variables).unwrap();
            assert_eq!((config.protocol, &*config.url), (Protocol::Grpc, expect));
        };
        check(None, &[protocol], "http://localhost:4317");
        check(None, &[protocol, (base, "http://a:1/")], "http://a:1");
        check(
            None,
            &[protocol, (base, "http://a:1"), ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://b:2")],
            "http://b:2",
        );
        check(Some("http://c:3"), &[protocol, (base, "http://a:1")], "http://c:3");
        let specific = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf");
        assert_eq!(config(None, &[protocol, specific]).unwrap().protocol, Protocol::Http);
    }

    #[cfg(not(feature = "otlp-grpc"))]
    #[test]
    fn grpc_needs_a_feature() {
        let error = config(Some("http://a"), &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).unwrap_err().to_string();
        assert!(error.ends_with("and `grpc` with the feature `otlp-grpc` of prof-runtime"), "{error}");
    }

    #[test]
    fn compression_is_asked_for_and_may_need_a_feature() {
        let compressed = config(None, &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")]);
        match cfg!(feature = "otlp-gzip") {
            true => assert!(compressed.unwrap().is_compressed),
            false => assert!(compressed.unwrap_err().to_string().contains("the feature `otlp-gzip`")),
        }
        let variables =
            [("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"), ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "none")];
        assert!(!config(None, &variables).unwrap().is_compressed);
    }

    #[cfg(not(feature = "otlp-tls"))]
    #[test]
    fn https_needs_a_feature() {
        let error = config(Some("https://a"), &[]).unwrap_err().to_string();
        assert!(error.ends_with("https needs the feature `otlp-tls` of prof-runtime"), "{error}");
    }
}
