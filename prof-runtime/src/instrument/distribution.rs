//! Numbers whose distribution matters, such as sizes.

use std::fmt;
use std::sync::Arc;

use super::report_slowly;
use crate::call::Report;
use crate::counts::{Counts, Stats};
use crate::handler::MetricHandler;
use crate::model::Outcome;
use crate::site::{Callsite, RecordedNumber, Route};
use crate::thread;

/// Whole numbers whose distribution matters, such as bytes of a response or rows of a result.
/// [`distribution!`](crate::distribution!) makes one.
///
/// With an [`Aggregator`](crate::Aggregator), a number is counted on its thread, without a lock: in the count, the sum,
/// the extremes and the [histogram](crate::ValueStats::distribution) of its name. Where no handler receives the group,
/// recording is one load and a branch. Other handlers receive each number by
/// [`record_number`](MetricHandler::record_number), by default as a data point, a [gauge](crate::MetricValue::Gauge).
///
/// Snapshots list every distribution of the program, with a count of 0 before its first number. Numbers that are
/// recorded while no handler receives the group are not counted. Distributions that share a group and a name share an
/// entry.
///
/// The histogram has 16 buckets for each power of two, so that a quantile is within 3.2 % of the exact one. Numbers
/// from 2^42 up share the last bucket.
///
/// # Examples
///
/// ```
/// use prof_runtime::{Aggregator, Distribution, configure_group, distribution};
///
/// static SIZES: Distribution = distribution!("response_bytes", "http");
///
/// let aggregator = Aggregator::new();
/// configure_group("http", aggregator.clone());
/// for bytes in [200, 300, 100_000] {
///     SIZES.record(bytes);
/// }
/// let snapshot = aggregator.snapshot();
/// let sizes = snapshot.value("response_bytes").unwrap();
/// assert_eq!((sizes.count, sizes.sum, sizes.max), (3, 100_500.0, Some(100_000.0)));
/// let median = sizes.quantile(0.5).unwrap();
/// assert!((291..=309).contains(&median), "{median} is within 3.2 % of 300");
/// ```
#[derive(Clone, Copy)]
pub struct Distribution {
    site: &'static Callsite,
}

impl Distribution {
    /// Not public API: what [`distribution!`](crate::distribution!) calls.
    #[doc(hidden)]
    pub const fn at(site: &'static Callsite) -> Self {
        Self { site }
    }

    /// Records a number. A sum beyond 2^64 wraps.
    #[inline]
    pub fn record(self, number: u64) {
        match self.site.route() {
            Route::OFF => {}
            _ => record(self.site, number),
        }
    }

    /// Returns the name.
    pub fn name(&self) -> &'static str {
        self.site.name()
    }

    /// Returns the group.
    pub fn group(&self) -> &'static str {
        self.site.group()
    }
}

impl fmt::Debug for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distribution").field("name", &self.name()).field("group", &self.group()).finish_non_exhaustive()
    }
}

#[cold]
#[inline(never)]
fn record(site: &'static Callsite, number: u64) {
    if let Some(stats) = super::cached_stats(site) {
        return stats.record(Outcome::Success, number);
    }
    report_slowly(site, Recorded(number));
}

#[derive(Clone, Copy)]
struct Recorded(u64);

impl Report for Recorded {
    #[inline(always)]
    fn count(self, stats: &Stats) {
        stats.record(Outcome::Success, self.0);
    }

    fn count_by(self, counts: &Arc<Counts>, site: &'static Callsite) {
        thread::record(counts, site, Outcome::Success, Some(self.0));
    }

    fn give(self, handler: &dyn MetricHandler, site: &'static Callsite) {
        handler.record_number(&RecordedNumber::new(site, self.0));
    }
}

/// Makes a [`Distribution`](crate::Distribution) in the group of the crate that this is written in:
/// `distribution!("response_bytes")`. A second argument names another group.
///
/// Name and group are constants. It stands where a static gets its value, or in a function:
/// `distribution!("response_bytes").record(200)`. Each place is a distribution of its own, and those that share group
/// and name are added up.
#[macro_export]
macro_rules! distribution {
    ($name:expr $(,)?) => {
        $crate::distribution!($name, $crate::__private::crate_name($crate::__private::module_path!()))
    };
    ($name:expr, $group:expr $(,)?) => {{
        static __PROF_SITE: $crate::__private::Callsite = $crate::__private::instrument(
            $name,
            $group,
            $crate::__private::Instrument::Distribution,
            $crate::__private::module_path!(),
        );
        $crate::__private::list!(__PROF_SITE);
        $crate::Distribution::at(&__PROF_SITE)
    }};
}
