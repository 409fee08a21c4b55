//! Nanoseconds and allocations per call.
//!
//! In each round, every subject makes its calls for a few milliseconds, once on every number of threads; forwards in
//! one round and backwards in the next. What disturbs the machine for a while disturbs all of them, and what a subject
//! costs above its plain function is the median over the differences within a round.
//!
//! What has scopes comes after all that has none, with its plain functions measured once more: a program never forgets
//! its first scope.

use std::time::Duration;

use serde::Serialize;

use crate::error::BenchError;
use crate::output::{self, Row, number};
use crate::pool::{Pool, Sample};
use crate::statistics::{float, max, median, min, rounded};
use crate::subject::{Subject, TSC_PAIR};
use crate::subjects;

/// Arguments of `overhead`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Print one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
    /// How many threads call the same function at the same time; several numbers are measured one after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
    pub(crate) threads: Vec<usize>,
    /// How often everything is measured.
    #[arg(long, default_value_t = 31)]
    pub(crate) rounds: usize,
    /// How long each subject makes calls, in each round and on each number of threads.
    #[arg(long, default_value_t = 2)]
    pub(crate) slice_ms: u64,
    /// Only the subjects whose name contains this, and what they are compared to.
    #[arg(long)]
    pub(crate) filter: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { json: false, threads: vec![1, 2], rounds: 31, slice_ms: 2, filter: None }
    }
}

/// What was found about one subject on one number of threads.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Overhead {
    pub(crate) name: &'static str,
    pub(crate) threads: usize,
    pub(crate) ns_median: f64,
    pub(crate) ns_min: f64,
    pub(crate) ns_max: f64,
    pub(crate) ns_above_plain: f64,
    /// What it costs above its plain function, in terms of what two readings of the machine's counter cost above
    /// theirs.
    pub(crate) ratio_to_tsc_pair: f64,
    /// By the calling thread.
    pub(crate) allocs_per_call: f64,
    /// Rounds in which the threads made their calls at the same time; the others do not count, if there are any of
    /// these.
    pub(crate) rounds: usize,
    /// Its plain function.
    pub(crate) baseline: &'static str,
}

impl Row for Overhead {
    const HEADS: &'static [&'static str] =
        &["function", "threads", "ns", "min", "max", "above plain", "× TSC pair", "allocs"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.threads.to_string(),
            number(self.ns_median, 1),
            number(self.ns_min, 1),
            number(self.ns_max, 1),
            number(self.ns_above_plain, 2),
            number(self.ratio_to_tsc_pair, 2),
            number(self.allocs_per_call, 2),
        ]
    }
}

/// Runs the subcommand.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    output::print(&measure(options)?, options.json)
}

/// Measures everything that the options ask for.
pub(crate) fn measure(options: &Options) -> Result<Vec<Overhead>, BenchError> {
    let mut subjects = subjects::matching(options.filter.as_deref())?;
    subjects.retain(|subject| !subject.is_alone);
    let compared = |subject: &Subject| subjects.iter().any(|other| other.has_scopes && other.baseline == subject.name);
    let with_scopes = subjects.iter().filter(|one| one.has_scopes || one.name == TSC_PAIR || compared(one));
    let with_scopes: Vec<Subject> = with_scopes.copied().collect();
    let without: Vec<Subject> = subjects.iter().filter(|subject| !subject.has_scopes).copied().collect();
    let mut rows = interleaved(&without, options);
    if with_scopes.iter().any(|subject| subject.has_scopes) {
        let has_scopes = |row: &Overhead| with_scopes.iter().any(|one| one.has_scopes && one.name == row.name);
        rows.extend(interleaved(&with_scopes, options).into_iter().filter(has_scopes));
    }
    Ok(rows)
}

/// Sets subjects up and measures all of them in each round.
fn interleaved(subjects: &[Subject], options: &Options) -> Vec<Overhead> {
    for subject in subjects {
        (subject.setup)();
    }
    let pool = Pool::new(options.threads.iter().copied().max().unwrap_or(1));
    let slice = Duration::from_millis(options.slice_ms);
    let mut series: Vec<Series> = Vec::new();
    for &threads in &options.threads {
        series.extend(subjects.iter().map(|&subject| Series::new(subject, threads, &pool, slice)));
    }
    for round in 0..options.rounds {
        if round % 2 == 0 {
            for one in &mut series {
                one.measure(&pool);
            }
        } else {
            for one in series.iter_mut().rev() {
                one.measure(&pool);
            }
        }
    }
    series.iter().map(|one| one.overhead(&series)).collect()
}

/// The samples of one subject on one number of threads, one per round.
struct Series {
    subject: Subject,
    threads: usize,
    calls: u64,
    samples: Vec<Sample>,
}

impl Series {
    /// Finds out how many calls take as long as they shall.
    fn new(subject: Subject, threads: usize, pool: &Pool, slice: Duration) -> Self {
        const MIN_CALLS: u64 = 1_000;
        let target_ns = slice.as_secs_f64() * 1e9;
        let mut calls = MIN_CALLS;
        loop {
            let spent_ns = pool.measure(subject, threads, calls).ns * float(calls);
            if spent_ns >= target_ns / 4.0 {
                // At least one call each, and far below 2^53.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let calls = (float(calls) * target_ns / spent_ns) as u64;
                return Self { subject, threads, calls: calls.max(MIN_CALLS), samples: Vec::new() };
            }
            calls *= 2;
        }
    }

    fn measure(&mut self, pool: &Pool) {
        self.samples.push(pool.measure(self.subject, self.threads, self.calls));
    }

    /// The rounds that count.
    fn rounds(&self) -> Vec<usize> {
        let is_together = |&round: &usize| self.samples[round].is_together;
        let rounds: Vec<usize> = (0..self.samples.len()).filter(is_together).collect();
        if rounds.is_empty() { (0..self.samples.len()).collect() } else { rounds }
    }

    fn ns(&self) -> Vec<f64> {
        self.rounds().into_iter().map(|round| self.samples[round].ns).collect()
    }

    /// What a call costs above the baseline's: the median over the rounds.
    fn ns_above_baseline(&self, all: &[Series]) -> f64 {
        let baseline = self.peer(all, self.subject.baseline);
        let difference = |round: usize| self.samples[round].ns - baseline.samples[round].ns;
        let differences = self.rounds().into_iter().map(difference);
        median(differences.collect())
    }

    /// The subject with this name, on the same number of threads.
    fn peer<'a>(&self, all: &'a [Series], name: &str) -> &'a Series {
        let is_it = |other: &&Series| other.subject.name == name && other.threads == self.threads;
        all.iter().find(is_it).expect("what a subject is compared to is measured with it")
    }

    fn overhead(&self, all: &[Series]) -> Overhead {
        let above = self.ns_above_baseline(all);
        let tsc_above = self.peer(all, TSC_PAIR).ns_above_baseline(all);
        let allocations = median(self.samples.iter().map(|sample| sample.allocations).collect());
        Overhead {
            name: self.subject.name,
            threads: self.threads,
            ns_median: rounded(median(self.ns()), 3),
            ns_min: rounded(min(&self.ns()), 3),
            ns_max: rounded(max(&self.ns()), 3),
            ns_above_plain: rounded(above, 3),
            ratio_to_tsc_pair: rounded(above / tsc_above, 4),
            allocs_per_call: rounded(allocations, 4),
            rounds: self.samples.iter().filter(|sample| sample.is_together).count(),
            baseline: self.subject.baseline,
        }
    }
}
