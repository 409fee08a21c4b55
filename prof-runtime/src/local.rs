//! What each thread keeps for itself: its counts of calls in flight, and its share of every aggregator.
//!
//! A thread finds its entry for a call site in an open-addressed table that only it reads and writes. The numbers that
//! the entries point to are atomics with a single writer, the thread, which adds by a relaxed load and a relaxed store;
//! whoever takes a snapshot reads them from other threads. No instruction here locks the bus.
//!
//! A thread that ends folds its numbers into the aggregators. Code that runs after that, in other thread-local
//! destructors, writes to the shared totals under their lock.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ptr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::aggregator::{Aggregator, Stats};
use crate::callsite::Callsite;

/// What one thread keeps for one call site.
struct Entry {
    /// Null in a free entry.
    site: Cell<*const Callsite>,
    /// Owned by [`Parts::in_flight`] of this thread.
    in_flight: Cell<*const AtomicI64>,
    /// The aggregator that `stats` belongs to, or 0.
    owner: Cell<u64>,
    /// Owned by [`Owned::stats`] of this thread.
    stats: Cell<*const Stats>,
}

impl Entry {
    const fn free() -> Self {
        Self {
            site: Cell::new(ptr::null()),
            in_flight: Cell::new(ptr::null()),
            owner: Cell::new(0),
            stats: Cell::new(ptr::null()),
        }
    }

    /// Counts calls of a filled entry.
    #[inline]
    fn count_in_flight(&self, by: i64) {
        // SAFETY: a filled entry's count is kept alive by this thread's `Parts` until its `Owned` is dropped, and that
        // clears the table first.
        let count = unsafe { &*self.in_flight.get() };
        count.store(count.load(Ordering::Relaxed) + by, Ordering::Relaxed);
    }

    /// The thread's share of the aggregator with this number, if it is at hand.
    #[inline]
    fn stats_of(&self, owner: u64) -> Option<&Stats> {
        if self.owner.get() != owner {
            return None;
        }
        // SAFETY: null without an owner. With one, it points to stats that `Owned::stats` of this thread keeps alive:
        // `forget_dropped_aggregators` clears the owner before it lets go of them, and the drop of `Owned` clears the
        // table. Neither can happen while the reference is in use, since recording calls nothing that leads there.
        unsafe { self.stats.get().as_ref() }
    }
}

/// The part of a thread's state that needs no destructor, so that it can be reached at any time and at no cost.
struct Local {
    /// The table in [`Owned::table`], or null. Its length is a power of two, and at least half its entries are free.
    table: Cell<*const Entry>,
    /// The length of the table minus one.
    mask: Cell<usize>,
    /// This thread is inside the runtime; annotated code that it reaches from there, such as an allocator, is not
    /// measured.
    is_inside: Cell<bool>,
}

thread_local! {
    static LOCAL: Local = const {
        Local {
            table: Cell::new(ptr::null()),
            mask: Cell::new(0),
            is_inside: Cell::new(false),
        }
    };
    static OWNED: RefCell<Option<Owned>> = const { RefCell::new(None) };
}

/// The part of a thread's state that it folds away when it ends.
struct Owned {
    table: Box<[Entry]>,
    used: usize,
    /// Every share of an aggregator that this thread has, by call site and aggregator.
    stats: HashMap<(usize, u64), Arc<Stats>>,
    thread: Arc<Thread>,
}

/// What other threads may read of a thread.
#[derive(Default)]
struct Thread {
    parts: Mutex<Parts>,
}

#[derive(Default)]
struct Parts {
    in_flight: Vec<(&'static Callsite, Arc<AtomicI64>)>,
    stats: Vec<Arc<Stats>>,
}

/// Every thread that has called an annotated function and has not ended.
static THREADS: Mutex<Vec<Arc<Thread>>> = Mutex::new(Vec::new());

/// Calls in flight that no living thread accounts for, by the address of their call site. While it is locked, no thread
/// moves its own count here.
static ORPHANS: LazyLock<Mutex<HashMap<usize, i64>>> = LazyLock::new(Mutex::default);

/// Locks whatever happened to the last holder: nothing here is left half-done by a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn address(site: &Callsite) -> usize {
    ptr::from_ref(site).addr()
}

impl Local {
    #[inline]
    fn find(&self, site: &'static Callsite) -> Option<&Entry> {
        let table = self.table.get();
        if table.is_null() {
            return None;
        }
        let mask = self.mask.get();
        let mut at = site.id() as usize & mask;
        loop {
            // SAFETY: `table` points to the `mask + 1` entries of `Owned::table` of this thread, which `Owned` replaces
            // only together with these two cells and clears from them before it is dropped. `at` is at most `mask`.
            let entry = unsafe { &*table.add(at) };
            if ptr::eq(entry.site.get(), site) {
                return Some(entry);
            }
            if entry.site.get().is_null() {
                return None;
            }
            at = (at + 1) & mask;
        }
    }
}

/// Counts a call that begins. Returns whether it is to be measured.
#[inline]
pub(crate) fn begin(site: &'static Callsite) -> bool {
    LOCAL.with(|local| match local.find(site) {
        Some(entry) => {
            entry.count_in_flight(1);
            true
        }
        None => count_first(local, site, 1),
    })
}

/// Counts a call that ends, on whichever thread it ends, and hands this thread's share of the aggregator with this
/// number to `record`, if the thread has one at hand.
#[inline]
pub(crate) fn end(site: &'static Callsite, owner: Option<u64>, record: impl FnOnce(&Stats)) -> bool {
    LOCAL.with(|local| {
        let Some(entry) = local.find(site) else {
            count_first(local, site, -1);
            return false;
        };
        entry.count_in_flight(-1);
        match entry.stats_of(owner.unwrap_or(0)) {
            Some(stats) => {
                record(stats);
                true
            }
            None => false,
        }
    })
}

