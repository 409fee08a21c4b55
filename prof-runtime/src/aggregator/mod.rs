//! Live numbers per function: calls by outcome and a histogram of durations.

#[cfg(feature = "serde")]
mod serialized;
mod snapshot;
mod stats;
mod values;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::SystemTime;

pub use self::snapshot::{FunctionStats, Snapshot, ValueStats};
pub(crate) use self::stats::{Stats, Totals};
use self::values::Values;
use crate::callsite::Callsite;
use crate::clock;
use crate::data::MetricData;
use crate::handler::{MetricHandler, Shortcut};
use crate::local::{self, lock};
use crate::outcome::Outcome;
use crate::record::{CallRecord, UntimedCall};
use crate::route::Route;

/// A handler that counts calls by outcome and keeps a histogram of durations, per function, and takes
/// [`Snapshot`]s of them.
///
/// Each thread writes to numbers of its own, 2.8 KiB per function that it has called, without locks; a snapshot merges
/// them. A thread that ends folds its numbers into shared totals, so memory does not grow with the threads that have
/// come and gone. Values from [`put_metric`](fn@crate::put_metric) are summed up by group and name, up to 2 000 of them;
/// further ones are counted as dropped.
///
/// A clone is a handle to the same numbers.
///
/// # Examples
///
/// ```
/// use prof_runtime::{Aggregator, prof, scoped};
///
/// #[prof(name = "parse")]
/// fn parse(text: &str) -> Result<u8, std::num::ParseIntError> { text.parse() }
///
/// let aggregator = Aggregator::new();
/// let _scope = scoped(aggregator.clone());
/// parse("1").unwrap();
/// parse("one").unwrap_err();
///
/// let snapshot = aggregator.snapshot();
/// let parse = snapshot.function("parse").unwrap();
/// assert_eq!((parse.calls(), parse.success, parse.failure), (2, 1, 1));
/// assert!(parse.quantile_ns(0.99).unwrap() <= parse.total_ns + parse.total_ns / 16 + 1);
/// ```
#[derive(Clone)]
pub struct Aggregator {
    shared: Arc<Shared>,
}

struct Shared {
    /// A number that no other aggregator of this process has or had; never 0.
    id: u64,
    since: SystemTime,
    /// The totals of threads that have ended. Whoever holds it keeps ending threads from folding theirs in.
    retired: Mutex<TotalsBySite>,
    values: Mutex<Values>,
}

/// The totals of each site, by the site's address.
type TotalsBySite = HashMap<usize, (&'static Callsite, Totals)>;

fn totals_of<'a>(totals: &'a mut TotalsBySite, site: &'static Callsite) -> &'a mut Totals {
    &mut totals.entry(local::key(site)).or_insert_with(|| (site, Totals::default())).1
}

impl Aggregator {
    /// Creates an aggregator without any numbers. It counts what is emitted while it is installed, by
    /// [`configure`](crate::configure), [`configure_group`](crate::configure_group) or [`scoped`](crate::scoped).
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Calibrated here, so that the first measured call does not wait for it.
        clock::prepare();
        let shared = Shared {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            since: clock::wall_time(),
            retired: Mutex::default(),
            values: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Returns the numbers so far, merged over all threads, living and ended.
    ///
    /// Calls that end while the snapshot is taken may or may not be in it; none is counted twice or lost. Threads that
    /// record are not held up; one that ends waits.
    ///
    /// Every annotated function of the program is listed, also those that were not called.
    pub fn snapshot(&self) -> Snapshot {
        local::inside(|| {
            let totals = {
                let retired = lock(&self.shared.retired);
                let mut totals = retired.clone();
                local::for_each_share(|stats| {
                    if stats.belongs_to(self) {
                        totals_of(&mut totals, stats.site()).add(stats);
                    }
                });
                totals
            };
            let values = lock(&self.shared.values);
            Snapshot::new(self.shared.since, totals, &values)
        })
    }

    /// The route that leads to this aggregator only.
    pub(crate) fn route(&self) -> Route {
        Route::to_aggregator(self.shared.id)
    }

    /// Counts one call on this thread's share; without its duration if it was not timed.
    #[inline]
    pub(crate) fn record(&self, site: &'static Callsite, outcome: Outcome, duration_ns: Option<u64>) {
        let route = self.route();
        let record = |stats: &Stats| stats.record_any(outcome, duration_ns);
        if !local::find(site, |local| local.is_some_and(|local| local.with_stats(route, record))) {
            self.record_first(site, outcome, duration_ns);
        }
    }

    #[cold]
    fn record_first(&self, site: &'static Callsite, outcome: Outcome, duration_ns: Option<u64>) {
        match local::share(site, self) {
            Some(stats) => stats.record_any(outcome, duration_ns),
            // The thread is running its last destructors.
            None => local::inside(|| {
                let mut retired = lock(&self.shared.retired);
                totals_of(&mut retired, site).add_call(outcome, duration_ns);
            }),
        }
    }

    /// Folds the share of a thread that ends into the totals; `release` takes it from the thread's list, at a moment at
    /// which no snapshot is looking.
    pub(crate) fn retire(&self, stats: &Stats, release: impl FnOnce()) {
        let mut retired = lock(&self.shared.retired);
        totals_of(&mut retired, stats.site()).add(stats);
        release();
    }

    /// Changes the retired totals of one site, at a moment at which no snapshot is looking.
    fn with_retired(&self, site: &'static Callsite, f: impl FnOnce(&mut Totals)) {
        f(totals_of(&mut lock(&self.shared.retired), site));
    }

    fn downgrade(&self) -> Weak<Shared> {
        Arc::downgrade(&self.shared)
    }
}

impl MetricHandler for Aggregator {
    fn emit(&self, data: &MetricData<'_>) {
        lock(&self.shared.values).add(data);
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        self.record(call.callsite(), call.outcome(), Some(call.duration_ns()));
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        self.record(call.callsite(), call.outcome(), None);
    }

    fn shortcut(&self) -> Shortcut<'_> {
        Shortcut::Aggregator(self)
    }
}

impl Default for Aggregator {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aggregator").field("id", &self.shared.id).finish_non_exhaustive()
    }
}
