//! The measurements.

use std::iter;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use nix::time::{ClockId, clock_gettime};
use prof_runtime::{Aggregator, FunctionStats, configure_group};

use super::{COME_AND_GONE, MANY_COME_AND_GONE, Options, Scale, first, scopes, sites, sparse};
use crate::alloc::allocated;
use crate::error::BenchError;
use crate::statistics::{float, mean, median, rounded};

/// Calls by which the time of one is found, on each thread.
const TIMED_CALLS: u64 = 200_000;

/// Functions of a small program, of a service and of a large one.
const SITES: [usize; 3] = [5, 50, 500];

/// Measures everything that the options ask for.
pub(crate) fn measure(options: &Options) -> Result<Vec<Scale>, BenchError> {
    let functions = options.functions as usize;
    let mut rows = Vec::new();
    // First, as it needs a program that has called no more functions than it says.
    for functions in SITES {
        rows.push(scopes::row(functions)?);
    }
    for functions in up_to(functions, 10) {
        rows.push(alive("functions", 1, functions, move |_| on_thread(functions))?);
    }
    for threads in up_to(options.threads, 2) {
        rows.push(alive("threads", threads, 1, |_| on_thread(1))?);
    }
    for threads in up_to(options.threads, 4) {
        let functions = functions.min(100);
        rows.push(alive("threads × functions", threads, functions, move |_| on_thread(functions))?);
    }
    for functions in SITES {
        rows.push(first::row(functions)?);
    }
    rows.extend(sparse::rows()?);
    for ended in [options.ended_threads.div_ceil(10), options.ended_threads] {
        rows.push(come_and_gone(COME_AND_GONE, ended, functions.min(10))?);
    }
    for functions in SITES {
        rows.push(come_and_gone(MANY_COME_AND_GONE, options.ended_threads.div_ceil(10), functions)?);
    }
    Ok(rows)
}

/// 1, and times `factor` again and again up to `last`, which is the last.
fn up_to(last: usize, factor: usize) -> impl Iterator<Item = usize> {
    iter::successors(Some(1), move |&n| (n < last).then(|| (n * factor).min(last)))
}

/// What one thread found.
pub(super) struct Found {
    pub(super) ns_per_call: f64,
    pub(super) bytes_per_pair: f64,
    pub(super) calls: u64,
}

/// Threads that live at the same time, each of which calls so many functions; `on_thread` is given its number.
pub(super) fn alive(
    name: &'static str,
    threads: usize,
    functions: usize,
    on_thread: impl Fn(usize) -> Result<Found, BenchError> + Copy + Send + 'static,
) -> Result<Scale, BenchError> {
    let aggregator = installed();
    // One for the threads and for who looks at them while they live.
    let called = Arc::new(Barrier::new(threads + 1));
    let seen = Arc::new(Barrier::new(threads + 1));
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let (called, seen) = (Arc::clone(&called), Arc::clone(&seen));
            thread::spawn(move || {
                let found = on_thread(thread);
                called.wait();
                seen.wait();
                found
            })
        })
        .collect();
    called.wait();
    let mut scale = Scale { name, threads, functions, resident_kib: resident_kib()?, ..Scale::default() };
    scale.look(&aggregator);
    seen.wait();
    let found: Result<Vec<Found>, BenchError> =
        workers.into_iter().map(|worker| worker.join().expect("a thread panicked")).collect();
    Ok(scale.with(&found?))
}

/// Threads that come and go one after the other.
fn come_and_gone(name: &'static str, threads: usize, functions: usize) -> Result<Scale, BenchError> {
    let aggregator = installed();
    let mut calls = 0;
    let mut lives_ns = Vec::new();
    for _ in 0..threads {
        const ROUNDS: u64 = 5;
        let start = Instant::now();
        thread::spawn(move || sites::call_each(functions, ROUNDS)).join().expect("a thread panicked");
        lives_ns.push(start.elapsed().as_secs_f64() * 1e9 / float(ROUNDS * functions as u64));
        calls += ROUNDS * functions as u64;
    }
    let found = [Found { ns_per_call: median(lives_ns), bytes_per_pair: 0.0, calls }];
    let mut scale = Scale { name, threads, functions, resident_kib: resident_kib()?, ..Scale::default() };
    scale.look(&aggregator);
    Ok(scale.with(&found))
}

/// An aggregator of its own for each measurement, so that nothing is left of the one before.
pub(super) fn installed() -> Aggregator {
    let aggregator = Aggregator::new();
    configure_group(sites::GROUP, aggregator.clone());
    aggregator
}

/// With a turn of all functions.
fn on_thread(functions: usize) -> Result<Found, BenchError> {
    in_turn(functions, |rounds| sites::call_each(functions, rounds))
}

/// Finds what a call takes after the first two of each function; `call` makes as many rounds of so many functions.
pub(super) fn in_turn(functions: usize, call: impl Fn(u64)) -> Result<Found, BenchError> {
    let before = allocated().live_bytes;
    call(2);
    let bytes = allocated().live_bytes - before;
    let rounds = TIMED_CALLS.div_ceil(functions as u64);
    let start_ns = thread_ns()?;
    call(rounds);
    let spent_ns = thread_ns()? - start_ns;
    // Far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let bytes_per_pair = bytes as f64 / functions as f64;
    let calls = (2 + rounds) * functions as u64;
    Ok(Found { ns_per_call: spent_ns / float(rounds * functions as u64), bytes_per_pair, calls })
}

/// The processor time of this thread, which others on the machine do not lengthen.
pub(super) fn thread_ns() -> Result<f64, BenchError> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map_err(|error| BenchError::Io("could not read the thread's clock".to_owned(), error.into()))?;
    // A thread that has run for less than 100 days.
    #[allow(clippy::cast_precision_loss)]
    let ns = time.tv_sec() as f64 * 1e9 + time.tv_nsec() as f64;
    Ok(ns)
}

/// The memory of the process.
pub(super) fn resident_kib() -> Result<u64, BenchError> {
    const FILE: &str = "/proc/self/status";
    let status = std::fs::read_to_string(FILE).map_err(BenchError::io(format!("could not read {FILE}")))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| BenchError::Unreadable(FILE.to_owned(), "VmRSS"))
}

impl Scale {
    /// Takes a snapshot.
    pub(super) fn look(&mut self, aggregator: &Aggregator) {
        let start = Instant::now();
        let snapshot = aggregator.snapshot();
        self.snapshot_ms = rounded(start.elapsed().as_secs_f64() * 1e3, 3);
        let ours = snapshot.functions.iter().filter(|function| function.group == sites::GROUP);
        self.calls_found = ours.map(FunctionStats::calls).sum();
    }

    pub(super) fn with(mut self, found: &[Found]) -> Self {
        let of = |what: fn(&Found) -> f64| found.iter().map(what).collect::<Vec<f64>>();
        // Not the median: threads that find their functions less well than others are to count.
        self.ns_per_call = rounded(mean(&of(|found| found.ns_per_call)), 2);
        self.bytes_per_pair = rounded(median(of(|found| found.bytes_per_pair)), 1);
        self.calls = found.iter().map(|found| found.calls).sum();
        self
    }
}
