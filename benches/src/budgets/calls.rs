//! What a call may cost.

use super::{Budget, Options};
use crate::error::BenchError;
use crate::instructions::{self, Count};
use crate::overhead::{self, Overhead};
use crate::subject::ours;

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
    Ok([off(&rows, &counts), aggregated(&rows, &counts), others(&rows)].concat())
}

fn find<'a>(rows: &'a [Overhead], name: &str, threads: usize) -> Option<&'a Overhead> {
    rows.iter().find(|row| row.name == name && row.threads == threads)
}

fn ns_above_plain(rows: &[Overhead], name: &str) -> Option<f64> {
    find(rows, name, 1).map(|row| row.ns_above_plain)
}

fn allocations(rows: &[Overhead], name: &str) -> Budget {
    let found = find(rows, name, 1).map(|row| row.allocs_per_call);
    Budget::new(format!("{name}: allocations per call"), "", 0.0, found)
}

fn off(rows: &[Overhead], counts: &[Count]) -> Vec<Budget> {
    let mut budgets = Vec::new();
    for name in [ours::OFF, ours::OFF_ARITHMETIC] {
        let above = counts.iter().find(|count| count.name == name).map(|count| count.above_plain);
        budgets.push(Budget::new(format!("{name}: above plain"), "ns", 0.5, ns_above_plain(rows, name)));
        budgets.push(Budget::new(format!("{name}: above plain"), "instructions", 4.0, above));
    }
    budgets.push(allocations(rows, ours::OFF));
    budgets
}

fn aggregated(rows: &[Overhead], counts: &[Count]) -> Vec<Budget> {
    let mut budgets = Vec::new();
    for (threads, on) in [(1, "1 thread"), (2, "2 threads")] {
        let ratio = find(rows, ours::AGGREGATOR, threads).map(|row| row.ratio_to_tsc_pair);
        budgets.push(Budget::new(format!("{}, {on}", ours::AGGREGATOR), "× TSC pair", 1.25, ratio));
    }
    let count = counts.iter().find(|count| count.name == ours::AGGREGATOR);
    let count = count.map(|count| count.instructions_per_call);
    budgets.push(Budget::new(format!("{}: the whole call", ours::AGGREGATOR), "instructions", 110.0, count));
    budgets.push(allocations(rows, ours::AGGREGATOR));
    budgets
}

fn others(rows: &[Overhead]) -> Vec<Budget> {
    let above = |name| ns_above_plain(rows, name);
    let above_aggregator = |name| Some(above(name)? - above(ours::AGGREGATOR)?);
    let budget = |name: &str, what, limit, measured| Budget::new(format!("{name}: {what}"), "ns", limit, measured);
    vec![
        budget(ours::SAMPLED, "above plain", 3.0, above(ours::SAMPLED)),
        budget(ours::RECORD_CALL, "above the aggregator's", 5.0, above_aggregator(ours::RECORD_CALL)),
        budget(ours::ASYNC, "above the sync one's", 5.0, above_aggregator(ours::ASYNC)),
    ]
}
