//! What a call may cost.

use super::{Budget, Options, shapes};
use crate::error::BenchError;
use crate::instructions::{self, Count};
use crate::overhead::{self, Overhead};
use crate::subject::ours;
use crate::subjects::shapes::Prologue;

/// All of ours have it in their names.
const OURS: &str = "prof:";

/// Each of them beside what is measured.
pub(super) fn budgets(options: &Options) -> Result<Vec<Budget>, BenchError> {
    let rows = overhead::measure(&overhead::Options {
        rounds: options.rounds,
        filter: Some(OURS.to_owned()),
        ..overhead::Options::default()
    })?;
    let ours = instructions::Options { filter: Some(OURS.to_owned()), ..instructions::Options::default() };
    let counts = match instructions::count(&ours) {
        Ok(counts) => counts,
        Err(BenchError::NoValgrind(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let numbers = Numbers { rows, counts };
    let budgets = [off, aggregated, instruments, several, others, scopes, shapes::budgets];
    Ok(budgets.iter().flat_map(|budgets| budgets(&numbers)).collect())
}

/// What was measured.
pub(super) struct Numbers {
    rows: Vec<Overhead>,
    counts: Vec<Count>,
}

impl Numbers {
    fn row(&self, name: &str, threads: usize) -> Option<&Overhead> {
        self.rows.iter().find(|row| row.name == name && row.threads == threads)
    }

    fn count(&self, name: &str) -> Option<&Count> {
        self.counts.iter().find(|count| count.name == name)
    }

    /// Nanoseconds, on one thread.
    pub(super) fn above_plain(&self, name: &str) -> Option<f64> {
        self.row(name, 1).map(|row| row.ns_above_plain)
    }

    /// What one costs above its plain function, less what the other does.
    pub(super) fn above(&self, name: &str, other: &str) -> Option<f64> {
        Some(self.above_plain(name)? - self.above_plain(other)?)
    }

    /// What one costs above its plain function, in terms of what the other does.
    fn ratio(&self, name: &str, other: &str, threads: usize) -> Option<f64> {
        Some(self.row(name, threads)?.ns_above_plain / self.row(other, threads)?.ns_above_plain)
    }

    /// The budgets of a function without a handler.
    pub(super) fn off(&self, name: &str, prologue: Prologue) -> [Budget; 2] {
        let instructions = self.count(name).map(|count| count.above_plain);
        // docs/cost.md tells why not all hold the first.
        let (what, ns, limit) = match prologue {
            Prologue::None => ("above plain", 0.5, 4.0),
            Prologue::Memory => ("above plain, memory on the stack", 0.8, 12.0),
            Prologue::Registers => ("above plain, registers saved first", 0.8, 14.0),
        };
        [
            Budget::new(format!("{name}: {what}"), "ns", ns, self.above_plain(name)),
            Budget::new(format!("{name}: {what}"), "instructions", limit, instructions),
        ]
    }

    /// The budgets of what is compared to the machine's counter: on one thread, and on two.
    pub(super) fn times_tsc_pair(&self, name: &str) -> [Budget; 2] {
        ON_THREADS.map(|(threads, on)| {
            let ratio = self.row(name, threads).map(|row| row.ratio_to_tsc_pair);
            Budget::new(format!("{name}, {on}"), "× TSC pair", 1.25, ratio)
        })
    }

    fn allocations(&self, name: &str) -> Budget {
        let found = self.row(name, 1).map(|row| row.allocs_per_call);
        Budget::new(format!("{name}: allocations per call"), "", 0.0, found)
    }
}

fn instruments(numbers: &Numbers) -> Vec<Budget> {
    let of = |name: &'static str| {
        let threads = ON_THREADS.map(|(threads, on)| {
            let found = numbers.row(name, threads).map(|row| row.ns_above_plain);
            Budget::new(format!("{name}, {on}: above plain"), "ns", 10.0, found)
        });
        threads.into_iter().chain([numbers.allocations(name)])
    };
    [ours::COUNTER, ours::DISTRIBUTION, ours::GAUGE_SET, ours::GAUGE_ADD].into_iter().flat_map(of).collect()
}

/// A budget in nanoseconds.
pub(super) fn ns(name: &str, what: &str, limit: f64, measured: Option<f64>) -> Budget {
    Budget::new(format!("{name}: {what}"), "ns", limit, measured)
}

const ON_THREADS: [(usize, &str); 2] = [(1, "1 thread"), (2, "2 threads")];

fn off(numbers: &Numbers) -> Vec<Budget> {
    let mut budgets =
        [numbers.off(ours::OFF, Prologue::Memory), numbers.off(ours::OFF_ARITHMETIC, Prologue::None)].concat();
    budgets.push(numbers.allocations(ours::OFF));
    budgets
}

fn aggregated(numbers: &Numbers) -> Vec<Budget> {
    let mut budgets = numbers.times_tsc_pair(ours::AGGREGATOR).to_vec();
    let count = numbers.count(ours::AGGREGATOR).map(|count| count.instructions_per_call);
    budgets.push(Budget::new(format!("{}: the whole call", ours::AGGREGATOR), "instructions", 110.0, count));
    budgets.push(numbers.allocations(ours::AGGREGATOR));
    budgets
}

fn several(numbers: &Numbers) -> Vec<Budget> {
    let mut budgets = Vec::new();
    for (name, limit) in [(ours::TWO_AGGREGATORS, 1.6), (ours::THREE_AGGREGATORS, 2.2)] {
        for (threads, on) in ON_THREADS {
            let ratio = numbers.ratio(name, ours::AGGREGATOR, threads);
            budgets.push(Budget::new(format!("{name}, {on}"), "× one", limit, ratio));
        }
        budgets.push(numbers.allocations(name));
    }
    budgets
}

fn others(numbers: &Numbers) -> Vec<Budget> {
    vec![
        ns(ours::SAMPLED, "above plain", 3.0, numbers.above_plain(ours::SAMPLED)),
        ns(ours::RECORD_CALL, "above the aggregator's", 5.0, numbers.above(ours::RECORD_CALL, ours::AGGREGATOR)),
        ns(ours::ASYNC, "above the sync one's", 5.0, numbers.above(ours::ASYNC, ours::AGGREGATOR)),
    ]
}

fn scopes(numbers: &Numbers) -> Vec<Budget> {
    vec![
        ns(ours::OFF_SCOPE_BEFORE, "above none", 5.0, numbers.above(ours::OFF_SCOPE_BEFORE, ours::OFF)),
        ns(ours::OFF_SCOPE_ELSEWHERE, "above none", 5.0, numbers.above(ours::OFF_SCOPE_ELSEWHERE, ours::OFF)),
        ns(ours::SCOPE, "above plain", 100.0, numbers.above_plain(ours::SCOPE)),
        ns(ours::WITH_HANDLER, "above plain", 100.0, numbers.above_plain(ours::WITH_HANDLER)),
    ]
}
