//! Where to push to, and how: in code, or by the standard variables.

use std::time::Duration;

use super::endpoint::{Endpoint, Fault};
use super::proxy::Route;
use super::variables::{Read, Variables, millis};
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

impl Protocol {
    fn is_grpc(self) -> bool {
        self != Self::Http
    }
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
    #[error("{name}={value:?} is not possible; {reason}")]
    Variable {
        /// The variable.
        name: String,
        /// Its value; `…` where it may be a secret.
        value: Foreign<String>,
        /// What is wrong with it, or what it takes.
        reason: String,
    },
    /// A variable has a value that is not Unicode.
    #[error("the value of {name} is not Unicode: set it anew, or unset it")]
    NotUnicode {
        /// The variable.
        name: String,
    },
}

/// How to push.
#[derive(Clone, Debug)]
pub(super) struct Config {
    /// Nothing is pushed: a variable says so.
    pub(super) is_disabled: bool,
    pub(super) protocol: Protocol,
    /// Where metrics are pushed to; over http with the path.
    pub(super) endpoint: Endpoint,
    pub(super) route: Route,
    pub(super) is_compressed: bool,
    /// In lower case; among them what the credentials of the endpoint make.
    pub(super) headers: Vec<(String, Secret)>,
    /// How long one message may take.
    pub(super) timeout: Duration,
    /// How long all messages of one push may take.
    pub(super) push_timeout: Duration,
    pub(super) temporality: Temporality,
    pub(super) interval: Duration,
    /// Attributes of the resource, `service.name` among them.
    pub(super) resource: Vec<(String, String)>,
}

impl Config {
    /// What the variables say. `endpoint` and `protocol` take the place of theirs.
    pub(super) fn new(endpoint: Option<&str>, protocol: Option<Protocol>, read: Read<'_>) -> Result<Self, OtlpError> {
        let variables = Variables::new(read);
        if variables.is_disabled(endpoint.is_some())? {
            // What it would be without any variable: nothing of it is looked at.
            return Ok(Self { is_disabled: true, ..Self::new(None, protocol, &|_| None)? });
        }
        let protocol = protocol.map_or_else(|| self::protocol(variables), Ok)?;
        let endpoint = self::endpoint(endpoint, protocol, variables)?;
        if endpoint.scheme() == "https" {
            variables.refuse_certificates()?;
        }
        let mut headers = variables.headers()?;
        if let Some(authorization) = endpoint.authorization()
            && headers.iter().all(|(name, _)| name != "authorization")
        {
            headers.push(("authorization".to_owned(), authorization));
        }
        Ok(Self {
            is_disabled: false,
            protocol,
            route: Route::to(&endpoint, protocol.is_grpc(), variables)?,
            endpoint,
            is_compressed: variables.is_compressed()?,
            headers,
            timeout: millis(variables.of_metrics("TIMEOUT")?, 10_000)?,
            push_timeout: millis(variables.get("OTEL_METRIC_EXPORT_TIMEOUT")?, 30_000)?,
            temporality: variables.temporality()?,
            interval: millis(variables.get("OTEL_METRIC_EXPORT_INTERVAL")?, 60_000)?,
            resource: variables.resource()?,
        })
    }

    /// What errors call the collector.
    pub(super) fn target(&self) -> Foreign<String> {
        Foreign::new(self.endpoint.to_string())
    }
}

fn protocol(variables: Variables<'_>) -> Result<Protocol, OtlpError> {
    let Some(found) = variables.of_metrics("PROTOCOL")? else { return Ok(Protocol::Http) };
    match &*found.value {
        "http/protobuf" => Ok(Protocol::Http),
        #[cfg(feature = "otlp-grpc")]
        "grpc" => Ok(Protocol::Grpc),
        _ => Err(found.refused(match cfg!(feature = "otlp-grpc") {
            true => "it takes `http/protobuf` or `grpc`",
            false => "it takes `http/protobuf`, and `grpc` with the feature `otlp-grpc` of prof-runtime",
        })),
    }
}

