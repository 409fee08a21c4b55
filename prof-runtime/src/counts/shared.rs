//! What the handles of one aggregator share: the totals of threads that have ended, and the values.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::SystemTime;

use super::values::Values;
use super::{Stats, Totals};
use crate::base::clock;
use crate::base::{Locked, lock};
use crate::site::{Callsite, Route};

/// What the handles of one aggregator share. Threads refer to it where they keep their shares of the numbers.
pub(crate) struct Counts {
    /// A number that no other aggregator of this process has or had; never 0.
    pub(crate) id: u64,
    pub(crate) since: SystemTime,
    /// The totals of threads that have ended. A thread that holds it keeps ending threads from adding theirs.
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

/// All aggregators, and what is left of dropped ones until the next is made.
static ALL: Mutex<Vec<Weak<Counts>>> = Mutex::new(Vec::new());

/// Locks of all aggregators, taken around a fork.
pub(crate) struct Held {
    _aggregators: Vec<HeldAggregator>,
    _all: Locked<'static, Vec<Weak<Counts>>>,
}

struct HeldAggregator {
    /// Of the aggregator below, and dropped before it.
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

/// How many aggregators were dropped.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Returns how many aggregators were dropped: each thread releases its shares of them before it adds another share.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

impl Drop for Counts {
    fn drop(&mut self) {
        // Relaxed: a thread that sees the new value later releases later.
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

    /// The route that leads to this aggregator only.
    pub(crate) fn route(&self) -> Route {
        Route::to_aggregator(self.id)
    }

    /// Changes the totals of threads that have ended, at a moment at which no snapshot is looking.
    pub(crate) fn retire(&self, change: impl FnOnce(&mut TotalsBySite)) {
        change(&mut lock(&self.retired));
    }
}
