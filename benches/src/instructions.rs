//! Instructions per call, by callgrind: free of noise, and the same on a busy machine.
//!
//! The program runs itself under callgrind, which counts only inside [`counted`], with so many calls and with twice as
//! many; the difference is what those calls take, without whatever else happens in there once.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

use crate::error::BenchError;
use crate::output::{self, Row, number};
use crate::statistics::{float, rounded};
use crate::subject::Subject;
use crate::subjects;

/// Arguments of `instructions`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Print one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
    /// How many calls are counted.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) calls: u64,
    /// Only the subjects whose name contains this, and what they are compared to.
    #[arg(long)]
    pub(crate) filter: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { json: false, calls: 2_000, filter: None }
    }
}

/// Arguments of the hidden `calls`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CallsOptions {
    /// The whole name of the subject.
    subject: String,
    /// How many calls to make.
    calls: u64,
}

/// What was found about one subject.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Count {
    pub(crate) name: &'static str,
    pub(crate) instructions_per_call: f64,
    /// Above the plain function that the subject is compared to.
    pub(crate) above_plain: f64,
    pub(crate) baseline: &'static str,
}

impl Row for Count {
    const HEADS: &'static [&'static str] = &["function", "instructions per call", "above plain"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.to_owned(), number(self.instructions_per_call, 1), number(self.above_plain, 1)]
    }
}

/// Runs the subcommand.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    output::print(&count(options)?, options.json)
}

/// Counts everything that the options ask for.
pub(crate) fn count(options: &Options) -> Result<Vec<Count>, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::io("could not make a temporary folder"))?;
    let mut counted: Vec<(Subject, f64)> = Vec::new();
    for subject in subjects::matching(options.filter.as_deref())? {
        let once = under_callgrind(folder.path(), subject.name, options.calls)?;
        let twice = under_callgrind(folder.path(), subject.name, 2 * options.calls)?;
        counted.push((subject, float(twice.saturating_sub(once)) / float(options.calls)));
    }
    let of = |name: &str| counted.iter().find(|(subject, _)| subject.name == name).map_or(0.0, |&(_, count)| count);
    let rows = counted.iter().map(|&(subject, count)| Count {
        name: subject.name,
        instructions_per_call: rounded(count, 2),
        above_plain: rounded(count - of(subject.baseline), 2),
        baseline: subject.baseline,
    });
    Ok(rows.collect())
}

/// Counts the instructions of so many calls.
fn under_callgrind(folder: &Path, subject: &str, calls: u64) -> Result<u64, BenchError> {
    const PROGRAM: &str = "valgrind";
    let this = std::env::current_exe().map_err(BenchError::io("could not find this program"))?;
    let file = folder.join("callgrind.out");
    let output = Command::new(PROGRAM)
        .arg("--tool=callgrind")
        .arg("--collect-atstart=no")
        .arg(concat!("--toggle-collect=", module_path!(), "::counted"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(this)
        .args(["calls", subject, &calls.to_string()])
        .output()
        .map_err(BenchError::NoValgrind)?;
    BenchError::check(PROGRAM, output)?;
    let text = std::fs::read_to_string(&file).map_err(BenchError::io("could not read callgrind's output"))?;
    totals(&text).ok_or_else(|| BenchError::Unreadable(PROGRAM.to_owned(), "total"))
}

/// The number in the line `totals: 12345` of callgrind's output.
fn totals(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("totals:"))?;
    line.trim().parse().ok()
}

/// Makes calls for callgrind to count.
pub(crate) fn calls(options: &CallsOptions) -> Result<(), BenchError> {
    const WARM_UP_CALLS: u64 = 100;
    let all = subjects::all();
    let found = all.iter().find(|subject| subject.name == options.subject);
    let subject = found.ok_or_else(|| BenchError::NoSubject(options.subject.clone()))?;
    (subject.setup)();
    let _meanwhile = (subject.meanwhile)();
    // The caller of a scope elsewhere must not be the one that holds it.
    std::thread::scope(|scope| {
        let calls = options.calls;
        scope.spawn(move || {
            let _guard = (subject.on_thread)();
            (subject.run)(WARM_UP_CALLS);
            counted(subject.run, calls);
        });
    });
    Ok(())
}

/// The only function in which callgrind counts.
#[inline(never)]
fn counted(run: fn(u64), calls: u64) {
    run(calls);
}
