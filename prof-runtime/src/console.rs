//! Data points as lines of text.

use std::fmt;
use std::io::{self, Write};
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use crate::data::MetricData;
use crate::handler::{FlushError, MetricHandler};
use crate::local::lock;
use crate::text::Foreign;

/// Writes each data point as a line, `[timestamp][group]: name=value`, with the timestamp in whole seconds since the
/// Unix epoch and durations in milliseconds.
///
/// Names are shown as [`Foreign`] text, so that a data point is one line, which acts on no terminal. A line that cannot be written is counted,
/// and reported by [`flush`](MetricHandler::flush).
///
/// # Examples
///
/// ```
/// use prof_runtime::{ConsoleHandler, MetricData, MetricHandler};
/// use std::time::{Duration, UNIX_EPOCH};
///
/// let (reader, writer) = std::io::pipe().unwrap();
/// let console = ConsoleHandler::to(writer);
/// console.emit(&MetricData::at(UNIX_EPOCH + Duration::from_secs(7), "crawler", "pages", 3));
/// drop(console);
/// assert_eq!(std::io::read_to_string(reader).unwrap(), "[7][crawler]: pages=3\n");
/// ```
pub struct ConsoleHandler {
    output: Mutex<Output>,
}

struct Output {
    writer: Box<dyn Write + Send>,
    failed: u64,
}

impl ConsoleHandler {
    /// Creates a handler that writes to stdout.
    pub fn new() -> Self {
        Self::to(io::stdout())
    }

    /// Creates a handler that writes to `writer`.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self { output: Mutex::new(Output { writer: Box::new(writer), failed: 0 }) }
    }
}

impl Default for ConsoleHandler {
    fn default() -> Self {
        Self::new()
    }
}

impl MetricHandler for ConsoleHandler {
    fn emit(&self, data: &MetricData<'_>) {
        let seconds = data.timestamp.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (group, name) = (Foreign(&data.group_name), Foreign(&data.name));
        // One write per line, so that lines of other writers to the same stream do not get in between.
        let line = format!("[{seconds}][{group}]: {name}={}\n", data.value);
        let mut output = lock(&self.output);
        if output.writer.write_all(line.as_bytes()).is_err() {
            output.failed += 1;
        }
    }

    fn flush(&self) -> Result<(), FlushError> {
        let mut output = lock(&self.output);
        let failed = std::mem::take(&mut output.failed);
        let result = output.writer.flush();
        flushed("the console", result, failed)
    }
}

/// What to say of a flush, after so many lines could not be written.
pub(crate) fn flushed(target: &str, result: io::Result<()>, failed: u64) -> Result<(), FlushError> {
    let result = result.and_then(|()| match failed {
        0 => Ok(()),
        _ => Err(io::Error::other(format!("{failed} lines could not be written"))),
    });
    result.map_err(|error| FlushError::Write { target: target.into(), source: error.into() })
}

impl fmt::Debug for ConsoleHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleHandler").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_data_point_is_one_line() {
        let (reader, writer) = io::pipe().unwrap();
        let console = ConsoleHandler::to(writer);
        let data = MetricData::at(UNIX_EPOCH, "a\nb", "größe \"x\"\t", Duration::from_micros(1500));
        console.emit(&data);
        console.flush().unwrap();
        drop(console);
        let text = io::read_to_string(reader).unwrap();
        assert_eq!(text, "[0][a\\nb]: größe \"x\"\\t=1.5\n");
    }

    #[test]
    fn a_line_that_could_not_be_written_is_reported_once() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let console = ConsoleHandler::to(writer);
        console.emit(&MetricData::new("g", "n", 1));
        let error = console.flush().unwrap_err();
        assert_eq!(error.to_string(), "could not flush metrics to the console: 1 lines could not be written");
        console.flush().unwrap();
    }
}
