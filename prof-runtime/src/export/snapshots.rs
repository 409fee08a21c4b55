//! Snapshots as lines of JSON.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use super::{ExportError, Exporter};
use crate::export::LineWriter;
use crate::{FunctionStats, Snapshot};

/// Writes the numbers since the last export as a line with one JSON object: a [`Snapshot`], as `serde` writes it, of
/// the functions that were called and the values that were put in that time.
///
/// # Examples
///
/// ```
/// use prof_runtime::export::{PeriodicExporter, RotatingFile, SnapshotLines};
/// use prof_runtime::{Aggregator, Snapshot};
/// use std::time::Duration;
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("metrics.json");
/// let lines = SnapshotLines::to(RotatingFile::open(&path)?.rotate(10_000_000, 3));
/// let exporter = PeriodicExporter::start("snapshots", Aggregator::new(), Duration::from_secs(10), lines)?;
/// exporter.shutdown(Duration::from_secs(5))?;
/// let snapshot: Snapshot = serde_json::from_str(&std::fs::read_to_string(path)?)?;
/// assert_eq!(snapshot.called().count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SnapshotLines {
    writer: LineWriter,
    /// The name of the writer in errors.
    target: String,
    /// The last snapshot that was written.
    written: Option<Snapshot>,
}

impl SnapshotLines {
    /// Creates an exporter that writes to `writer`, such as a [`RotatingFile`](super::RotatingFile), a line at a time.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self { writer: LineWriter::new(writer), target: "the JSON lines".to_owned(), written: None }
    }

    /// Sets the name of the writer in errors, such as its path; `the JSON lines` by default.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = target.into();
        self
    }

    fn write(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let mut delta = match &self.written {
            Some(written) => snapshot.since(written),
            None => snapshot.clone(),
        };
        // While calls go on, a duration may come after the snapshot that has its call.
        let says_something =
            |one: &FunctionStats| one.calls() > 0 || one.in_flight > 0 || one.histogram.count() > 0 || one.total_ns > 0;
        delta.functions.retain(says_something);
        delta.values.retain(|value| value.count > 0);
        let line = serde_json::to_string(&delta)? + "\n";
        self.writer.write_lines(&line)?;
        // A line that was written must not be written again, even if the writer has buffered it.
        self.written = Some(snapshot.clone());
        self.writer.flush()
    }
}

impl Exporter for SnapshotLines {
    fn default_interval(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError> {
        self.write(snapshot).map_err(|error| ExportError::Unreachable {
            target: self.target.as_str().into(),
            cause: error.into(),
            retry_after: None,
        })
    }
}

impl fmt::Debug for SnapshotLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotLines").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Aggregator;
    use crate::counts::histogram::Histogram;
    use crate::handler::MetricHandler as _;
    use crate::model::Outcome;
    use crate::site::{CallRecord, Callsite};

    static LATE: Callsite = Callsite::new("late", || "shop::store::late::item", "shop::store", file!(), line!());

    #[test]
    fn a_duration_that_comes_after_its_call_is_written_with_the_next_line() {
        let aggregator = Aggregator::new();
        aggregator.record_call(&CallRecord::new(&LATE, Outcome::Success, Duration::from_millis(3)));
        let whole = aggregator.snapshot();
        // While calls go on, a snapshot may have a call and not yet its duration.
        let mut early = whole.clone();
        let function = early.functions.iter_mut().find(|function| function.name == "store.late").unwrap();
        (function.histogram, function.total_ns) = (Histogram::default(), 0);
        (function.min_ns, function.max_ns) = (None, None);

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mut lines = SnapshotLines::to(std::fs::File::create(&path).unwrap());
        for snapshot in [&early, &whole, &whole] {
            lines.export(snapshot).unwrap();
        }
        let text = std::fs::read_to_string(path).unwrap();
        let written: Vec<Snapshot> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of_late = |snapshot: &Snapshot| {
            snapshot.function("store.late").map(|function| (function.success, function.histogram.count()))
        };
        assert_eq!(written.iter().map(of_late).collect::<Vec<_>>(), [Some((1, 0)), Some((0, 1)), None]);
    }
}
