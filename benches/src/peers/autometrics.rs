//! autometrics with its prometheus exporter and the backend that comes with that.

use autometrics::{autometrics, prometheus_exporter};

use crate::subject::{Subject, repeat};
use crate::work::work;

pub(super) const SUBJECTS: &[Subject] =
    &[Subject::new("autometrics, prometheus exporter", repeat!(measured)).setup(prometheus_exporter::init)];

#[autometrics]
#[inline(never)]
fn measured(x: u64) -> u64 {
    work(x)
}
