//! What a call may cost in functions of the shapes that programs have: as much as in any.

use super::Budget;
use super::calls::{Numbers, ns};
use crate::subjects::shapes::{SHAPES, Shape};

/// Each of them beside what is measured.
pub(super) fn budgets(numbers: &Numbers) -> Vec<Budget> {
    SHAPES.iter().flat_map(|shape| of(shape, numbers)).collect()
}

fn of(shape: &Shape, numbers: &Numbers) -> Vec<Budget> {
    let Shape { off, aggregated, sampled, recorded, asynchronous, prologue } = *shape;
    let mut budgets = [numbers.off(off, prologue), numbers.times_tsc_pair(aggregated)].concat();
    budgets.extend([
        ns(sampled, "above plain", 3.0, numbers.above_plain(sampled)),
        ns(recorded, "above the aggregator's", 5.0, numbers.above(recorded, aggregated)),
        ns(asynchronous, "above the sync one's", 5.0, numbers.above(asynchronous, aggregated)),
    ]);
    budgets
}
