//! Live numbers per function: calls by outcome and a histogram of durations.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::SystemTime;

use super::take_locks;
use crate::base::clock;
use crate::base::culprit::Culprit;
use crate::base::{Locked, forks, inside, lock, stderr};
use crate::counts::values::{Added, Values};
use crate::counts::{Snapshot, Stats, Totals};
use crate::handler::{FastPath, MetricHandler};
use crate::model::{MetricData, Outcome};
use crate::site::{CallRecord, Callsite, Route, UntimedCall};
use crate::thread::local;

/// A handler that counts calls by outcome and keeps a histogram of durations, per function, and takes
/// [`Snapshot`]s of them.
///
/// Each thread writes to numbers of its own, 2.8 KiB per function that it has called, without locks; a snapshot merges
/// them. A thread that ends folds its numbers into shared totals, so memory does not grow with the threads that have
/// come and gone. Values from [`put_metric`](fn@crate::put_metric) are summed up by group and name, up to 2 000 of them;
/// further ones are counted as dropped, and so are those of another kind than the first of their name.
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
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    /// A number that no other aggregator of this process has or had; never 0.
    id: u64,
    since: SystemTime,
    /// The totals of threads that have ended. Whoever holds it keeps ending threads from folding theirs in.
    retired: Mutex<TotalsBySite>,
    values: Mutex<Values>,
}

/// The totals of each site, by the site's address.
#[derive(Clone, Default)]
pub(crate) struct TotalsBySite(pub(crate) HashMap<usize, (&'static Callsite, Totals)>);

impl TotalsBySite {
    pub(crate) fn of(&mut self, site: &'static Callsite) -> &mut Totals {
        &mut self.0.entry(local::key(site)).or_insert_with(|| (site, Totals::default())).1
    }

    /// Adds the numbers of a thread.
    pub(crate) fn add(&mut self, stats: &Stats) {
        self.of(stats.site()).add(stats);
    }
}

/// All aggregators, and what is left of dropped ones until the next is made.
static ALL: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// Locks of all aggregators, taken around a fork.
pub(crate) struct Held {
    _aggregators: Vec<HeldAggregator>,
    _all: Locked<'static, Vec<Weak<Shared>>>,
}

struct HeldAggregator {
    /// Of the aggregator below, and dropped before it.
    _locked: (Locked<'static, TotalsBySite>, Locked<'static, Values>),
    _shared: Arc<Shared>,
}

/// Takes the locks. Those of the threads' states come after them.
#[allow(unsafe_code)]
pub(crate) fn hold() -> Held {
    let all = lock(&ALL);
    let shared: Vec<_> = all.iter().filter_map(Weak::upgrade).collect();
    let hold = |shared: Arc<Shared>| {
        // SAFETY: it is on the heap and lives as long as the `Arc` beside the locks, which is dropped after them.
        let locked = unsafe { &*Arc::as_ptr(&shared) };
        HeldAggregator { _locked: (lock(&locked.retired), lock(&locked.values)), _shared: shared }
    };
    Held { _aggregators: shared.into_iter().map(hold).collect(), _all: all }
}

impl Drop for Shared {
    fn drop(&mut self) {
        local::count_dropped_aggregator();
    }
}

impl Aggregator {
    /// Creates an aggregator without any numbers. It counts what is emitted while it is installed, by
    /// [`configure`](crate::configure), [`configure_group`](crate::configure_group) or [`scoped`](crate::scoped).
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Calibrated here, so that the first measured call does not wait for it.
        clock::prepare();
        forks::take_locks_by(take_locks);
        forks::follow();
        let shared = Arc::new(Shared {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            since: clock::wall_time(),
            retired: Mutex::default(),
            values: Mutex::default(),
        });
        let mut all = lock(&ALL);
        all.retain(|known| known.strong_count() > 0);
        all.push(Arc::downgrade(&shared));
        drop(all);
        Self { shared }
    }

    /// Returns the numbers so far, merged over all threads, living and ended.
    ///
    /// Calls that end while the snapshot is taken may or may not be in it; none is counted twice or lost. Threads that
    /// record are not held up; one that ends waits.
    ///
    /// Every annotated function of the program is listed, also those that were not called; and so are its
    /// [counters](crate::counter!) and [gauges](crate::gauge!).
    pub fn snapshot(&self) -> Snapshot {
        inside(|| {
            let totals = {
                let retired = lock(&self.shared.retired);
                let mut totals = retired.clone();
                local::for_each_share(|stats| {
                    if stats.aggregator_route() == self.route() {
                        totals.add(stats);
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
        self.record_by(site, |stats| stats.record_any(outcome, duration_ns));
    }

    /// Changes this thread's share by `record`, which runs once.
    #[inline]
    pub(crate) fn record_by(&self, site: &'static Callsite, record: impl Fn(&Stats)) {
        let route = self.route();
        let is_recorded = local::find(site, |local| {
            let Some(local) = local else { return false };
            let Some(stats) = local.stats_of(route) else { return false };
            record(stats);
            if site.route() == route {
                local.cache_stats(route);
            }
            true
        });
        if !is_recorded {
            self.record_first(site, record);
        }
    }

    #[cold]
    fn record_first(&self, site: &'static Callsite, record: impl FnOnce(&Stats)) {
        local::share(site, self, record);
    }

    /// Changes the totals of threads that have ended, at a moment at which no snapshot is looking.
    pub(crate) fn retire(&self, change: impl FnOnce(&mut TotalsBySite)) {
        change(&mut lock(&self.shared.retired));
    }

    pub(crate) fn downgrade(&self) -> Weak<Shared> {
        Arc::downgrade(&self.shared)
    }
}

/// Says that a name has another kind of value. Rarely, where each of many requests has an aggregator.
#[cold]
fn print_refused(data: &MetricData<'_>, kind: &'static str) {
    let Some(times) = Culprit::named("a name with two kinds of values").count() else { return };
    let (name, group, other) = (&data.name, &data.group_name, data.value.kind());
    stderr::line(format_args!(
        "prof: could not add a {other} to `{name}` of group `{group}`, which is a {kind} since its first data point: \
         data points of other kinds are dropped and counted; give each kind a name of its own (seen{times})"
    ));
}

impl MetricHandler for Aggregator {
    fn emit(&self, data: &MetricData<'_>) {
        // The lock is released before anything is printed.
        let added = lock(&self.shared.values).add(data);
        if let Added::Refused { kind } = added {
            print_refused(data, kind);
        }
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        self.record(call.callsite(), call.outcome(), Some(call.duration_ns()));
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        self.record(call.callsite(), call.outcome(), None);
    }

    fn fast_path(&self) -> FastPath<'_> {
        FastPath::Counts(self)
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
