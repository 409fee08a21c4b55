//! Parses a list of parts, such as the variable `PROF`.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

use super::InitError;
use super::own::OwnPart;
use crate::base::text::{Foreign, MaskedUrl};

/// A part that is to be started, and its argument.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) argument: Argument,
}

/// Where a part writes or listens.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Argument {
    Nothing,
    /// A path, which need not be Unicode.
    Path(PathBuf),
    /// An address, with a name or a number, or a URL.
    Address(String),
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
    Signals,
    Off,
}

/// The argument that a part takes.
enum Takes {
    Nothing,
    Path,
    Address,
    AddressOrNothing,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Report,
        Self::Console,
        Self::Json,
        Self::Snapshots,
        Self::Prometheus,
        Self::Otlp,
        Self::Statsd,
        Self::Dogstatsd,
        Self::Signals,
        Self::Off,
    ];

    /// Returns how the part is written.
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
            Self::Signals => "`signals`",
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
            Self::Signals => "signals",
            Self::Off => "off",
        }
    }

    /// Returns the cargo feature that the part needs, and whether it is on.
    const fn feature(self) -> (&'static str, bool) {
        match self {
            Self::Report => ("report", cfg!(feature = "report")),
            Self::Json | Self::Snapshots => ("json", cfg!(feature = "json")),
            Self::Prometheus => ("prometheus", cfg!(feature = "prometheus")),
            Self::Otlp => ("otlp", cfg!(feature = "otlp")),
            Self::Statsd | Self::Dogstatsd => ("statsd", cfg!(feature = "statsd")),
            Self::Signals => ("signals", cfg!(feature = "signals")),
            Self::Console | Self::Off => ("", true),
        }
    }

    const fn takes(self) -> Takes {
        match self {
            Self::Report | Self::Console | Self::Signals | Self::Off => Takes::Nothing,
            Self::Json | Self::Snapshots => Takes::Path,
            Self::Prometheus | Self::Statsd | Self::Dogstatsd => Takes::Address,
            Self::Otlp => Takes::AddressOrNothing,
        }
    }
}

/// Returns how the parts are written that this program is compiled with.
fn allowed() -> String {
    let on = Kind::ALL.into_iter().filter(|kind| kind.feature().1);
    on.map(Kind::usage).collect::<Vec<_>>().join(", ")
}

impl Part {
    pub(super) fn new(kind: Kind, argument: Argument) -> Self {
        Self { kind, argument }
    }

    fn parse(text: &OsStr) -> Result<Self, InitError> {
        let part = || shown(&text.to_string_lossy());
        let (name, argument) = split_once(text, b':');
        let Some(kind) = Kind::ALL.into_iter().find(|kind| name == kind.name()) else {
            return Err(InitError::Unknown { part: part(), allowed: allowed() });
        };
        let (feature, is_on) = kind.feature();
        if !is_on {
            return Err(InitError::FeatureOff { part: part(), feature, allowed: allowed() });
        }
        let unicode = |address: &OsStr| {
            let address = address.to_str().ok_or_else(|| InitError::NotUnicode { part: part() })?;
            Ok(Argument::Address(address.to_owned()))
        };
        let argument = match (kind.takes(), argument.filter(|argument| !argument.is_empty())) {
            (Takes::Path, Some(path)) => Argument::Path(path.into()),
            (Takes::Address | Takes::AddressOrNothing, Some(address)) => unicode(address)?,
            (Takes::Nothing | Takes::AddressOrNothing, None) if argument.is_none() => Argument::Nothing,
            _ => return Err(InitError::Malformed { part: part(), usage: kind.usage() }),
        };
        Ok(Self::new(kind, argument))
    }

    /// Parses a comma-separated list. Blanks around commas are ignored, and so are commas with nothing between them.
    pub(super) fn parse_list(list: &OsStr) -> Result<Vec<Self>, InitError> {
        let mut is_after_url = false;
        let parse = |text: &OsStr| {
            let parsed = Self::parse(text).map_err(|error| match error {
                // This may be the rest of a URL whose password has a comma.
                InitError::Unknown { allowed, .. } if is_after_url && !is_word(text) => {
                    InitError::Unknown { part: "…".into(), allowed }
                }
                other => other,
            });
            is_after_url = text.to_string_lossy().contains("://");
            parsed
        };
        split(list)?.into_iter().filter(|part| !part.is_empty()).map(parse).collect()
    }

