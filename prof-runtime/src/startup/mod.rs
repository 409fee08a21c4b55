//! One variable, or a few lines of code, that say where numbers go.
//!
//! | part | feature | what it starts |
//! |---|---|---|
//! | `report` | `report` | the table on stderr, at the end |
//! | `console` | none | a line on stdout for each data point |
//! | `json:PATH` | `json` | a line of JSON in a file for each data point |
//! | `snapshots:PATH` | `json` | a line of JSON in a file for every 10 s |
//! | `prometheus:ADDR` | `prometheus` | a server of `/metrics`; a port alone is one of 127.0.0.1 |
//! | `otlp:URL` | `otlp` | a push every 60 s; without an URL, the `OTEL_EXPORTER_OTLP_*` variables say where to |
//! | `statsd:ADDR` | `statsd` | datagrams for a `StatsD` daemon |
//! | `dogstatsd:ADDR` | `statsd` | the same with the group as a tag |
//! | `signals` | `signals` | nothing by itself: SIGTERM, SIGINT (Ctrl-C) and SIGHUP end everything in order |
//! | `off` | none | nothing; it stands alone, and so does an empty list |
//!
//! Parts are separated by commas. What they start observes beside the handlers that the program
//! [configures](crate::configure), and to all groups. What writes or sends does so on threads of its own, behind
//! queues that are bounded: what a target is too slow for is lost, and counted by [`ProfGuard::losses`].
//!
//! Everything is looked up, opened and listened on before anything is started: one part that is wrong starts none, and
//! leaves no file behind. A start takes at most 5 s, or what [`ProfBuilder::timeout`] says if that is longer. A named
//! pipe needs a reader by then.
//!
//! # Without a line in `main`
//!
//! With the feature `auto`, the parts that `PROF` lists start before `main`, in every program that is linked with this
//! crate; a crate that is only named in `Cargo.toml` is not linked, one `#[prof]` or `use prof_runtime as _;` is
//! enough. So test binaries report what the tests called:
//!
//! ```toml
//! [dev-dependencies]
//! prof-runtime = { version = "0.1", features = ["auto"] }
//! ```
//!
//! ```text
//! PROF=report cargo test
//! ```
//!
//! - Without the variable, nothing starts. If a part is wrong, a line on stderr says so, and the program goes on
//!   without any of them.
//! - The exit of the process ends the parts, as [below](#the-end), after the destructors of `main` and of the
//!   thread-locals of its thread. Destructors of statics do not exist in Rust, and those of C++ libraries run after it.
//! - [`init_from_env`] starts nothing again: it returns the guard of what runs. [`init`] and [`ProfBuilder`] start
//!   parts of their own.
//! - Code that runs before `main` is measured from the start of the parts on. It runs in the order of linking.
//! - Each process reports for itself. `cargo test` runs one per test binary, `cargo nextest` one per test, and programs
//!   that they start inherit the variable. A forked child does not report.
//! - Handlers that the program [registers](crate::register_handler!) receive as ever. Code of a library that is loaded
//!   at run time starts its parts while it is loaded, under the lock of the loader: leave the feature off there, and in
//!   procedural macros.
//!
//! # The end
//!
//! | the program | what was counted until then |
//! |---|---|
//! | returns from `main`, or `main` panics | is written out, as guards are dropped |
//! | exits by [`std::process::exit`] or C's `exit`, on any thread | is written out by an exit handler |
//! | keeps its guard in a static, or forgets it | is written out by the exit handler |
//! | is ended by SIGTERM, SIGINT or SIGHUP | is written out with the part `signals`; without it, lost |
//! | aborts, or is ended by another signal | is lost from memory; files have whole lines |
//! | calls `_exit`, or executes another program in its place | is lost likewise |
//!
//! That holds for guards, [reports](fn@crate::report_at_exit), [periodic exporters](crate::export::PeriodicExporter)
//! and [buffered handlers](crate::BufferedHandler), and configured handlers are flushed. The exit status is that of the
//! program. An end takes at most 5 s, or what [`ProfBuilder::timeout`] says, and 1 s more where nobody reads stderr;
//! what did not get out by then is counted, and said on stderr. All numbers are those of the moment at which the end
//! began: calls that other threads make after that are neither in the report, nor in files, snapshots, datagrams and
//! pushes, nor counted as lost.
//!
//! While a signal ends the program, a second one ends it at once. But the same signal within 1 s after the first is the
//! same event, and is ignored: `timeout` of coreutils signals a program and then its group. SIGHUP never ends it at
//! once, since both the kernel and the shell send it when a terminal is closed.
//!
//! Exit handlers that were installed after the start run before all this, and calls in them are counted; so are those
//! in destructors of thread-locals of the thread that exits. In a library that is loaded at run time, the handler runs
//! when the library is unloaded, if not before.
//!
//! # Forks
//!
//! After a fork, the threads are the parent's. The child has neither the parent's port nor its connections, writes and
//! prints nothing of what was counted before or after the fork, and is not held up; dropping the guard says what stayed
//! behind. A child that wants to export starts parts of its own, and a program that becomes a daemon starts them after
//! that. As with every lock, one that another thread holds at the moment of the fork stays taken in the child: fork
//! before anything is started, or replace the child by another program at once, as [`std::process::Command`] does.