/// Counts the thread's first call of a function.
#[cold]
fn count_first(local: &Local, site: &'static Callsite, by: i64) -> bool {
    if local.is_inside.get() && by > 0 {
        return false;
    }
    inside(|| {
        let counted = with_owned(|owned| owned.add(local, site).store(by, Ordering::Relaxed));
        if counted.is_none() {
            *lock(&ORPHANS).entry(address(site)).or_insert(0) += by;
        }
    });
    true
}

/// Runs `f` with this thread marked as inside the runtime.
pub(crate) fn inside<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            LOCAL.with(|local| local.is_inside.set(self.0));
        }
    }
    let _restore = Restore(LOCAL.with(|local| local.is_inside.replace(true)));
    f()
}

/// Whether this thread is inside the runtime or one of its handlers.
pub(crate) fn is_inside() -> bool {
    LOCAL.with(|local| local.is_inside.get())
}

/// Hands this thread's share of the aggregator with this number to `record`, if the thread has one at hand.
#[inline]
pub(crate) fn with_share(site: &'static Callsite, owner: u64, record: impl FnOnce(&Stats)) -> bool {
    LOCAL.with(|local| {
        let stats = local.find(site).and_then(|entry| entry.stats_of(owner));
        stats.map(record).is_some()
    })
}

/// Finds or makes this thread's share of `aggregator`, and puts it at hand. `None` when the thread is ending.
#[cold]
pub(crate) fn share(site: &'static Callsite, aggregator: &Aggregator) -> Option<Arc<Stats>> {
    LOCAL.with(|local| inside(|| with_owned(|owned| owned.share(local, site, aggregator))))
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
        Self { table: Box::default(), used: 0, stats: HashMap::new(), thread }
    }

    /// Adds an entry for a site that has none, and returns its count of calls in flight.
    fn add(&mut self, local: &Local, site: &'static Callsite) -> Arc<AtomicI64> {
        if self.used * 2 >= self.table.len() {
            self.grow(local);
        }
        let count = Arc::new(AtomicI64::new(0));
        lock(&self.thread.parts).in_flight.push((site, Arc::clone(&count)));
        let entry = self.free_entry(site);
        entry.in_flight.set(Arc::as_ptr(&count));
        entry.site.set(site);
        self.used += 1;
        count
    }

    fn free_entry(&self, site: &Callsite) -> &Entry {
        let mask = self.table.len() - 1;
        let mut at = site.id() as usize & mask;
        while !self.table[at].site.get().is_null() {
            at = (at + 1) & mask;
        }
        &self.table[at]
    }

    /// Moves the entries to a table of twice the size.
    fn grow(&mut self, local: &Local) {
        let len = (self.table.len() * 2).max(4);
        let smaller = std::mem::replace(&mut self.table, (0..len).map(|_| Entry::free()).collect());
        for old in &smaller {
            // SAFETY: a site in an entry is the `&'static Callsite` that was put there.
            if let Some(site) = unsafe { old.site.get().as_ref() } {
                let new = self.free_entry(site);
                new.site.swap(&old.site);
                new.in_flight.swap(&old.in_flight);
                new.owner.swap(&old.owner);
                new.stats.swap(&old.stats);
            }
        }
        local.table.set(self.table.as_ptr());
        local.mask.set(len - 1);
    }

    fn share(&mut self, local: &Local, site: &'static Callsite, aggregator: &Aggregator) -> Arc<Stats> {
        let key = (address(site), aggregator.id());
        let stats = if let Some(stats) = self.stats.get(&key) {
            Arc::clone(stats)
        } else {
            self.forget_dropped_aggregators();
            let stats = Arc::new(Stats::new(site, aggregator));
            self.stats.insert(key, Arc::clone(&stats));
            lock(&self.thread.parts).stats.push(Arc::clone(&stats));
            stats
        };
        if local.find(site).is_none() {
            self.add(local, site);
        }
        if let Some(entry) = local.find(site) {
            entry.stats.set(Arc::as_ptr(&stats));
            entry.owner.set(aggregator.id());
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
        for entry in &self.table {
            let owner = entry.owner.get();
            let key = (entry.site.get().addr(), owner);
            if self.stats.get(&key).is_some_and(gone) {
                entry.owner.set(0);
                entry.stats.set(ptr::null());
            }
        }
        self.stats.retain(|_, stats| !gone(stats));
        lock(&self.thread.parts).stats.retain(|stats| !gone(stats));
    }
}

impl Drop for Owned {
    /// Folds the thread's numbers into what outlives it.
    fn drop(&mut self) {
        LOCAL.with(|local| {
            local.table.set(ptr::null());
        });
        inside(|| {
            {
                let mut orphans = lock(&ORPHANS);
                for (site, count) in lock(&self.thread.parts).in_flight.drain(..) {
                    let count = count.load(Ordering::Relaxed);
                    if count != 0 {
                        *orphans.entry(address(site)).or_insert(0) += count;
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
        for (site, count) in &lock(&thread.parts).in_flight {
            *counts.entry(address(site)).or_insert(0) += count.load(Ordering::Relaxed);
        }
    }
    drop(orphans);
    // While threads count on, a call may be seen to end but not to begin.
    counts.into_iter().filter_map(|(site, count)| Some((site, u64::try_from(count).ok()?))).collect()
}

/// The address under which [`in_flight_by_address`] lists a site.
pub(crate) fn key(site: &Callsite) -> usize {
    address(site)
}
