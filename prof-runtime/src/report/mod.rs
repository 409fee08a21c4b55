//! The report at the end of a program.

mod layout;
mod table;
mod units;
mod width;

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use crate::aggregate::Aggregator;
use crate::base::exit::{self, End, Listed};
use crate::base::stderr;
use crate::config::route::Observer;
use crate::counts::Snapshot;
use crate::thread::local::lock;

/// Counts every annotated call from now on, and prints a table of them to stderr when the returned guard is dropped, or the
/// process exits before that: bind it in `main`.
///
/// The table has a row per function that was called, sorted by total time: calls by outcome; total, share of the wall time
/// since counting began, mean, p50, p95, p99 and longest duration. A caller's time includes that of its callees, and calls
/// run side by side on several threads: the shares overlap, and one may exceed 100 %.
///
/// No line is wider than the terminal, nor than the variable `COLUMNS` says; where there is neither, than 160 columns.
/// Where there is no room, names are shortened in the middle, to 60 columns at the most anywhere, and then columns are left
/// out and named below the table. Counts past 12 digits and other numbers past 9 are in scientific form.
/// [As JSON](Report::json), the report has everything. It is coloured on a terminal, unless `NO_COLOR` is set.
///
/// The report listens beside whatever handlers are configured, and to all groups; only what is [`scoped`](crate::scoped)
/// passes it by. [How a program ends](crate::startup#the-end) says which ends print it. If nobody reads what it is printed
/// to, it is given up after 6 s. A process that was forked from the one that counts prints none.
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
    let shared = Arc::new(Shared {
        aggregator,
        observer: Mutex::new(Some(observer)),
        last: OnceLock::new(),
        state: Mutex::new(Some(State { format: Format::Table, output: Output::Stderr })),
        process_id: std::process::id(),
    });
    let listed = exit::list(&shared);
    Report { shared, _listed: listed }
}

/// Prints its report when it is dropped, or when the process exits; made by [`report_at_exit`].
#[must_use = "the report is printed when the guard is dropped: bind it to a variable, such as `_report`"]
pub struct Report {
    shared: Arc<Shared>,
    _listed: Listed,
}

struct Shared {
    aggregator: Aggregator,
    /// Has the aggregator listen until the end begins.
    observer: Mutex<Option<Observer>>,
    /// What it had counted then.
    last: OnceLock<Snapshot>,
    /// Taken out by whoever prints.
    state: Mutex<Option<State>>,
    /// A forked child prints nothing: the numbers are its parent's.
    process_id: u32,
}

struct State {
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
    /// Makes the report one line of JSON: the [`Snapshot`], as `serde` writes it.
    #[cfg(feature = "json")]
    pub fn json(self) -> Self {
        self.change(|state| state.format = Format::Json)
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
    pub fn to(self, writer: impl Write + Send + 'static) -> Self {
        self.change(|state| state.output = Output::Writer(Box::new(writer)))
    }

    fn change(self, change: impl FnOnce(&mut State)) -> Self {
        // It is printed already if the process is about to exit.
        if let Some(state) = lock(&self.shared.state).as_mut() {
            change(state);
        }
        self
    }

    /// Returns the aggregator that counts for this report.
    pub fn aggregator(&self) -> &Aggregator {
        &self.shared.aggregator
    }
}

impl End for Shared {
    fn begin(&self) {
        let mut observer = lock(&self.observer);
        drop(observer.take());
        self.last.get_or_init(|| self.aggregator.snapshot());
    }

    fn finish(&self, _: Instant) {
        // Locked until it is printed, for whoever else waits for that.
        let mut state = lock(&self.state);
        if let (Some(State { format, mut output }), Some(last)) = (state.take(), self.last.get()) {
            print_to(last, format, &mut output);
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if self.shared.process_id == std::process::id() {
            exit::end(Arc::clone(&self.shared) as Arc<dyn End>);
        } else {
            drop(lock(&self.shared.observer).take());
            drop(lock(&self.shared.state).take());
        }
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("aggregator", &self.shared.aggregator).finish_non_exhaustive()
    }
}

/// Prints a table of a snapshot to stderr.
pub(crate) fn print(snapshot: &Snapshot) {
    print_to(snapshot, Format::Table, &mut Output::Stderr);
}

fn print_to(snapshot: &Snapshot, format: Format, output: &mut Output) {
    if let Err(error) = write(snapshot, format, output) {
        stderr::line(format_args!("prof: could not write the report: {error}"));
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
                // Nobody reads, so that nobody can be told.
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

/// With its colours if stderr takes them.
#[cfg(unix)]
fn write_to_stderr(text: &str) -> io::Result<()> {
    match anstream::AutoStream::choice(&io::stderr()) {
        anstream::ColorChoice::Never => {
            stderr::write(anstream::adapter::strip_str(text).to_string().as_bytes(), exit::TIMEOUT)
        }
        _ => stderr::write(text.as_bytes(), exit::TIMEOUT),
    }
}

/// With its colours if stderr takes them. Some consoles are told of colours by calls instead.
#[cfg(not(unix))]
fn write_to_stderr(text: &str) -> io::Result<()> {
    // Locked, so that nothing else comes in between: colours are taken out piece by piece.
    let mut stderr = anstream::AutoStream::auto(io::stderr().lock());
    stderr.write_all(text.as_bytes())?;
    stderr.flush()
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
