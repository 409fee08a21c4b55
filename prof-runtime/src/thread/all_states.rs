//! What other threads read of all states: shares of aggregators, and calls in flight.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use super::SiteState;
use super::pool::{POOL, Pool};
use crate::base::{Locked, inside, lock};
use crate::counts::Stats;
use crate::site::Callsite;

/// The part of a thread's state that other threads may read.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) sites: Vec<Arc<SiteState>>,
    /// Every share of an aggregator. Only the thread that has the state adds to it and takes from it.
    pub(super) stats: Vec<Arc<Stats>>,
}

/// The parts of all states, in use and in the pool.
pub(super) static ALL: Mutex<Vec<Arc<Mutex<Parts>>>> = Mutex::new(Vec::new());

/// Calls in flight of states that were freed, by the address of their call site. While it is locked, no state is freed.
pub(super) static IN_FLIGHT_OF_FREED: LazyLock<Mutex<HashMap<usize, i64>>> = LazyLock::new(Mutex::default);

/// Locks of all states, taken around a fork: no other thread is in the middle of a change.
pub(crate) struct Held {
    _parts: Vec<HeldParts>,
    _all: Locked<'static, Vec<Arc<Mutex<Parts>>>>,
    _pool: Locked<'static, Pool>,
    _in_flight: Locked<'static, HashMap<usize, i64>>,
}

struct HeldParts {
    /// Of the mutex below, and dropped before it.
    _locked: Locked<'static, Parts>,
    _parts: Arc<Mutex<Parts>>,
}

/// Takes the locks, in the order in which others take one inside the other. Runs inside.
pub(crate) fn hold() -> Held {
    let (in_flight, pool, all) = (lock(&IN_FLIGHT_OF_FREED), lock(&POOL), lock(&ALL));
    let hold = |parts: &Arc<Mutex<Parts>>| {
        // SAFETY: the mutex is on the heap and lives as long as the `Arc` beside the lock, which is dropped after it.
        let locked = lock(unsafe { &*Arc::as_ptr(parts) });
        HeldParts { _locked: locked, _parts: Arc::clone(parts) }
    };
    Held { _parts: all.iter().map(hold).collect(), _all: all, _pool: pool, _in_flight: in_flight }
}

/// Calls `f` with every share of any aggregator. A state that is freed meanwhile waits for the aggregator.
pub(crate) fn for_each_share(mut f: impl FnMut(&Stats)) {
    let all = lock(&ALL).clone();
    for parts in all {
        lock(&parts).stats.iter().for_each(|stats| f(stats));
    }
}

impl Callsite {
    /// Returns the number of calls that have begun and not ended, over all threads and tasks.
    ///
    /// Calls are counted only while a handler receives them.
    pub fn in_flight(&'static self) -> u64 {
        inside(|| in_flight_by_address().get(&self.address()).copied().unwrap_or(0))
    }
}

/// The number of calls in flight of every site that has any, by the site's address.
pub(crate) fn in_flight_by_address() -> HashMap<usize, u64> {
    inside(|| {
        let freed = lock(&IN_FLIGHT_OF_FREED);
        let mut counts = freed.clone();
        let all = lock(&ALL).clone();
        for parts in all {
            for site in &lock(&parts).sites {
                *counts.entry(site.site().address()).or_insert(0) += site.in_flight();
            }
        }
        drop(freed);
        // Other threads keep counting, so the end of a call may be seen without its beginning: a sum may be negative.
        counts.into_iter().filter_map(|(site, count)| Some((site, u64::try_from(count).ok()?))).collect()
    })
}
