//! The part of a thread's state that it folds away when it ends, and what other threads may read of it.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use super::here::{Entry, HERE, Table};
use super::{Kind, Local, address, find, inside, lock};
use crate::aggregator::{Aggregator, Stats};
use crate::callsite::Callsite;
use crate::clock;
use crate::route::Target;

thread_local! {
    static OWNED: RefCell<Option<Owned>> = const { RefCell::new(None) };
}

/// The part of a thread's state that it folds away when it ends.
struct Owned {
    table: Box<[Entry]>,
    used: usize,
    /// Every share of an aggregator that this thread has, by the address of the call site and the route's word.
    stats: HashMap<(usize, u64), Arc<Stats>>,
    /// The target that this thread has at hand for a call site, by its address.
    targets: HashMap<usize, Arc<Target>>,
    thread: Arc<Thread>,
}

/// What other threads may read of a thread.
#[derive(Default)]
struct Thread {
    parts: Mutex<Parts>,
}

#[derive(Default)]
struct Parts {
    locals: Vec<Arc<Local>>,
    stats: Vec<Arc<Stats>>,
}

/// Every thread that has called an annotated function and has not ended.
static THREADS: Mutex<Vec<Arc<Thread>>> = Mutex::new(Vec::new());

/// Calls in flight that no living thread accounts for, by the address of their call site. While it is locked, no thread
/// moves its own count here.
static ORPHANS: LazyLock<Mutex<HashMap<usize, i64>>> = LazyLock::new(Mutex::default);

/// Makes what this thread keeps for a site that it has not called. `None` if the thread is ending, or is in here
/// already.
#[cold]
pub(crate) fn add<R>(site: &'static Callsite, f: impl FnOnce(&Local) -> R) -> Option<R> {
    inside(|| with_owned(|owned| owned.add(site))).map(|local| f(&local))
}

/// Counts a call that begins or ends on a thread that is ending.
#[cold]
pub(crate) fn count_orphan(site: &'static Callsite, by: i64) {
    inside(|| *lock(&ORPHANS).entry(address(site)).or_insert(0) += by);
}

/// Finds or makes this thread's share of `aggregator`, and puts it at hand. `None` when the thread is ending.
#[cold]
pub(crate) fn share(site: &'static Callsite, aggregator: &Aggregator) -> Option<Arc<Stats>> {
    inside(|| with_owned(|owned| owned.share(site, aggregator)))
}

/// Keeps a target at hand for the next call of a site on this thread, in the place of the one before.
#[cold]
pub(crate) fn keep_target(site: &'static Callsite, target: Arc<Target>) {
    let replaced = inside(|| {
        find(site, |local| {
            let local = local?;
            with_owned(|owned| {
                local.set_target(&target);
                owned.targets.insert(address(site), target)
            })
        })
    });
    // May be the last to hold a handler: its drop is the user's code.
    drop(replaced);
}

/// Runs `f` on what this thread owns; not if it is ending.
fn with_owned<R>(f: impl FnOnce(&mut Owned) -> R) -> Option<R> {
    let result = OWNED.try_with(|owned| {
        let mut owned = owned.try_borrow_mut().ok()?;
        Some(f(owned.get_or_insert_with(Owned::register)))
    });
    result.ok().flatten()
}

impl Owned {
    fn register() -> Self {
        let thread = Arc::new(Thread::default());
        lock(&THREADS).push(Arc::clone(&thread));
        Self { table: Box::default(), used: 0, stats: HashMap::new(), targets: HashMap::new(), thread }
    }

    /// Makes the local of a site that has none.
    fn add(&mut self, site: &'static Callsite) -> Arc<Local> {
        if self.used * 2 >= self.table.len() {
            self.grow();
        }
        let kind = if clock::is_tsc() { Kind::Fast } else { Kind::Slow };
        let local = Arc::new(Local::new(site, kind));
        lock(&self.thread.parts).locals.push(Arc::clone(&local));
        let entry = self.free_entry(site);
        entry.local.set(Arc::as_ptr(&local));
        entry.site.set(site);
        self.used += 1;
        local
    }

