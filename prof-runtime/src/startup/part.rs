//! The parts of a list.

use std::fmt;

use super::InitError;
use crate::text::{Foreign, MaskedUrl};

/// Something to be started, and its argument.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) kind: Kind,
    /// Empty if there is none.
    pub(super) argument: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Report,
    Console,
    Json,
    Snapshots,
    Prometheus,
    Otlp,
    Statsd,
    Dogstatsd,
    Off,
}

/// Whether a part has an argument.
#[derive(PartialEq, Eq)]
enum Takes {
    Nothing,
    Something,
    Either,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Report,
        Self::Console,
        Self::Json,
        Self::Snapshots,
        Self::Prometheus,
        Self::Otlp,
        Self::Statsd,
        Self::Dogstatsd,
        Self::Off,
    ];

    /// How it is written; what is before the colon is its name.
    const fn usage(self) -> &'static str {
        match self {
            Self::Report => "`report`",
            Self::Console => "`console`",
            Self::Json => "`json:PATH`",
            Self::Snapshots => "`snapshots:PATH`",
            Self::Prometheus => "`prometheus:ADDR`",
            Self::Otlp => "`otlp` or `otlp:URL`",
            Self::Statsd => "`statsd:ADDR`",
            Self::Dogstatsd => "`dogstatsd:ADDR`",
            Self::Off => "`off`",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Console => "console",
            Self::Json => "json",
            Self::Snapshots => "snapshots",
            Self::Prometheus => "prometheus",
            Self::Otlp => "otlp",
            Self::Statsd => "statsd",
            Self::Dogstatsd => "dogstatsd",
            Self::Off => "off",
        }
    }

    /// The cargo feature that it needs, and whether it is on.
    const fn feature(self) -> (&'static str, bool) {
        match self {
            Self::Report => ("report", cfg!(feature = "report")),
            Self::Json | Self::Snapshots => ("json", cfg!(feature = "json")),
            Self::Prometheus => ("prometheus", cfg!(feature = "prometheus")),
            Self::Otlp => ("otlp", cfg!(feature = "otlp")),
            Self::Statsd | Self::Dogstatsd => ("statsd", cfg!(feature = "statsd")),
            Self::Console | Self::Off => ("", true),
        }
    }

    const fn takes(self) -> Takes {
        match self {
            Self::Report | Self::Console | Self::Off => Takes::Nothing,
            Self::Otlp => Takes::Either,
            _ => Takes::Something,
        }
    }
}

/// How the parts are written that this program is compiled with.
fn allowed() -> String {
    let on = Kind::ALL.into_iter().filter(|kind| kind.feature().1);
    on.map(Kind::usage).collect::<Vec<_>>().join(", ")
}

impl Part {
    pub(super) fn new(kind: Kind, argument: impl Into<String>) -> Self {
        Self { kind, argument: argument.into() }
    }

    fn parse(text: &str) -> Result<Self, InitError> {
        let part = || shown(text);
        let (name, argument) = match text.split_once(':') {
            Some((name, argument)) => (name, Some(argument.trim())),
            None => (text, None),
        };
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) else {
            return Err(InitError::Unknown { part: part(), allowed: allowed() });
        };
        let (feature, is_on) = kind.feature();
        if !is_on {
            return Err(InitError::FeatureOff { part: part(), feature, allowed: allowed() });
        }
        let takes = kind.takes();
        match argument {
            Some(argument) if !argument.is_empty() && takes != Takes::Nothing => Ok(Self::new(kind, argument)),
            None if takes != Takes::Something => Ok(Self::new(kind, "")),
            _ => Err(InitError::Malformed { part: part(), usage: kind.usage() }),
        }
    }

    /// The parts of a comma-separated list. Blanks around commas do not matter, nor do commas with nothing between them.
    pub(super) fn parse_list(list: &str) -> Result<Vec<Self>, InitError> {
        list.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Self::parse).collect()
    }

    /// What is left to start, of parts that were all asked for.
    pub(super) fn check(mut parts: Vec<Self>) -> Result<Vec<Self>, InitError> {
        for (at, part) in parts.iter().enumerate() {
            if parts[..at].contains(part) {
                return Err(InitError::Twice { part: part.shown() });
            }
        }
        if parts.iter().any(|part| part.kind == Kind::Off) {
            parts.retain(|part| part.kind != Kind::Off);
            if let Some(part) = parts.first() {
                return Err(InitError::NotOff { part: part.shown() });
            }
        }
        Ok(parts)
    }
}

/// A part as it was written, but for credentials, for messages.
pub(super) fn shown(text: &str) -> Foreign<String> {
    let written = text.split_once(':').filter(|(_, argument)| !argument.is_empty());
    let known = written.and_then(|(name, argument)| {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
        Some(Part::new(kind, argument).shown())
    });
    known.unwrap_or_else(|| MaskedUrl(text).to_string().into())
}

impl Part {
    /// As it is written, but for credentials.
    pub(super) fn shown(&self) -> Foreign<String> {
        let (name, argument) = (self.kind.name(), &self.argument);
        Foreign(match self.kind {
            _ if argument.is_empty() => name.to_owned(),
            // What a path has in it is no secret, and may be an `@`.
            Kind::Json | Kind::Snapshots => format!("{name}:{argument}"),
            _ => format!("{name}:{}", MaskedUrl(argument)),
        })
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}
