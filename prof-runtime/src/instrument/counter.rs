//! A number that only grows.

use std::fmt;
use std::sync::Arc;

use super::report_slowly;
use crate::call::Report;
use crate::counts::{Counts, Stats};
use crate::handler::MetricHandler;
use crate::model::{MetricData, MetricValue};
use crate::site::{Callsite, Route};
use crate::thread;

/// A number that only grows, such as of pages fetched or bytes sent. [`counter!`](crate::counter!) makes one.
///
/// An addition goes to the same handlers as a data point of [`put_metric`](fn@crate::put_metric), without its look-ups.
/// With an [`Aggregator`](crate::Aggregator), it writes to numbers of its thread and takes no lock. Where no handler
/// receives the group, it is one load and a branch. Other handlers receive each addition as a data point.
///
/// Snapshots list every counter of the program, at 0 before its first addition. Additions while no handler receives the
/// group are not counted, as calls of annotated functions are not. Counters that share a group and a name share an
/// entry.
///
/// # Examples
///
/// ```
/// use prof_runtime::{Aggregator, Counter, configure_group, counter};
///
/// static PAGES: Counter = counter!("pages", "crawler");
///
/// let aggregator = Aggregator::new();
/// configure_group("crawler", aggregator.clone());
/// assert_eq!(aggregator.snapshot().value("pages").unwrap().sum, 0.0);
///
/// PAGES.add(3);
/// std::thread::spawn(|| PAGES.increment()).join().unwrap();
/// let snapshot = aggregator.snapshot();
/// let pages = snapshot.value("pages").unwrap();
/// assert_eq!((pages.count, pages.sum), (2, 4.0));
/// ```
#[derive(Clone, Copy)]
pub struct Counter {
    site: &'static Callsite,
}

impl Counter {
    /// Not public API: what [`counter!`](crate::counter!) calls.
    #[doc(hidden)]
    pub const fn at(site: &'static Callsite) -> Self {
        Self { site }
    }

    /// Adds `count`. A sum beyond 2^64 wraps.
    #[inline]
    pub fn add(self, count: u64) {
        match self.site.route() {
            Route::OFF => {}
            _ => add(self.site, count),
        }
    }

    /// Adds 1.
    #[inline]
    pub fn increment(self) {
        self.add(1);
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

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counter").field("name", &self.name()).field("group", &self.group()).finish_non_exhaustive()
    }
}

#[cold]
#[inline(never)]
fn add(site: &'static Callsite, count: u64) {
    if let Some(stats) = super::cached_stats(site) {
        return stats.add(count);
    }
    report_slowly(site, Added(count));
}

#[derive(Clone, Copy)]
struct Added(u64);

impl Report for Added {
    #[inline(always)]
    fn count(self, stats: &Stats) {
        stats.add(self.0);
    }

    fn count_by(self, counts: &Arc<Counts>, site: &'static Callsite) {
        thread::record_by(counts, site, |stats| stats.add(self.0));
    }

    fn give(self, handler: &dyn MetricHandler, site: &'static Callsite) {
        handler.emit(&MetricData::new(site.group(), site.name(), MetricValue::Count(self.0)));
    }
}

/// Makes a [`Counter`](crate::Counter) in the group of the crate that this is written in: `counter!("pages")`. A second
/// argument names another group.
///
/// Name and group are constants. It stands where a static gets its value, or in a function: `counter!("pages").add(1)`.
/// Each place is a counter of its own, and those that share group and name are added up.
#[macro_export]
macro_rules! counter {
    ($name:expr $(,)?) => {
        $crate::counter!($name, $crate::__private::crate_name($crate::__private::module_path!()))
    };
    ($name:expr, $group:expr $(,)?) => {{
        static __PROF_SITE: $crate::__private::Callsite = $crate::__private::instrument(
            $name,
            $group,
            $crate::__private::Instrument::Counter,
            $crate::__private::module_path!(),
        );
        $crate::__private::list!(__PROF_SITE);
        $crate::Counter::at(&__PROF_SITE)
    }};
}