    /// Returns the parts to start, after a check of the whole list and of the program's own parts.
    pub(super) fn check(mut parts: Vec<Self>, own: &[OwnPart]) -> Result<Vec<Self>, InitError> {
        for (at, part) in own.iter().enumerate() {
            let is_part = |other: &Self| other.shown().0 == part.name;
            if own[..at].iter().any(|other| other.name == part.name) || parts.iter().any(is_part) {
                return Err(InitError::Twice { part: part.name.as_str().into() });
            }
        }
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
            if let Some(part) = own.first() {
                return Err(InitError::NotOff { part: part.name.as_str().into() });
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
        let argument = match kind.takes() {
            Takes::Path => Argument::Path(argument.into()),
            _ => Argument::Address(argument.to_owned()),
        };
        Some(Part::new(kind, argument).shown())
    });
    known.unwrap_or_else(|| shown_unknown(text))
}

/// Returns whether a name has letters only, as names of parts have.
fn is_word(text: &OsStr) -> bool {
    let text = text.to_string_lossy();
    let name = text.split([':', '=']).next().unwrap_or_default();
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Returns a part with an unknown name for messages: without its argument, since it may be the rest of a URL that has a
/// comma.
fn shown_unknown(text: &str) -> Foreign<String> {
    let is_separator = |c: char| ":=/?#&;@".contains(c);
    match text.split_inclusive(is_separator).next() {
        Some(name) if name.len() < text.len() && name.ends_with('@') => "…".to_owned().into(),
        Some(name) if name.len() < text.len() => format!("{name}…").into(),
        _ => text.to_owned().into(),
    }
}

impl Part {
    /// Returns a part as it is written, but without credentials.
    pub(super) fn shown(&self) -> Foreign<String> {
        let name = self.kind.name();
        Foreign(match &self.argument {
            Argument::Nothing => name.to_owned(),
            // A path is no secret, and may have an `@`.
            Argument::Path(path) => format!("{name}:{}", path.display()),
            Argument::Address(address) => format!("{name}:{}", MaskedUrl(address).masked()),
        })
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}

#[cfg(unix)]
use self::bytes::{split, split_once};
#[cfg(not(unix))]
use self::unicode::{split, split_once};

/// For systems whose text is bytes.
#[cfg(unix)]
mod bytes {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::InitError;

    /// Returns the texts between commas, without blanks around them.
    #[allow(clippy::unnecessary_wraps)] // Elsewhere it can fail.
    pub(super) fn split(list: &OsStr) -> Result<Vec<&OsStr>, InitError> {
        let parts = list.as_bytes().split(|byte| *byte == b',');
        Ok(parts.map(|part| OsStr::from_bytes(part.trim_ascii())).collect())
    }

    /// Returns the text before a character, and the text behind it if there is one, without leading blanks.
    pub(super) fn split_once(text: &OsStr, at: u8) -> (&OsStr, Option<&OsStr>) {
        let bytes = text.as_bytes();
        match bytes.iter().position(|byte| *byte == at) {
            Some(at) => (OsStr::from_bytes(&bytes[..at]), Some(OsStr::from_bytes(bytes[at + 1..].trim_ascii()))),
            None => (text, None),
        }
    }
}

/// For systems whose text cannot be split unless it is Unicode.
#[cfg(not(unix))]
mod unicode {
    use std::ffi::OsStr;

    use super::{InitError, shown};

    /// Returns the texts between commas, without blanks around them.
    pub(super) fn split(list: &OsStr) -> Result<Vec<&OsStr>, InitError> {
        let not_unicode = || InitError::NotUnicode { part: shown(&list.to_string_lossy()) };
        Ok(list.to_str().ok_or_else(not_unicode)?.split(',').map(|part| OsStr::new(part.trim())).collect())
    }

    /// Returns the text before a character, and the text behind it if there is one, without leading blanks.
    pub(super) fn split_once(text: &OsStr, at: u8) -> (&OsStr, Option<&OsStr>) {
        match text.to_str().and_then(|text| text.split_once(char::from(at))) {
            Some((before, behind)) => (OsStr::new(before), Some(OsStr::new(behind.trim()))),
            None => (text, None),
        }
    }
}
