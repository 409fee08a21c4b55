//! `#[prof]` where several handlers listen to a function: a report beside an exporter, a handler of the user's beside
//! either.

use std::sync::LazyLock;

use prof_runtime::{Aggregator, FanoutHandler, configure_group, prof};

use super::ours::{AGGREGATOR, TakesCalls};
use crate::subject::{Subject, ours, repeat};
use crate::work::work;

pub(crate) const SUBJECTS: &[Subject] = &[
    Subject::new(ours::TWO_AGGREGATORS, repeat!(two)).setup(|| configure_group("bench.two", aggregators(2))),
    Subject::new(ours::THREE_AGGREGATORS, repeat!(three)).setup(|| configure_group("bench.three", aggregators(3))),
    Subject::new("prof: aggregator and custom record_call", repeat!(beside))
        .setup(|| configure_group("bench.beside", aggregators(1).with(TakesCalls))),
];

static OTHERS: LazyLock<[Aggregator; 2]> = LazyLock::new(|| [Aggregator::new(), Aggregator::new()]);

/// So many of them, up to three.
fn aggregators(count: usize) -> FanoutHandler {
    let all = [&*AGGREGATOR, &OTHERS[0], &OTHERS[1]];
    all[..count].iter().fold(FanoutHandler::new(), |fanout, aggregator| fanout.with((*aggregator).clone()))
}

#[prof(group = "bench.two")]
#[inline(never)]
fn two(x: u64) -> u64 {
    work(x)
}

#[prof(group = "bench.three")]
#[inline(never)]
fn three(x: u64) -> u64 {
    work(x)
}

#[prof(group = "bench.beside")]
#[inline(never)]
fn beside(x: u64) -> u64 {
    work(x)
}
