//! Metrics as lines of JSON.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use serde::Serialize;

use crate::base::files::RotatingFile;
use crate::handler::lines::LineOutput;
use crate::handler::losses::{LossUnit, Losses};
use crate::handler::{FlushError, MetricHandler};
use crate::model::context::{ContextRecord, PublishedContext};
use crate::model::{MetricData, MetricValue};
use crate::site::{CallRecord, UntimedCall};

/// Writes each data point as a line with one JSON object, and each [published context](crate::context::publish) as one
/// with the whole record.
///
/// A data point has `timestamp_ns` (since the Unix epoch; 0 for times before), `group`, `name` and one of `count`,
/// `gauge` and `duration_ms`. A number that is not finite is the text `NaN`, `Infinity` or `-Infinity`.
/// A record has `context`, `group`, `start_ns`, `end_ns`, `metrics` and `error`. One write takes all lines of a
/// call. Lines that cannot be written are [counted](Self::losses), and the next [`flush`](MetricHandler::flush) reports
/// them.
///
/// # Examples
///
/// ```
/// use prof_runtime::{JsonLinesHandler, MetricData, MetricHandler};
/// use std::time::{Duration, UNIX_EPOCH};
///
/// let (reader, writer) = std::io::pipe().unwrap();
/// let json = JsonLinesHandler::to(writer);
/// json.emit(&MetricData::at(UNIX_EPOCH, "crawler", "pages \"new\"", 3));
/// drop(json);
/// assert_eq!(
///     std::io::read_to_string(reader).unwrap(),
///     "{\"timestamp_ns\":0,\"group\":\"crawler\",\"name\":\"pages \\\"new\\\"\",\"count\":3}\n",
/// );
/// ```
pub struct JsonLinesHandler {
    output: LineOutput,
}

/// One data point, as it is written.
#[derive(Serialize)]
struct DataLine<'a> {
    timestamp_ns: u128,
    group: &'a str,
    name: &'a str,
    #[serde(flatten)]
    value: ValueField,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ValueField {
    Count(u64),
    Gauge(#[serde(serialize_with = "crate::base::serialized::float::serialize")] f64),
    DurationMs(f64),
}

/// One record, as it is written.
#[derive(Serialize)]
struct ContextLine<'a> {
    context: &'a str,
    group: &'a str,
    #[serde(flatten)]
    record: &'a ContextRecord,
}

impl JsonLinesHandler {
    /// Creates a handler that writes to `writer`, a line at a time.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self { output: LineOutput::new("the JSON lines", writer) }
    }

    /// Adds the counters of lost lines to `losses`, under `target`. Exporters publish that list.
    #[must_use]
    pub fn losses(mut self, losses: &Losses, target: &str) -> Self {
        self.output.list(losses, target);
        self
    }

    /// Returns how many calls, data points and records could not be written.
    pub fn lost(&self) -> u64 {
        self.output.lost()
    }

    /// Creates a handler that appends to the file at `path`, and creates the file, but not its directory.
    ///
    /// The file grows without a bound. For one that rotates, give [`to`](Self::to) a
    /// [`RotatingFile`](crate::base::files::RotatingFile).
    ///
    /// # Errors
    ///
    /// If the file cannot be opened for writing.
    ///
    /// # Examples
    ///
    /// ```
    /// use prof_runtime::{JsonLinesHandler, MetricData, MetricHandler};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("metrics.json");
    /// let json = JsonLinesHandler::open(&path)?;
    /// json.emit(&MetricData::new("crawler", "pages", 3));
    /// assert!(std::fs::read_to_string(path)?.ends_with(",\"group\":\"crawler\",\"name\":\"pages\",\"count\":3}\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        RotatingFile::open(path).map(Self::to)
    }
}

fn line(line: &impl Serialize) -> io::Result<String> {
    Ok(serde_json::to_string(line)? + "\n")
}

fn data_line(data: &MetricData<'_>) -> io::Result<String> {
    line(&DataLine {
        timestamp_ns: data.timestamp.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos(),
        group: &data.group_name,
        name: &data.name,
        value: match data.value {
            MetricValue::Count(count) => ValueField::Count(count),
            MetricValue::Gauge(value) => ValueField::Gauge(value),
            MetricValue::Duration(_) => ValueField::DurationMs(data.value.as_f64()),
        },
    })
}

impl MetricHandler for JsonLinesHandler {
    fn emit(&self, data: &MetricData<'_>) {
        self.output.write(LossUnit::DataPoints, data_line(data));
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        self.output.write(LossUnit::Calls, call.data_points().iter().map(data_line).collect());
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        self.output.write(LossUnit::Calls, data_line(&call.data_point()));
    }

    fn record_context(&self, context: &PublishedContext<'_>) {
        let PublishedContext { name, group_name, record } = context;
        self.output.write(LossUnit::Records, line(&ContextLine { context: name, group: group_name, record }));
    }

    fn flush(&self) -> Result<(), FlushError> {
        self.output.flush()
    }
}

impl fmt::Debug for JsonLinesHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLinesHandler").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{MetricsContext, publish};
    use crate::stream::MetricStream;

    #[test]
    fn a_context_is_one_line_with_the_whole_record() {
        let (reader, writer) = io::pipe().unwrap();
        let context = MetricsContext::new(publish("request", MetricStream::new("web", JsonLinesHandler::to(writer))));
        let failed = context.run(|context| {
            context.set("route", "/\n").unwrap();
            context.increment("rows", -3).unwrap();
            Err::<(), _>("refused")
        });
        failed.unwrap_err();
        drop(context);
        let text = io::read_to_string(reader).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["context"], &line["group"]), (&"request".into(), &"web".into()));
        assert_eq!(line["metrics"], serde_json::json!({"route": "/\n", "rows": -3}));
        assert_eq!(line["error"]["message"], "refused");
        assert!(line["start_ns"].as_u64() <= line["end_ns"].as_u64());
    }
}
