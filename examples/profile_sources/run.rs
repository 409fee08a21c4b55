//! One run over a directory: the threads, the progress bar, the summary and the record.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use indicatif::{ProgressBar, ProgressStyle};
use prof_runtime::{ContextError, MetricsContext, TopN, prof};

use crate::items::Items;
use crate::source::{self, SourceError};

/// Sources nest deeply now and then, and a parser recurses.
const STACK_BYTES: usize = 64 << 20;

/// How many failures the summary lists.
const LISTED: usize = 10;

/// How many of the slowest files the record lists.
const SLOWEST: usize = 10;

#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("no Rust source was found in {0}")]
    NoSources(PathBuf),
    #[error("could not start a thread: {0}")]
    Thread(#[from] io::Error),
    #[error(transparent)]
    Record(#[from] ContextError),
}

/// What the run found, over all files.
#[derive(Default)]
struct Found {
    files: u64,
    bytes: u64,
    lines: u64,
    items: Items,
    errors: Vec<SourceError>,
}

/// Works through every source below `dir`. With `as_record`, prints one JSON line; otherwise a summary.
pub(crate) fn run(dir: &Path, threads: usize, as_record: bool) -> Result<(), RunError> {
    let context = MetricsContext::new(move |record| {
        if as_record {
            println!("{}", serde_json::to_string(&record).unwrap_or_else(|error| error.to_string()));
        }
    });
    let found = context.run(|context| run_in(context, dir, threads))?;
    if !as_record {
        summarize(&found);
    }
    Ok(())
}

fn run_in(context: &MetricsContext, dir: &Path, threads: usize) -> Result<Found, RunError> {
    let (sources, errors) = source::walk(dir);
    if sources.is_empty() && errors.is_empty() {
        return Err(RunError::NoSources(dir.to_owned()));
    }
    context.set("slowest_us", TopN::<String, i64>::new(SLOWEST))?;
    let progress = progress_bar(sources.len());
    let queue = Mutex::new(sources.into_iter());
    let found = Mutex::new(Found { errors, ..Found::default() });
    thread::scope(|scope| {
        for _ in 0..threads {
            thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || {
                while let Some(path) = next(&queue) {
                    let started = Instant::now();
                    let result = profile_file(&path);
                    note(context, &found, &path, result, started.elapsed())?;
                    progress.inc(1);
                }
                Ok::<(), ContextError>(())
            })?;
        }
        Ok::<(), io::Error>(())
    })?;
    progress.finish_and_clear();
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    context.set("files", i64::try_from(found.files).unwrap_or(i64::MAX))?;
    context.set("bytes", i64::try_from(found.bytes).unwrap_or(i64::MAX))?;
    for kind in ["walk", "read", "encoding", "parse"] {
        let failures = found.errors.iter().filter(|error| error.kind() == kind).count();
        if failures > 0 {
            context.set_key_value("failures", kind, i64::try_from(failures).unwrap_or(i64::MAX))?;
        }
    }
    Ok(found)
}

fn next(queue: &Mutex<impl Iterator<Item = PathBuf>>) -> Option<PathBuf> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).next()
}

/// A file that went through: its size in bytes, its lines and its items.
type Profiled = (u64, u64, Items);

/// Reads, parses and counts one file.
#[prof]
fn profile_file(path: &Path) -> Result<Profiled, SourceError> {
    let text = source::read(path)?;
    let file = source::parse(path, &text)?;
    Ok((text.len() as u64, text.lines().count() as u64, Items::count(&file)))
}

/// Adds what became of one file to the sum and to the record.
fn note(
    context: &MetricsContext,
    found: &Mutex<Found>,
    path: &Path,
    result: Result<Profiled, SourceError>,
    took: Duration,
) -> Result<(), ContextError> {
    let microseconds = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
    context.add_top_n("slowest_us", path.display().to_string(), microseconds)?;
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    found.files += 1;
    match result {
        Ok((bytes, lines, items)) => {
            for kind in items.0.keys() {
                context.add_to_set("item_kinds", *kind)?;
            }
            found.bytes += bytes;
            found.lines += lines;
            found.items.merge(items);
        }
        Err(error) => found.errors.push(error),
    }
    Ok(())
}

/// Hidden where stderr is not a terminal.
fn progress_bar(files: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files, {eta} left");
    ProgressBar::new(files as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn summarize(found: &Found) {
    println!("{} files, {} lines, {} bytes", found.files, found.lines, found.bytes);
    let items: Vec<String> = found.items.0.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    println!("items: {}", items.join(", "));
    if !found.errors.is_empty() {
        println!("failures: {}", found.errors.len());
    }
    for error in found.errors.iter().take(LISTED) {
        println!("  {error}");
    }
    if found.errors.len() > LISTED {
        println!("  and {} more", found.errors.len() - LISTED);
    }
}
