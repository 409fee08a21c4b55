//! The report at the end of a program.

mod layout;
mod table;
mod units;
mod width;

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use crate::aggregator::{Aggregator, Snapshot};
use crate::local;
use crate::route::Observer;
use crate::stderr;

/// Counts every annotated call from now on, and prints a table of them to stderr when the returned guard is dropped:
/// bind it in `main`.
///
/// The table has a row per function that was called, sorted by total time: calls by outcome; total, share of the wall time
/// since counting began, mean, p50, p95, p99 and longest duration. A caller's time includes that of its callees, and calls
/// run side by side on several threads: the shares overlap, and one may exceed 100 %.
///
/// No line is wider than the variable `COLUMNS` says, else than the terminal, else, where stderr is none, than 160 columns.
/// Where there is no room, names are shortened in the middle, to 60 columns at the most anywhere, and then columns are left
/// out and named below the table. Counts past 12 digits and other numbers past 9 are in scientific form.
/// [As JSON](Report::json), the report has everything. It is coloured on a terminal, unless `NO_COLOR` is set.
///
/// The report listens beside whatever handlers are configured, and to all groups; only what is [`scoped`](crate::scoped)
/// passes it by. A program that ends by [`std::process::exit`], or is killed, drops no guards and prints no report.
///
/// # Examples
///
/// ```
/// use prof_runtime::{prof, report_at_exit};
///
/// #[prof(name = "work")]
/// fn work() {}
///
/// fn main() {
///     let report = report_at_exit();
///     work();
///     assert_eq!(report.aggregator().snapshot().function("work").unwrap().success, 1);
/// }
/// ```
pub fn report_at_exit() -> Report {
    let aggregator = Aggregator::new();
    let observer = Observer::new(Arc::new(aggregator.clone()));
    let mut report = Report::of(aggregator);
    report.observer = Some(observer);
    report
}

/// Prints its report when it is dropped; made by [`report_at_exit`].
#[must_use = "the report is printed when the guard is dropped: bind it to a variable, such as `_report`"]
pub struct Report {
    aggregator: Aggregator,
    format: Format,
    output: Output,
    /// Has the aggregator listen; `None` if someone else has.
    observer: Option<Observer>,
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
    /// Reports what an aggregator has counted, which someone else makes listen.
    pub(crate) fn of(aggregator: Aggregator) -> Self {
        Self { aggregator, format: Format::Table, output: Output::Stderr, observer: None }
    }

    /// Makes the report one line of JSON: the [`Snapshot`], as `serde` writes it.
    #[cfg(feature = "json")]
    pub fn json(mut self) -> Self {
        self.format = Format::Json;
        self
    }

    /// Prints to `writer` instead of stderr, without colours and up to 160 columns wide.
    ///
    /// # Examples
    ///
    /// ```
    /// let (reader, writer) = std::io::pipe().unwrap();
    /// drop(prof_runtime::report_at_exit().to(writer));
    /// let text = std::io::read_to_string(reader).unwrap();
    /// assert!(text.contains("no annotated function was called"));
    /// ```
    pub fn to(mut self, writer: impl Write + Send + 'static) -> Self {
        self.output = Output::Writer(Box::new(writer));
        self
    }

    /// Returns the aggregator that counts for this report.
    pub fn aggregator(&self) -> &Aggregator {
        &self.aggregator
    }

    fn print(&mut self) -> io::Result<()> {
        let snapshot = self.aggregator.snapshot();
        let text = match self.format {
            Format::Table => table::table(&snapshot, self.output.width()),
            #[cfg(feature = "json")]
            Format::Json => serde_json::to_string(&snapshot)? + "\n",
        };
        match &mut self.output {
            Output::Stderr => {
                let mut stderr = anstream::AutoStream::auto(io::stderr());
                stderr.write_all(text.as_bytes())?;
                stderr.flush()
            }
            Output::Writer(writer) => {
                let mut writer = anstream::StripStream::new(writer);
                writer.write_all(text.as_bytes())?;
                writer.flush()
            }
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        // What comes from here on is not in the report.
        drop(self.observer.take());
        if let Err(error) = local::inside(|| self.print()) {
            stderr::line(format_args!("prof: could not write the report: {error}"));
        }
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("format", &self.format).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Returns the numbers as the text of a table, as [`report_at_exit`] prints it, but without colours and up to 160 columns
    /// wide. The share is of the wall time from [`started_at`](Self::started_at) to [`taken_at`](Self::taken_at).
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
