//! The requests of file timers as lines of JSON, in the format of `PyTorch`'s file timers.

mod line;

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};

use serde::{Deserialize, Serialize};

pub use line::LineReader;

use crate::timers::{Pid, ScopeId};

/// The longest line, its newline included: the most that the kernel writes to a pipe in one piece (`PIPE_BUF` on
/// Linux).
pub const MAX_LINE_BYTES: usize = 4096;

/// The version of the format.
const VERSION: u32 = 1;

/// The most bytes of a line for the scope, quoted. The rest of a line is below 200 bytes.
const MAX_SCOPE_BYTES: usize = MAX_LINE_BYTES - 256;

/// The bytes that remain of a scope that is too long. Each may take six bytes when escaped.
const KEPT_SCOPE_BYTES: usize = 512;

/// The highest signal that a request may name. Real-time signals are higher.
const MAX_SIGNAL: i32 = 31;

/// One request of a file timer, as on the wire. Equal by value.
///
/// # Examples
///
/// ```
/// use timer_watchdog::{FileTimerRequest, Pid};
///
/// let request = FileTimerRequest::acquire(Pid(7), "load", 1_700_000_000.5, 9);
/// let line = request.to_line().unwrap();
/// assert_eq!(
///     std::str::from_utf8(&line).unwrap(),
///     "{\"version\":1,\"pid\":7,\"scope_id\":\"load\",\"expiration_time\":1700000000.5,\"signal\":9}\n",
/// );
/// assert_eq!(FileTimerRequest::from_json(&line).unwrap(), request);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FileTimerRequest {
    /// The process that the timer is for.
    pub pid: Pid,
    /// The scope that the timer is for.
    pub scope_id: ScopeId,
    /// The deadline, in seconds of wall time since 1970. Negative for a release. Never NaN.
    pub expiration_time: f64,
    /// The signal that the process gets after the deadline. None if 0 or below.
    pub signal: i32,
}

/// The JSON object.
#[derive(Serialize, Deserialize)]
struct Message<'a> {
    version: u32,
    pid: i32,
    #[serde(borrow)]
    scope_id: Cow<'a, str>,
    expiration_time: f64,
    signal: i32,
}

/// Why a line is not a request. Only that line is lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The line is longer than [`MAX_LINE_BYTES`].
    #[error("a line of {bytes} bytes is longer than {MAX_LINE_BYTES}")]
    TooLong {
        /// Its length, without the newline.
        bytes: usize,
    },
    /// The line is not a JSON object of a request.
    #[error("{reason}, in {sample:?}")]
    Malformed {
        /// What was expected.
        reason: String,
        /// The start of the line, at most 80 characters.
        sample: String,
    },
    /// The request is of another version of the format.
    #[error("version {found} of the format is not known, only {VERSION}")]
    Version {
        /// The version.
        found: u32,
    },
    /// The signal cannot be sent.
    #[error("signal {found} is not known: at most {MAX_SIGNAL}, or 0 for none")]
    Signal {
        /// The signal.
        found: i32,
    },
}

impl FileTimerRequest {
    /// Returns the request to hold a timer until `expiration_time`, in seconds of wall time since 1970.
    pub fn acquire(pid: Pid, scope_id: impl Into<ScopeId>, expiration_time: f64, signal: i32) -> Self {
        Self { pid, scope_id: scope_id.into(), expiration_time, signal }
    }

    /// Returns the request to release a timer.
    pub fn release(pid: Pid, scope_id: impl Into<ScopeId>) -> Self {
        Self { pid, scope_id: scope_id.into(), expiration_time: -1.0, signal: 0 }
    }

    /// Returns whether this releases a timer.
    pub fn is_release(&self) -> bool {
        self.expiration_time < 0.0
    }

