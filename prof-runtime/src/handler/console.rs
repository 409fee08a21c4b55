//! Data points as lines of text.

use std::fmt;
use std::io::Write;
use std::time::UNIX_EPOCH;

use crate::base::sys;
use crate::base::text::Foreign;
use crate::handler::lines::LineOutput;
use crate::handler::losses::{LossUnit, Losses};
use crate::handler::{FlushError, MetricHandler};
use crate::model::MetricData;
use crate::site::{CallRecord, UntimedCall};

/// Writes each data point as a line, `[timestamp][group]: name=value`, with the timestamp in whole seconds since the
/// Unix epoch and durations in milliseconds.
///
/// Names are shown as [`Foreign`] text, so that a data point is one line, which acts on no terminal.
/// One write takes all lines of a call. Lines that cannot be written are [counted](Self::losses), and the next
/// [`flush`](MetricHandler::flush) reports them.
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
    output: LineOutput,
}

impl ConsoleHandler {
    /// Creates a handler that writes to stdout.
    ///
    /// On Unix, it does not take the lock of [`std::io::stdout`], so that a thread that holds it delays nothing. A line
    /// that the program prints comes before the lines that are written later. Text without a line break comes when the
    /// standard library writes its buffer.
    pub fn new() -> Self {
        Self::to(sys::Output::Stdout)
    }

    /// Creates a handler that writes to `writer`.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self { output: LineOutput::new("the console", writer) }
    }

    /// Adds the counters of lost lines to `losses`, under `target`. Exporters publish that list.
    #[must_use]
    pub fn losses(mut self, losses: &Losses, target: &str) -> Self {
        self.output.list(losses, target);
        self
    }

    /// Returns how many calls and data points could not be written.
    pub fn lost(&self) -> u64 {
        self.output.lost()
    }
}

impl Default for ConsoleHandler {
    fn default() -> Self {
        Self::new()
    }
}

fn line(data: &MetricData<'_>) -> String {
    let seconds = data.timestamp.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("[{seconds}][{}]: {}={}\n", Foreign(&data.group_name), Foreign(&data.name), data.value)
}

impl MetricHandler for ConsoleHandler {
    fn emit(&self, data: &MetricData<'_>) {
        self.output.write(LossUnit::DataPoints, Ok(line(data)));
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        self.output.write(LossUnit::Calls, Ok(call.data_points().iter().map(line).collect()));
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        self.output.write(LossUnit::Calls, Ok(line(&call.data_point())));
    }

    fn flush(&self) -> Result<(), FlushError> {
        self.output.flush()
    }
}

impl fmt::Debug for ConsoleHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleHandler").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
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
    fn what_could_not_be_written_is_counted_and_reported_once() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let losses = Losses::new();
        let console = ConsoleHandler::to(writer).losses(&losses, "console");
        console.emit(&MetricData::new("g", "n", 1));
        console.emit(&MetricData::new("g", "n", 1));
        let error = console.flush().unwrap_err().to_string();
        let expect = "could not flush metrics to console: 2 data points could not be written: Broken pipe";
        assert!(error.starts_with(expect), "{error}");
        console.flush().unwrap();
        assert_eq!((losses.get("console"), console.lost()), (2, 2));
    }
}
