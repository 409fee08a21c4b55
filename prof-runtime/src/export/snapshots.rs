//! Snapshots as lines of JSON.

use std::fmt;
use std::io::{self, Write};

use super::{ExportError, Exporter};
use crate::aggregator::Snapshot;
use crate::lines::LineWriter;

/// Writes what happened since the last export as a line with one JSON object: a [`Snapshot`], as `serde` writes it, of
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
    /// What errors call what is written to.
    target: String,
    /// The last one that was written.
    written: Option<Snapshot>,
}

impl SnapshotLines {
    /// Creates an exporter that writes to `writer`, such as a [`RotatingFile`](super::RotatingFile), a line at a time.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self { writer: LineWriter::new(writer), target: "the JSON lines".to_owned(), written: None }
    }

    /// Sets what errors call what is written to, such as its path; `the JSON lines` by default.
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
        delta.functions.retain(|function| function.calls() > 0 || function.in_flight > 0);
        delta.values.retain(|value| value.count > 0);
        let line = serde_json::to_string(&delta)? + "\n";
        self.writer.write(&line).map_err(|(_, error)| error)?;
        // What is written once is not to be written again, even if it is held back for now.
        self.written = Some(snapshot.clone());
        self.writer.flush()
    }
}

impl Exporter for SnapshotLines {
    fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError> {
        self.write(snapshot).map_err(|error| ExportError::Unreachable {
            target: self.target.as_str().into(),
            source: error.into(),
            retry_after: None,
        })
    }
}

impl fmt::Debug for SnapshotLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotLines").finish_non_exhaustive()
    }
}