    fn free_entry(&self, site: &Callsite) -> &Entry {
        let mask = self.table.len() - 1;
        let mut at = (site.slot() as usize / size_of::<Entry>()) & mask;
        while !self.table[at].site.get().is_null() {
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
            if let Some(site) = unsafe { old.site.get().as_ref() } {
                let new = self.free_entry(site);
                new.site.swap(&old.site);
                new.local.swap(&old.local);
            }
        }
        let table = Table { entries: self.table.as_ptr(), mask: (len - 1) * size_of::<Entry>() };
        HERE.with(|here| here.table.set(table));
    }

    fn share(&mut self, site: &'static Callsite, aggregator: &Aggregator) -> Arc<Stats> {
        let key = (address(site), aggregator.route().word());
        let stats = if let Some(stats) = self.stats.get(&key) {
            Arc::clone(stats)
        } else {
            self.forget_dropped_aggregators();
            let stats = Arc::new(Stats::new(site, aggregator));
            self.stats.insert(key, Arc::clone(&stats));
            lock(&self.thread.parts).stats.push(Arc::clone(&stats));
            stats
        };
        let put = |local: &Local| local.set_stats(aggregator.route(), &stats);
        match find(site, |local| local.map(put)) {
            Some(()) => {}
            None => put(&self.add(site)),
        }
        stats
    }

    /// Lets go of the shares of aggregators that no one holds any more, so that a program that replaces its aggregator
    /// again and again does not grow.
    fn forget_dropped_aggregators(&mut self) {
        let gone = |stats: &Arc<Stats>| stats.aggregator().is_none();
        if !self.stats.values().any(gone) {
            return;
        }
        for local in &lock(&self.thread.parts).locals {
            let key = (address(local.site), local.own.owner.get());
            if self.stats.get(&key).is_some_and(gone) {
                local.forget_stats();
            }
        }
        self.stats.retain(|_, stats| !gone(stats));
        lock(&self.thread.parts).stats.retain(|stats| !gone(stats));
    }
}

impl Drop for Owned {
    /// Folds the thread's numbers into what outlives it.
    fn drop(&mut self) {
        inside(|| {
            HERE.with(|here| here.table.set(Table::NONE));
            {
                let mut orphans = lock(&ORPHANS);
                for local in lock(&self.thread.parts).locals.drain(..) {
                    let count = local.in_flight();
                    if count != 0 {
                        *orphans.entry(address(local.site)).or_insert(0) += count;
                    }
                }
            }
            for (_, stats) in self.stats.drain() {
                if let Some(aggregator) = stats.aggregator() {
                    aggregator.retire(&stats, || {
                        lock(&self.thread.parts).stats.retain(|other| !Arc::ptr_eq(other, &stats));
                    });
                }
            }
            lock(&THREADS).retain(|thread| !Arc::ptr_eq(thread, &self.thread));
        });
    }
}

/// Calls `f` with the share of every thread in any aggregator. A thread that ends meanwhile waits for the aggregator.
pub(crate) fn for_each_share(mut f: impl FnMut(&Stats)) {
    let threads = lock(&THREADS).clone();
    for thread in threads {
        lock(&thread.parts).stats.iter().for_each(|stats| f(stats));
    }
}

/// The number of calls of `site` in flight.
pub(crate) fn in_flight(site: &'static Callsite) -> u64 {
    in_flight_by_address().get(&address(site)).copied().unwrap_or(0)
}

/// The number of calls in flight of every site that has any, by the site's address.
pub(crate) fn in_flight_by_address() -> HashMap<usize, u64> {
    let orphans = lock(&ORPHANS);
    let mut counts = orphans.clone();
    let threads = lock(&THREADS).clone();
    for thread in threads {
        for local in &lock(&thread.parts).locals {
            *counts.entry(address(local.site)).or_insert(0) += local.in_flight();
        }
    }
    drop(orphans);
    // While threads count on, a call may be seen to end but not to begin.
    counts.into_iter().filter_map(|(site, count)| Some((site, u64::try_from(count).ok()?))).collect()
}
