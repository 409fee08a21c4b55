//! Data points of the program's own: instruments that are bound once, and `put_metric`, which looks names up.

use prof_runtime::{Counter, Distribution, Gauge, configure_group, counter, distribution, gauge, put_metric};

use super::ours::AGGREGATOR;
use crate::subject::{Subject, ours, repeat};
use crate::work::work;

pub(crate) const SUBJECTS: &[Subject] = &[
    Subject::new("prof: counter, off", repeat!(off)),
    Subject::new(ours::COUNTER, repeat!(count)).setup(aggregate),
    Subject::new(ours::DISTRIBUTION, repeat!(record)).setup(aggregate),
    Subject::new(ours::GAUGE_SET, repeat!(set)).setup(aggregate),
    Subject::new(ours::GAUGE_ADD, repeat!(change)).setup(aggregate),
    Subject::new("prof: put_metric, aggregator", repeat!(put)).setup(aggregate),
];

static OFF: Counter = counter!("bench.off", "bench.instruments.off");
static COUNTER: Counter = counter!("bench.counter", "bench.instruments");
static SIZES: Distribution = distribution!("bench.sizes", "bench.instruments");
static SET: Gauge = gauge!("bench.set", "bench.instruments");
static CHANGED: Gauge = gauge!("bench.changed", "bench.instruments");

fn aggregate() {
    configure_group("bench.instruments", AGGREGATOR.clone());
}

#[inline(never)]
fn off(x: u64) -> u64 {
    OFF.add(x);
    work(x)
}

#[inline(never)]
fn count(x: u64) -> u64 {
    COUNTER.add(x);
    work(x)
}

#[inline(never)]
fn record(x: u64) -> u64 {
    SIZES.record(x);
    work(x)
}

#[inline(never)]
#[allow(clippy::cast_precision_loss)] // It is a number of calls.
fn set(x: u64) -> u64 {
    SET.set(x as f64);
    work(x)
}

#[inline(never)]
fn change(x: u64) -> u64 {
    CHANGED.add(1);
    work(x)
}

#[inline(never)]
fn put(x: u64) -> u64 {
    put_metric("bench.put", x, "bench.instruments");
    work(x)
}