#[cfg(feature = "auto")]
mod auto;
mod builder;
mod error;
#[cfg(test)]
mod faults;
mod flush;
mod guard;
mod own;
mod part;
mod ready;
#[cfg(all(unix, feature = "signals"))]
mod signals;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;

pub use self::builder::ProfBuilder;
pub use self::error::InitError;
pub use self::flush::flush;
pub use self::guard::ProfGuard;

/// Counts every annotated call from now on, and prints a [table](crate::Report) of them to stderr when the returned
/// guard is dropped, or the process exits before that: bind it in `main`.
///
/// It is `ProfBuilder::new().report()`, started, which cannot fail. The report observes beside the handlers that are
/// configured, and to all groups; only what is [`scoped`](crate::scoped) passes it by. [How a program
/// ends](self#the-end) says which ends print it. If nobody reads what it is printed to, it is given up after 6 s. A
/// process that was forked from the one that counts prints none.
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
///     let snapshot = report.aggregator().unwrap().snapshot();
///     assert_eq!(snapshot.function("work").unwrap().success, 1);
/// }
/// ```
#[cfg(feature = "report")]
pub fn report_at_exit() -> ProfGuard {
    ProfBuilder::new().report_only()
}

/// Starts what the environment variable `PROF` lists, such as `PROF=report,prometheus:127.0.0.1:9464`, until the
/// returned guard is dropped: bind it in `main`. Nothing is started if the variable is not set.
///
/// With the feature `auto`, the parts [run already](self#without-a-line-in-main), and the guard is theirs.
///
/// # Errors
///
/// If a part is not known, not compiled in or cannot be started; then nothing was started.
///
/// # Examples
///
/// ```
/// use prof_runtime::prof;
///
/// #[prof]
/// fn work() {}
///
/// fn main() -> Result<(), prof_runtime::InitError> {
///     let _prof = prof_runtime::init_from_env()?;
///     work();
///     Ok(())
/// }
/// ```
pub fn init_from_env() -> Result<ProfGuard, InitError> {
    #[cfg(feature = "auto")]
    if let Some(guard) = auto::take() {
        return Ok(guard);
    }
    ProfBuilder::new().from_env()?.start()
}

/// Starts what a comma-separated list says, until the returned guard is dropped: the [parts](self) of the variable
/// `PROF`.
///
/// # Errors
///
/// If a part is not known, not compiled in or cannot be started; then nothing was started.
///
/// # Examples
///
/// ```
/// let error = prof_runtime::init("console,promtheus:9464").unwrap_err();
/// assert!(error.to_string().starts_with("`promtheus:…` is not known; allowed are "));
/// ```
pub fn init(list: impl AsRef<OsStr>) -> Result<ProfGuard, InitError> {
    ProfBuilder::new().list(list)?.start()
}
