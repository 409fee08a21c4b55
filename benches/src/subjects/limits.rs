//! The limits of the machine: checking whether a call is measured, or reading a clock twice, cannot be cheaper.

use std::hint::black_box;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::subject::{PLAIN_ARITHMETIC, Subject, TSC_PAIR, repeat};
use crate::tsc;
use crate::work::{arithmetic, work};

pub(crate) const SUBJECTS: &[Subject] = &[
    Subject::new("limit: relaxed load and branch", repeat!(load_and_branch)).setup(switch_off),
    Subject::new("limit: relaxed load and branch, arithmetic only", repeat!(load_and_branch_arithmetic))
        .baseline(PLAIN_ARITHMETIC)
        .setup(switch_off),
    Subject::new(TSC_PAIR, repeat!(tsc_pair)),
    Subject::new("limit: two quanta raw reads", repeat!(quanta_raw_pair)).setup(calibrate),
    Subject::new("limit: two quanta::Instant", repeat!(quanta_instant_pair)).setup(calibrate),
    Subject::new("limit: two std Instant", repeat!(std_instant_pair)),
];

static SWITCH: AtomicU64 = AtomicU64::new(1);
static QUANTA: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);

/// Writes what the compiler cannot know: a static that nothing writes is a constant, and the branch on it is gone.
fn switch_off() {
    SWITCH.store(black_box(0), Ordering::Relaxed);
}

fn calibrate() {
    LazyLock::force(&QUANTA);
    black_box(quanta::Instant::now());
}

#[cold]
#[inline(never)]
fn switched_on() {
    black_box(tsc::read());
}

#[inline(never)]
fn load_and_branch(x: u64) -> u64 {
    let is_on = SWITCH.load(Ordering::Relaxed) != 0;
    if is_on {
        switched_on();
    }
    work(x)
}

#[inline(never)]
fn load_and_branch_arithmetic(x: u64) -> u64 {
    let is_on = SWITCH.load(Ordering::Relaxed) != 0;
    if is_on {
        switched_on();
    }
    arithmetic(x)
}

#[inline(never)]
fn tsc_pair(x: u64) -> u64 {
    let start = tsc::read();
    let value = work(x);
    black_box(tsc::read() - start);
    value
}

#[inline(never)]
fn quanta_raw_pair(x: u64) -> u64 {
    let start = QUANTA.raw();
    let value = work(x);
    black_box(QUANTA.raw() - start);
    value
}

#[inline(never)]
fn quanta_instant_pair(x: u64) -> u64 {
    let start = quanta::Instant::now();
    let value = work(x);
    black_box(start.elapsed());
    value
}

#[inline(never)]
fn std_instant_pair(x: u64) -> u64 {
    let start = Instant::now();
    let value = work(x);
    black_box(start.elapsed());
    value
}
