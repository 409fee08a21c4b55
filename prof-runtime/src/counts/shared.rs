//! The numbers that all handles of one aggregator share: the totals of threads that have ended, and the values.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::SystemTime;

use super::values::Values;
use super::{Stats, Totals};
use crate::base::clock;
use crate::base::{Locked, lock};
use crate::site::{Callsite, Route};

/// The numbers that all handles of one aggregator share. The shares of threads refer to it.
pub(crate) struct Counts {
    /// The number of the aggregator, unique in this process; never 0.
    pub(crate) id: u64,
    pub(crate) since: SystemTime,
    /// The totals of threads that have ended. While a snapshot holds the lock, no ending thread adds its numbers.
    pub(crate) retired: Mutex<TotalsBySite>,
    pub(crate) values: Mutex<Values>,
}

/// The totals of each site, by the site's address.
#[derive(Clone, Default)]
pub(crate) struct TotalsBySite(pub(crate) HashMap<usize, (&'static Callsite, Totals)>);

impl TotalsBySite {
    pub(crate) fn of(&mut self, site: &'static Callsite) -> &mut Totals {
        &mut self.0.entry(site.address()).or_insert_with(|| (site, Totals::default())).1
    }

    /// Adds the numbers of a thread.
    pub(crate) fn add(&mut self, stats: &Stats) {
        self.of(stats.site()).add(stats);
    }
}

/// All aggregators. Entries of dropped ones stay until the next aggregator is made.
static ALL: Mutex<Vec<Weak<Counts>>> = Mutex::new(Vec::new());

/// Locks of all aggregators, taken around a fork.
pub(crate) struct Held {
    _aggregators: Vec<HeldAggregator>,
    _all: Locked<'static, Vec<Weak<Counts>>>,
}

struct HeldAggregator {
    /// The locks of the aggregator below. They are dropped before it.
    _locked: (Locked<'static, TotalsBySite>, Locked<'static, Values>),
    _counts: Arc<Counts>,
}

/// Takes the locks. Those of the threads' states come after them.
#[allow(unsafe_code)]
pub(crate) fn hold() -> Held {
    let all = lock(&ALL);
    let counts: Vec<_> = all.iter().filter_map(Weak::upgrade).collect();
    let hold = |counts: Arc<Counts>| {
        // SAFETY: it is on the heap and lives as long as the `Arc` beside the locks, which is dropped after them.
        let locked = unsafe { &*Arc::as_ptr(&counts) };
        HeldAggregator { _locked: (lock(&locked.retired), lock(&locked.values)), _counts: counts }
    };
    Held { _aggregators: counts.into_iter().map(hold).collect(), _all: all }
}

/// The number of aggregators that were dropped.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Returns how many aggregators were dropped: each thread releases its shares of them before it adds another share.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

impl Drop for Counts {
    fn drop(&mut self) {
        // Relaxed: a thread that sees the new value late releases its shares late.
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counts {
    /// Creates the counts of an aggregator that has received nothing.
    pub(crate) fn new() -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let counts = Arc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            since: clock::wall_time(),
            retired: Mutex::default(),
            values: Mutex::default(),
        });
        let mut all = lock(&ALL);
        all.retain(|known| known.strong_count() > 0);
        all.push(Arc::downgrade(&counts));
        drop(all);
        counts
    }

    /// Returns the route that leads to this aggregator alone.
    pub(crate) fn route(&self) -> Route {
        Route::to_aggregator(self.id)
    }

    /// Changes the totals of threads that have ended, while no snapshot reads them.
    pub(crate) fn retire(&self, change: impl FnOnce(&mut TotalsBySite)) {
        change(&mut lock(&self.retired));
    }
}
