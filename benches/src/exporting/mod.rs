//! What a call costs while its numbers are exported.
//!
//! Snapshots are exported once a second, so each of their subjects makes calls for a second or more at a time, in which
//! an export happens, and nothing is measured again because it was disturbed: the export is what disturbs. What is
//! measured is the processor's time of the threads that make the calls, so that other programs do not count. What puts
//! each call into a queue makes them in bursts for which the queue has room, as programs do that call less often than a
//! loop which does nothing else; and for a second, in which it is full.

mod targets;

use serde::Serialize;

use self::targets::Target;
use crate::error::BenchError;
use crate::output::{self, Row, number};
use crate::pool::{Pool, Sample};
use crate::statistics::{float, max, median, min, rounded};

/// Arguments of `exporting`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
    /// How many threads call the same function at the same time; several numbers are measured one after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
    threads: Vec<usize>,
    /// How often everything is measured.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// How long a subject makes calls in each round, unless it is one of bursts; there is an export in each second.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

/// How many calls are a burst, on all threads: half of what a queue has room for.
const BURST: u64 = 32_768;

/// What was found about one subject on one number of threads.
#[derive(Debug, Serialize)]
struct Exporting {
    name: &'static str,
    threads: usize,
    ns_median: f64,
    ns_min: f64,
    ns_max: f64,
    ns_above_plain: f64,
    /// What it costs above the plain function, in terms of what the aggregator alone costs above it.
    ratio_to_aggregator: f64,
    /// By the calling thread.
    allocs_per_call: f64,
    /// Exports while calls were being made, over all rounds.
    exports: u64,
    /// Which part of the calls a queue had no room for.
    share_lost: f64,
}

impl Row for Exporting {
    const HEADS: &'static [&'static str] =
        &["function", "threads", "ns", "min", "max", "above plain", "× aggregator", "allocs", "exports", "lost"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.threads.to_string(),
            number(self.ns_median, 1),
            number(self.ns_min, 1),
            number(self.ns_max, 1),
            number(self.ns_above_plain, 2),
            number(self.ratio_to_aggregator, 2),
            number(self.allocs_per_call, 2),
            self.exports.to_string(),
            format!("{:.1} %", self.share_lost * 100.0),
        ]
    }
}

/// Runs the subcommand.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let pool = Pool::new(options.threads.iter().copied().max().unwrap_or(1));
    let targets = targets::all();
    for target in &targets {
        (target.subject.setup)();
    }
    let mut series: Vec<Series> = Vec::new();
    for &threads in &options.threads {
        for &target in &targets {
            series.push(Series::new(target, threads, &pool, options.seconds));
        }
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
    let rows: Vec<Exporting> = series.iter().map(|one| one.row(&series)).collect();
    output::print(&rows, options.json)
}

/// The samples of one target on one number of threads, one per round.
struct Series {
    target: Target,
    threads: usize,
    calls: u64,
    samples: Vec<Sample>,
    exports: u64,
    lost: u64,
}

impl Series {
    /// Finds out how many calls take so many seconds.
    fn new(target: Target, threads: usize, pool: &Pool, seconds: f64) -> Self {
        let burst = BURST / threads as u64;
        let costs = (0..5).map(|_| pool.measure_once(target.subject, threads, burst).cpu_ns).collect();
        // Far below 2^53.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let calls = (seconds * 1e9 / median(costs)) as u64;
        let calls = if target.is_burst { burst } else { calls };
        Self { target, threads, calls, samples: Vec::new(), exports: 0, lost: 0 }
    }

    fn measure(&mut self, pool: &Pool) {
        let Target { subject, exports, lost, .. } = self.target;
        let (exports_before, lost_before) = (exports(), lost());
        self.samples.push(pool.measure_once(subject, self.threads, self.calls));
        self.exports += exports() - exports_before;
        self.lost += lost() - lost_before;
    }

    /// What a call costs above a plain one: the median over the rounds.
    fn ns_above_plain(&self, all: &[Series]) -> f64 {
        let plain = self.peer(all, targets::PLAIN);
        median(self.samples.iter().zip(&plain.samples).map(|(ours, plain)| ours.cpu_ns - plain.cpu_ns).collect())
    }

    /// The subject with this name, on the same number of threads.
    fn peer<'a>(&self, all: &'a [Series], name: &str) -> &'a Series {
        let is_it = |other: &&Series| other.target.subject.name == name && other.threads == self.threads;
        all.iter().find(is_it).expect("what a subject is compared to is measured with it")
    }

    fn row(&self, all: &[Series]) -> Exporting {
        let above = self.ns_above_plain(all);
        let aggregator = self.peer(all, targets::AGGREGATOR).ns_above_plain(all);
        let ns: Vec<f64> = self.samples.iter().map(|sample| sample.cpu_ns).collect();
        let calls = self.calls * self.threads as u64 * self.samples.len() as u64;
        Exporting {
            name: self.target.subject.name,
            threads: self.threads,
            ns_median: rounded(median(ns.clone()), 3),
            ns_min: rounded(min(&ns), 3),
            ns_max: rounded(max(&ns), 3),
            ns_above_plain: rounded(above, 3),
            ratio_to_aggregator: rounded(above / aggregator, 4),
            allocs_per_call: rounded(median(self.samples.iter().map(|sample| sample.allocations).collect()), 4),
            exports: self.exports,
            share_lost: rounded(float(self.lost) / float(calls), 4),
        }
    }
}