/// Where to push to: by what the caller says, else by the variable of metrics, else by that of all signals.
fn endpoint(given: Option<&str>, protocol: Protocol, variables: Variables<'_>) -> Result<Endpoint, OtlpError> {
    let checked = |endpoint: Endpoint| match protocol {
        Protocol::Http => endpoint.check_scheme().map(|()| endpoint),
        #[cfg(feature = "otlp-grpc")]
        Protocol::Grpc => endpoint.check_scheme().and_then(|()| endpoint.check_grpc()).map(|()| endpoint),
    };
    let with_path = |endpoint: Endpoint| match protocol {
        Protocol::Http => endpoint.with_metrics_path(),
        #[cfg(feature = "otlp-grpc")]
        Protocol::Grpc => endpoint,
    };
    if let Some(given) = given {
        let parsed = Endpoint::parse(given).and_then(checked).map(with_path);
        let refused = |Fault(reason)| OtlpError::Endpoint { endpoint: MaskedUrl::new(given).masked().into(), reason };
        return parsed.map_err(refused);
    }
    if let Some(found) = variables.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")? {
        // The variable of metrics has the whole URL.
        return checked(found.endpoint()?).map_err(|Fault(reason)| found.refused(reason));
    }
    if let Some(found) = variables.get("OTEL_EXPORTER_OTLP_ENDPOINT")? {
        return checked(found.endpoint()?).map(with_path).map_err(|Fault(reason)| found.refused(reason));
    }
    let default = match protocol {
        Protocol::Http => "http://localhost:4318",
        #[cfg(feature = "otlp-grpc")]
        Protocol::Grpc => "http://localhost:4317",
    };
    let refused = |Fault(reason)| OtlpError::Endpoint { endpoint: default.into(), reason };
    Endpoint::parse(default).map(with_path).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Result<Config, OtlpError> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Config::new(endpoint, None, &find)
    }

    #[test]
    fn endpoints() {
        let check = |endpoint, variables: &[(&str, &str)], expect: &str| {
            assert_eq!(config(endpoint, variables).unwrap().endpoint.uri().to_string(), expect);
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
        check(Some("localhost:4318"), &[], "\"localhost:4318\" is not an endpoint: it begins neither");
        check(Some("ftp://a"), &[], "\"ftp://a\" is not an endpoint: it begins neither with");
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

    #[test]
    fn a_value_that_is_impossible_is_refused_with_the_name_of_its_variable() {
        let names = [
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
            "OTEL_EXPORTER_OTLP_COMPRESSION",
            "OTEL_EXPORTER_OTLP_TIMEOUT",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            "OTEL_METRIC_EXPORT_INTERVAL",
            "OTEL_METRIC_EXPORT_TIMEOUT",
            "OTEL_RESOURCE_ATTRIBUTES",
        ];
        for name in names {
            let error = config(None, &[(name, "S3\u{1b}CRET")]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name}=")) && error.contains("is not possible; "), "{error}");
            assert!(!error.contains('\u{1b}') && (!name.ends_with("HEADERS") || !error.contains("CRET")), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_unicode_is_refused_with_the_name_of_its_variable() {
        use std::ffi::OsString;
        use std::os::unix::ffi::OsStringExt as _;

        for name in [
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "OTEL_EXPORTER_OTLP_COMPRESSION",
            "OTEL_EXPORTER_OTLP_TIMEOUT",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            "OTEL_METRIC_EXPORT_INTERVAL",
            "OTEL_METRIC_EXPORT_TIMEOUT",
            "OTEL_RESOURCE_ATTRIBUTES",
            "OTEL_SERVICE_NAME",
            "OTEL_SDK_DISABLED",
            "OTEL_METRICS_EXPORTER",
        ] {
            let read = |asked: &str| (asked == name).then(|| OsString::from_vec(b"grpc\xff".to_vec()));
            let error = Config::new(None, None, &read).unwrap_err().to_string();
            assert_eq!(error, format!("the value of {name} is not Unicode: set it anew, or unset it"));
        }
        // Those of proxies matter to what is not loopback.
        let read = |asked: &str| (asked == "HTTP_PROXY").then(|| OsString::from_vec(b"p\xff".to_vec()));
        let error = Config::new(Some("http://h"), None, &read).unwrap_err().to_string();
        assert!(error.starts_with("the value of HTTP_PROXY is not Unicode"), "{error}");
    }

    #[test]
    fn headers_are_such_as_can_be_sent() {
        let check = |headers: &str, expect: &str| {
            let error = config(None, &[("OTEL_EXPORTER_OTLP_HEADERS", headers)]).unwrap_err().to_string();
            assert!(error.ends_with(expect), "{error}");
        };
        check("a b=c", "is not possible; one of its keys cannot be the name of a header");
        check("=c", "percent-encoded");
        check("a=b%0d%0aEvil: c", "the value of `a` has a character that no header has");
        check("a=b%00", "the value of `a` has a character that no header has");
        check("a=%ff", "percent-encoded");
        check("Content-Type=text/plain", "the header `content-type` is not its to set");
        check("grpc-timeout=1", "the header `grpc-timeout` is not its to set");
        let headers = config(None, &[("OTEL_EXPORTER_OTLP_HEADERS", "A=1,b=2,a=3")]).unwrap().headers;
        assert_eq!(headers, [("b".to_owned(), Secret::new("2")), ("a".to_owned(), Secret::new("3"))]);
        // What the endpoint says is sent, unless a header says otherwise.
        let headers = config(Some("http://u:p@h"), &[]).unwrap().headers;
        assert_eq!(headers, [("authorization".to_owned(), Secret::new("Basic dTpw"))]);
        let bearer = [("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20x")];
        let headers = config(Some("http://u:p@h"), &bearer).unwrap().headers;
        assert_eq!(headers, [("authorization".to_owned(), Secret::new("Bearer x"))]);
    }

    #[test]
    fn an_operator_switches_it_off() {
        let is_disabled = |endpoint, name, value| config(endpoint, &[(name, value)]).unwrap().is_disabled;
        for endpoint in [None, Some("http://h"), Some("nonsense")] {
            assert!(is_disabled(endpoint, "OTEL_SDK_DISABLED", " TRUE "));
        }
        assert!(!is_disabled(None, "OTEL_SDK_DISABLED", "false"));
        assert!(!is_disabled(None, "OTEL_SDK_DISABLED", "1"), "so says the standard");
        assert!(is_disabled(None, "OTEL_METRICS_EXPORTER", "none"));
        assert!(!is_disabled(Some("http://h"), "OTEL_METRICS_EXPORTER", "none"), "an endpoint is a wish of its own");
        assert!(!is_disabled(None, "OTEL_METRICS_EXPORTER", "otlp"));
        assert!(!is_disabled(None, "OTEL_METRICS_EXPORTER", "prometheus"), "`PROF` says what is started");
    }

    #[cfg(feature = "otlp-tls")]
    #[test]
    fn certificates_that_would_be_ignored_are_refused() {
        for name in ["OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY"] {
            let error = config(Some("https://h"), &[(name, "/ca.pem")]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name}=\"/ca.pem\" is not possible; ")), "{error}");
            config(Some("http://h"), &[(name, "/ca.pem")]).unwrap();
        }
    }

    #[test]
    fn times_without_an_end_are_long() {
        let forever = [("OTEL_EXPORTER_OTLP_TIMEOUT", "18446744073709551615")];
        assert_eq!(config(None, &forever).unwrap().timeout, Duration::from_secs(10 * 365 * 24 * 3600));
        for value in ["-1", "1.5", "10s", "0", "99999999999999999999"] {
            config(None, &[("OTEL_METRIC_EXPORT_INTERVAL", value)]).unwrap_err();
        }
    }

    #[cfg(feature = "otlp-grpc")]
    #[test]
    fn grpc_takes_neither_path_nor_query() {
        let grpc = [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
        for endpoint in ["http://h:4317/v1/metrics", "http://h:4317?token=x"] {
            let error = config(Some(endpoint), &grpc).unwrap_err().to_string();
            assert!(error.contains("which gRPC has no place for"), "{error}");
        }
    }

    #[cfg(feature = "otlp-grpc")]
    #[test]
    fn grpc_has_a_port_of_its_own_and_no_path() {
        let (protocol, base) = (("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), "OTEL_EXPORTER_OTLP_ENDPOINT");
        let check = |endpoint, variables: &[(&str, &str)], expect: &str| {
            let config = config(endpoint, variables).unwrap();
            assert_eq!((config.protocol, config.endpoint.to_string().as_str()), (Protocol::Grpc, expect));
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
