//! The state of one thread: its table of call sites, and what it caches and counts for them.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ptr;
use std::sync::{Arc, Mutex};

use super::all_states::{ALL, IN_FLIGHT_OF_FREED, Parts};
use super::lookup::key;
use super::site_state::ClockKind;
use super::{Handlers, SiteState, find};
use crate::base::clock;
use crate::base::lock;
use crate::base::reentrancy::set_table;
use crate::base::table::{Entry, Table};
use crate::counts::shared::dropped;
use crate::counts::{Counts, Stats};
use crate::site::Callsite;

/// The state of one thread at a time.
pub(super) struct ThreadState {
    table: Box<[Entry]>,
    used: usize,
    /// The handlers that are cached for a call site, by its address.
    pub(super) cached_handlers: HashMap<usize, Arc<Handlers>>,
    /// The value of [`dropped`] when this state last released shares of dropped aggregators.
    dropped_aggregators: u64,
    parts: Arc<Mutex<Parts>>,
}

// SAFETY: the pointers in the table lead to call sites, which are static, and to the site states of `parts`, which are
// used by the one thread that has the state. The pool's lock is between one and the next.
unsafe impl Send for ThreadState {}

impl ThreadState {
    pub(super) fn register() -> Self {
        let parts = Arc::<Mutex<Parts>>::default();
        lock(&ALL).push(Arc::clone(&parts));
        let dropped_aggregators = dropped();
        Self { table: Box::default(), used: 0, cached_handlers: HashMap::new(), dropped_aggregators, parts }
    }

    pub(super) fn table(&self) -> Table {
        Table::of(&self.table)
    }

    pub(super) fn shares(&self) -> usize {
        lock(&self.parts).stats.len()
    }

    /// Finds or makes the state of a site.
    pub(super) fn site_state<'a>(&mut self, site: &'static Callsite) -> &'a SiteState {
        let known = find(site, |found| found.map(ptr::from_ref));
        // SAFETY: `parts` keeps it until the state is freed, and no caller keeps the reference for as long as that.
        unsafe { &*known.unwrap_or_else(|| Arc::as_ptr(&self.add(site))) }
    }

    /// Makes the state of a site that has none.
    pub(super) fn add(&mut self, site: &'static Callsite) -> Arc<SiteState> {
        if self.used * 2 >= self.table.len() {
            self.grow();
        }
        let kind = if clock::is_tsc() { ClockKind::Tsc } else { ClockKind::Other };
        let site_state = Arc::new(SiteState::new(site, kind));
        lock(&self.parts).sites.push(Arc::clone(&site_state));
        let entry = self.free_entry(site);
        entry.value.set(Arc::as_ptr(&site_state).cast());
        entry.key.set(key(site));
        self.used += 1;
        site_state
    }

    fn free_entry(&self, site: &Callsite) -> &Entry {
        let mask = self.table.len() - 1;
        let mut at = (site.slot() as usize / size_of::<Entry>()) & mask;
        while !self.table[at].key.get().is_null() {
            at = (at + 1) & mask;
        }
        &self.table[at]
    }

    /// Moves the entries to a table of twice the size.
    fn grow(&mut self) {
        let len = (self.table.len() * 2).max(4);
        let smaller = std::mem::replace(&mut self.table, (0..len).map(|_| Entry::free()).collect());
        for old in &smaller {
            // SAFETY: a site in an entry is the `&'static Callsite` that was put there.
            if let Some(site) = unsafe { old.unparked().cast::<Callsite>().as_ref() } {
                let new = self.free_entry(site);
                new.key.set(old.key.get());
                new.value.set(old.value.get());
            }
        }
        set_table(self.table());
    }

    pub(super) fn share(&mut self, site: &'static Callsite, counts: &Arc<Counts>) -> Arc<Stats> {
        self.forget_dropped_aggregators();
        let site_state = self.site_state(site);
        let stats = Stats::new(site, counts);
        lock(&self.parts).stats.push(Arc::clone(&stats));
        site_state.add_stats(&stats);
        stats
    }

    /// Releases the shares of dropped aggregators, so that a program that often replaces its aggregator does not grow.
    /// Runs once per dropped aggregator: a search for each new share would make the first calls of a thread quadratic
    /// in their number.
    pub(super) fn forget_dropped_aggregators(&mut self) {
        let dropped = dropped();
        if std::mem::replace(&mut self.dropped_aggregators, dropped) == dropped {
            return;
        }
        let is_gone = |stats: &Stats| !stats.has_aggregator();
        let mut parts = lock(&self.parts);
        for site in &parts.sites {
            site.forget_stats(is_gone);
        }
        parts.stats.retain(|stats| !is_gone(stats));
    }

    /// Releases the cached handlers, so that replaced ones are dropped.
    pub(super) fn forget_handlers(&mut self) {
        if self.cached_handlers.is_empty() {
            return;
        }
        lock(&self.parts).sites.iter().for_each(|site| site.forget_handlers());
        // May be the last to hold a handler: its drop is the user's code.
        self.cached_handlers.clear();
    }

    /// Adds the numbers to the totals that outlive the state, and unregisters the state.
    pub(super) fn free(&self) {
        let sites = {
            let mut in_flight = lock(&IN_FLIGHT_OF_FREED);
            let sites = std::mem::take(&mut lock(&self.parts).sites);
            for site in &sites {
                let count = site.in_flight();
                if count != 0 {
                    *in_flight.entry(site.site().address()).or_insert(0) += count;
                }
            }
            sites
        };
        self.retire();
        lock(&ALL).retain(|parts| !Arc::ptr_eq(parts, &self.parts));
        drop(sites);
    }

    /// Adds the shares to the retired totals, one aggregator after the other.
    fn retire(&self) {
        loop {
            let last = lock(&self.parts).stats.last().cloned();
            let Some(last) = last else { return };
            let belongs = |stats: &Arc<Stats>| stats.aggregator_route() == last.aggregator_route();
            let Some(counts) = last.counts() else {
                lock(&self.parts).stats.retain(|stats| !belongs(stats));
                continue;
            };
            counts.retire(|totals| {
                // Taken from the list while no snapshot is looking.
                for stats in lock(&self.parts).stats.extract_if(.., |stats| belongs(stats)) {
                    totals.add(&stats);
                }
            });
        }
    }
}