    /// Returns the line, its newline included.
    ///
    /// An infinite deadline becomes the largest number, because JSON has no infinity.
    ///
    /// # Errors
    ///
    /// [`LineError::TooLong`] if the scope is too long. See [`shortened`](Self::shortened).
    pub fn to_line(&self) -> Result<Vec<u8>, LineError> {
        let message = Message {
            version: VERSION,
            pid: self.pid.0,
            scope_id: Cow::Borrowed(self.scope_id.as_str()),
            expiration_time: self.expiration_time.clamp(f64::MIN, f64::MAX),
            signal: self.signal,
        };
        let malformed = |error: serde_json::Error| LineError::Malformed {
            reason: error.to_string(),
            sample: sample(self.scope_id.as_str().as_bytes()),
        };
        let mut line = serde_json::to_vec(&message).map_err(malformed)?;
        if line.len() >= MAX_LINE_BYTES {
            return Err(LineError::TooLong { bytes: line.len() });
        }
        line.push(b'\n');
        Ok(line)
    }

    /// Returns the request with a scope that fits into a line.
    ///
    /// A scope that is too long is cut and gets a hash of the whole. The result is the same at every call, so that a
    /// release finds its timer.
    ///
    /// ```
    /// use timer_watchdog::{FileTimerRequest, Pid};
    ///
    /// let huge = FileTimerRequest::release(Pid(7), "x".repeat(1 << 20));
    /// assert!(huge.to_line().is_err());
    /// assert!(huge.clone().shortened().to_line().is_ok());
    /// assert_eq!(huge.clone().shortened(), huge.shortened());
    /// ```
    #[must_use]
    pub fn shortened(mut self) -> Self {
        let scope = self.scope_id.as_str();
        // A byte takes at most six when quoted, so that most scopes need not be quoted.
        let is_short = scope.len() <= MAX_SCOPE_BYTES / 6 || quoted_bytes(scope) <= MAX_SCOPE_BYTES;
        if !is_short {
            let mut hasher = DefaultHasher::new();
            hasher.write(scope.as_bytes());
            let kept = &scope[..floor_char_boundary(scope, KEPT_SCOPE_BYTES)];
            self.scope_id = ScopeId::from(format!("{kept}…#{:016x}", hasher.finish()));
        }
        self
    }

    /// Reads one line, with or without its newline.
    ///
    /// Keys may come in any order. Unknown keys are skipped, and each known key must occur once. `Infinity` is
    /// accepted: Python writes it, though JSON has no such number.
    ///
    /// # Errors
    ///
    /// If the line is not a request of this version.
    pub fn from_json(line: &[u8]) -> Result<Self, LineError> {
        match serde_json::from_slice(line) {
            Ok(message) => Self::checked(message),
            Err(error) => match without_infinity(line) {
                Some(finite) => Self::checked(serde_json::from_slice(&finite).map_err(|e| malformed(&e, line))?),
                None => Err(malformed(&error, line)),
            },
        }
    }

    fn checked(message: Message<'_>) -> Result<Self, LineError> {
        if message.version != VERSION {
            return Err(LineError::Version { found: message.version });
        }
        if message.signal > MAX_SIGNAL {
            return Err(LineError::Signal { found: message.signal });
        }
        Ok(Self {
            pid: Pid(message.pid),
            scope_id: ScopeId::from(message.scope_id.into_owned()),
            expiration_time: message.expiration_time,
            signal: message.signal,
        })
    }
}

/// Returns the highest index up to `index` that starts a character.
fn floor_char_boundary(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
}

/// Returns the length of a text as a JSON string.
fn quoted_bytes(text: &str) -> usize {
    serde_json::to_string(text).map_or(usize::MAX, |quoted| quoted.len())
}

fn malformed(error: &serde_json::Error, line: &[u8]) -> LineError {
    LineError::Malformed { reason: error.to_string(), sample: sample(line) }
}

/// Returns the start of a line, for a message.
fn sample(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(320)]).chars().take(80).collect()
}

/// Returns the line with a huge number in place of `Infinity`, if that occurs outside of strings.
fn without_infinity(line: &[u8]) -> Option<Vec<u8>> {
    const WORD: &[u8] = b"Infinity";
    let (mut in_string, mut is_escaped) = (false, false);
    for (index, byte) in line.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'I' if !in_string && line[index..].starts_with(WORD) => {
                return Some([&line[..index], b"1e308", &line[index + WORD.len()..]].concat());
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
