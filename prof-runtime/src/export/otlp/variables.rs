//! The standard variables, and what their values can be.

use std::ffi::OsString;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use ureq::http::{HeaderName, HeaderValue};

use super::endpoint::{Endpoint, Fault};
use super::{OtlpError, Temporality};
use crate::service;
use crate::text::{MaskedUrl, Secret};

/// Where values come from: the environment, or a test.
pub(super) type Read<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Reads variables, those of one signal before those of all.
#[derive(Clone, Copy)]
pub(super) struct Variables<'a>(Read<'a>);

/// A variable that has a value, without the blanks around it.
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
}

/// Longer times are this long: beyond it, deadlines cannot be told.
const MAX_TIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Headers that describe the message and the connection.
const OUR_HEADERS: [&str; 8] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "proxy-authorization",
    "te",
    "transfer-encoding",
];

impl<'a> Variables<'a> {
    pub(super) fn new(read: Read<'a>) -> Self {
        Self(read)
    }

    /// `None` if it is not set, or empty, which the standard says is the same.
    pub(super) fn get(self, name: &str) -> Result<Option<Variable>, OtlpError> {
        let Some(value) = (self.0)(name) else { return Ok(None) };
        let Ok(value) = value.into_string() else { return Err(OtlpError::NotUnicode { name: name.to_owned() }) };
        let value = value.trim();
        Ok((!value.is_empty()).then(|| Variable { name: name.to_owned(), value: value.to_owned() }))
    }

    /// `OTEL_EXPORTER_OTLP_METRICS_…`, else `OTEL_EXPORTER_OTLP_…`.
    pub(super) fn of_metrics(self, what: &str) -> Result<Option<Variable>, OtlpError> {
        match self.get(&format!("OTEL_EXPORTER_OTLP_METRICS_{what}"))? {
            Some(specific) => Ok(Some(specific)),
            None => self.get(&format!("OTEL_EXPORTER_OTLP_{what}")),
        }
    }

    /// The first of these that has a value.
    pub(super) fn first_of(self, names: &[&str]) -> Result<Option<Variable>, OtlpError> {
        for name in names {
            if let Some(found) = self.get(name)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Whether pushing is switched off: by `OTEL_SDK_DISABLED` in any case, by `OTEL_METRICS_EXPORTER` unless the
    /// program or `PROF` names an endpoint.
    pub(super) fn is_disabled(self, has_endpoint: bool) -> Result<bool, OtlpError> {
        if let Some(Variable { name, value }) = self.get("OTEL_SDK_DISABLED")? {
            match &*value.to_ascii_lowercase() {
                "true" => return Ok(true),
                "false" => {}
                // The standard has whatever else there is mean `false`, with a warning.
                _ => service::warn(format_args!("{name} is neither `true` nor `false`: it counts as `false`")),
            }
        }
        let exporter = self.get("OTEL_METRICS_EXPORTER")?;
        Ok(!has_endpoint && exporter.is_some_and(|exporter| exporter.value == "none"))
    }

    pub(super) fn temporality(self) -> Result<Temporality, OtlpError> {
        let Some(found) = self.get("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE")? else {
            return Ok(Temporality::default());
        };
        match &*found.value.to_ascii_lowercase() {
            "cumulative" => Ok(Temporality::Cumulative),
            // What little memory asks for is differences, where they cost none.
            "delta" | "lowmemory" => Ok(Temporality::Delta),
            _ => Err(found.refused("it takes `cumulative`, `delta` or `lowmemory`")),
        }
    }

    pub(super) fn is_compressed(self) -> Result<bool, OtlpError> {
        let Some(found) = self.of_metrics("COMPRESSION")? else { return Ok(false) };
        match &*found.value {
            "none" => Ok(false),
            "gzip" if cfg!(feature = "otlp-gzip") => Ok(true),
            _ => Err(found.refused(match cfg!(feature = "otlp-gzip") {
                true => "it takes `none` or `gzip`",
                false => "it takes `none`, and `gzip` with the feature `otlp-gzip` of prof-runtime",
            })),
        }
    }

    /// Refuses certificates of one's own, which https would need, and which are not supported.
    pub(super) fn refuse_certificates(self) -> Result<(), OtlpError> {
        for what in ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"] {
            if let Some(found) = self.of_metrics(what)? {
                return Err(found.refused("https trusts the roots of Mozilla, and takes no other certificates"));
            }
        }
        Ok(())
    }

    /// Headers, by name in lower case; of several with one name, the last.
    pub(super) fn headers(self) -> Result<Vec<(String, Secret)>, OtlpError> {
        let Some(found) = self.of_metrics("HEADERS")? else { return Ok(Vec::new()) };
        let mut headers: Vec<(String, Secret)> = Vec::new();
        for (name, value) in found.pairs().ok_or_else(|| found.hidden(PAIRS))? {
            let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
                return Err(found.hidden("one of its keys cannot be the name of a header"));
            };
            let name = name.as_str();
            if OUR_HEADERS.contains(&name) || name.starts_with("grpc-") {
                return Err(found.hidden(format!("the header `{name}` is not its to set")));
            }
            if HeaderValue::from_str(&value).is_err() {
                return Err(found.hidden(format!("the value of `{name}` has a character that no header has")));
            }
            headers.retain(|(known, _)| known != name);
            headers.push((name.to_owned(), Secret::new(value)));
        }
        Ok(headers)
    }

