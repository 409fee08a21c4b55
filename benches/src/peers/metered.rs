//! metered with the three metrics that its documentation puts on a method.

use std::sync::LazyLock;

use metered::{ErrorCount, HitCount, ResponseTime, metered};

use crate::subject::{PLAIN_RESULT, Subject, repeat};
use crate::work::{Refused, fallible_work};

pub(super) const SUBJECTS: &[Subject] =
    &[Subject::new("metered, hits, errors and times", repeat!(measured)).baseline(PLAIN_RESULT)];

#[derive(Debug, Default)]
struct Service {
    metrics: Metrics,
}

static SERVICE: LazyLock<Service> = LazyLock::new(Service::default);

#[metered(registry = Metrics)]
impl Service {
    #[measure([HitCount, ErrorCount, ResponseTime])]
    #[inline(never)]
    fn measured(&self, x: u64) -> Result<u64, Refused> {
        fallible_work(x)
    }
}

#[inline(always)]
fn measured(x: u64) -> Result<u64, Refused> {
    SERVICE.measured(x)
}
