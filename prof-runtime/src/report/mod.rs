//! The report at the end of a program.

mod layout;
mod table;
mod units;
mod width;

use std::fmt;
use std::io::{self, Write};

use crate::base::exit;
use crate::base::stderr;
use crate::counts::Snapshot;

/// The form of a report and its writer, for [`ProfBuilder::report_as`](crate::ProfBuilder::report_as).
///
/// The table has a row for each function that was called, sorted by total time: calls by outcome, total time, its share
/// of the wall time since counting began, and the mean, p50, p95, p99 and longest duration. The time of a caller
/// includes that of its callees, and several threads may run calls at the same time: so shares overlap, and may exceed
/// 100 %.
///
/// No line is wider than the terminal or the variable `COLUMNS`; without either, no line is wider than 160 columns. A
/// name has at most 60 columns. If there is less room, names are shortened in the middle, and then columns are left out
/// and named below the table. Counts past 12 digits and other numbers past 9 are in scientific form. The table is
/// colored on a terminal, unless `NO_COLOR` is set. With the feature `json`, `Report::json` is a report of all numbers.
///
/// # Examples
///
/// ```
/// use prof_runtime::{ProfBuilder, Report};
///
/// let (reader, writer) = std::io::pipe()?;
/// drop(ProfBuilder::new().report_as(Report::table().to(writer)).start()?);
/// assert!(std::io::read_to_string(reader)?.contains("no annotated function was called"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a report is printed by the guard of the builder that it is given to"]
pub struct Report {
    format: Format,
    output: Output,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Table,
    #[cfg(feature = "json")]
    Json,
}

enum Output {
    Stderr,
    Writer(Box<dyn Write + Send>),
}

impl Output {
    fn width(&self) -> usize {
        match self {
            Self::Stderr => width::of_stderr(),
            Self::Writer(_) => width::OF_TEXT,
        }
    }
}

impl Report {
    /// Creates a report that is a table on stderr.
    pub fn table() -> Self {
        Self { format: Format::Table, output: Output::Stderr }
    }

    /// Creates a report that is one line of JSON on stderr: the [`Snapshot`], as `serde` writes it.
    #[cfg(feature = "json")]
    pub fn json() -> Self {
        Self { format: Format::Json, output: Output::Stderr }
    }

    /// Writes the report to `writer`, without colors and up to 160 columns wide.
    pub fn to(mut self, writer: impl Write + Send + 'static) -> Self {
        self.output = Output::Writer(Box::new(writer));
        self
    }

    /// Writes the report of a snapshot.
    pub(crate) fn print(mut self, snapshot: &Snapshot) {
        if let Err(error) = write(snapshot, self.format, &mut self.output) {
            stderr::line(format_args!("prof: could not write the report: {error}"));
        }
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("format", &self.format).finish_non_exhaustive()
    }
}

fn write(snapshot: &Snapshot, format: Format, output: &mut Output) -> io::Result<()> {
    let text = match format {
        Format::Table => table::table(snapshot, output.width()),
        #[cfg(feature = "json")]
        Format::Json => serde_json::to_string(snapshot)? + "\n",
    };
    match output {
        Output::Stderr => {
            if !stderr::takes(exit::TIMEOUT) {
                // Stderr is not read, so that a message about it would not be read either.
                return Ok(());
            }
            write_to_stderr(&text)
        }
        Output::Writer(writer) => {
            let mut writer = anstream::StripStream::new(writer);
            writer.write_all(text.as_bytes())?;
            writer.flush()
        }
    }
}

/// Writes text to stderr, with its colors if stderr takes them.
#[cfg(unix)]
fn write_to_stderr(text: &str) -> io::Result<()> {
    match anstream::AutoStream::choice(&io::stderr()) {
        anstream::ColorChoice::Never => {
            stderr::write(anstream::adapter::strip_str(text).to_string().as_bytes(), exit::TIMEOUT)
        }
        _ => stderr::write(text.as_bytes(), exit::TIMEOUT),
    }
}

/// Writes text to stderr, with its colors if stderr takes them. Some consoles are told of colors by calls instead.
#[cfg(not(unix))]
fn write_to_stderr(text: &str) -> io::Result<()> {
    // Locked, so that no other text comes in between: the text is written in pieces, without its colors.
    let mut stderr = anstream::AutoStream::auto(io::stderr().lock());
    stderr.write_all(text.as_bytes())?;
    stderr.flush()
}

impl Snapshot {
    /// Returns the numbers as the text of a table, as [`report_at_exit`](crate::report_at_exit) prints it, but without
    /// colors and up to 160 columns wide. The share is of the wall time from [`started_at`](Self::started_at) to
    /// [`taken_at`](Self::taken_at).
    ///
    /// # Examples
    ///
    /// ```
    /// let snapshot = prof_runtime::Aggregator::new().snapshot();
    /// assert!(snapshot.to_table().starts_with("prof: no annotated function was called"));
    /// ```
    pub fn to_table(&self) -> String {
        anstream::adapter::strip_str(&table::table(self, width::OF_TEXT)).to_string()
    }
}