    /// The attributes of the resource, with those that are always there.
    pub(super) fn resource(self) -> Result<Vec<(String, String)>, OtlpError> {
        let mut resource = match self.get("OTEL_RESOURCE_ATTRIBUTES")? {
            None => Vec::new(),
            Some(found) => found.pairs().ok_or_else(|| found.refused(PAIRS))?,
        };
        if let Some(service) = self.get("OTEL_SERVICE_NAME")? {
            resource.retain(|(key, _)| key != "service.name");
            resource.push(("service.name".to_owned(), service.value));
        }
        if resource.iter().all(|(key, _)| key != "service.name") {
            let program = std::env::current_exe().ok();
            let program = program.as_deref().and_then(std::path::Path::file_stem).map(|name| name.to_string_lossy());
            let service = program.map_or("unknown_service".to_owned(), |name| format!("unknown_service:{name}"));
            resource.push(("service.name".to_owned(), service));
        }
        let sdk = [("name", env!("CARGO_PKG_NAME")), ("language", "rust"), ("version", env!("CARGO_PKG_VERSION"))];
        resource.extend(sdk.map(|(key, value)| (format!("telemetry.sdk.{key}"), value.to_owned())));
        Ok(resource)
    }
}

/// A time in milliseconds.
pub(super) fn millis(found: Option<Variable>, default_ms: u64) -> Result<Duration, OtlpError> {
    let Some(found) = found else { return Ok(Duration::from_millis(default_ms)) };
    match found.value.parse() {
        Ok(ms @ 1..) => Ok(Duration::from_millis(ms).min(MAX_TIME)),
        _ => Err(found.refused("it takes a number of milliseconds above 0")),
    }
}

const PAIRS: &str = "it takes `key=value,key=value`, percent-encoded";

impl Variable {
    /// An error that shows the value, but for credentials.
    pub(super) fn refused(&self, reason: impl Into<String>) -> OtlpError {
        let (name, value) = (self.name.clone(), MaskedUrl::new(&self.value).masked().into());
        OtlpError::Variable { name, value, reason: reason.into() }
    }

    /// An error that does not show the value.
    fn hidden(&self, reason: impl Into<String>) -> OtlpError {
        OtlpError::Variable { name: self.name.clone(), value: "…".into(), reason: reason.into() }
    }

    /// What its value says of where to push to.
    pub(super) fn endpoint(&self) -> Result<Endpoint, OtlpError> {
        Endpoint::parse(&self.value).map_err(|Fault(reason)| self.refused(reason))
    }

    /// `None` if it has a pair without `=` or key, or one that is no Unicode once decoded.
    fn pairs(&self) -> Option<Vec<(String, String)>> {
        let parse = |pair: &str| {
            let (key, value) = pair.split_once('=')?;
            let decoded = percent_decode_str(value.trim()).decode_utf8().ok()?;
            let key = key.trim();
            (!key.is_empty()).then(|| (key.to_owned(), decoded.into_owned()))
        };
        self.value.split(',').filter(|pair| !pair.trim().is_empty()).map(parse).collect()
    }
}
