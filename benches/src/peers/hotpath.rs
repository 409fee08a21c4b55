//! hotpath as its users run it: a guard in `main`, and a thread that aggregates what the functions send.

use std::thread;
use std::time::Duration;

use hotpath::{Format, HotpathGuardBuilder};

use crate::subject::{Subject, repeat};
use crate::work::work;

pub(super) const SUBJECTS: &[Subject] =
    &[Subject::new("hotpath", repeat!(measured)).setup(start).settle(|| thread::sleep(BACKLOG))];

/// How long its thread is given for what the calls have sent, of which it takes about a third in the meantime.
const BACKLOG: Duration = Duration::from_millis(30);

/// Starts it for as long as the process lives; without a report, which is printed when the guard is dropped.
fn start() {
    std::mem::forget(HotpathGuardBuilder::new("main").format(Format::None).build());
}

#[hotpath::measure]
#[inline(never)]
fn measured(x: u64) -> u64 {
    work(x)
}
