//! What each thread keeps for itself: its counts of calls in flight, and its share of every aggregator.
//!
//! A thread finds its entry for a call site in an open-addressed table that only it reads and writes. The numbers that
//! the entries point to are atomics with a single writer, the thread, which adds by a relaxed load and a relaxed store;
//! whoever takes a snapshot reads them from other threads. No instruction here locks the bus.
//!
//! A thread that ends folds its numbers into the aggregators. Code that runs after that, in other thread-local
//! destructors, writes to the shared totals under their lock.
#![allow(unsafe_code)]

mod gaps;
#[cfg(all(test, loom))]
mod model;
mod owned;

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use self::gaps::Gaps;
pub(crate) use self::owned::{add, count_orphan, for_each_share, in_flight, in_flight_by_address, keep_target, share};
use crate::aggregator::Stats;
use crate::callsite::Callsite;
use crate::clock;
use crate::route::{Route, Target};
use crate::sync::array;
use crate::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// What one thread keeps for one call site. It stays in its place until the thread ends.
///
/// Everything in it is written by its thread only.
pub(crate) struct Local {
    site: &'static Callsite,
    /// How many calls of a function are in progress, and [`SHALLOW`] more where only [`Local::begin`] may begin one.
    depth: AtomicUsize,
    /// When the outermost calls began.
    starts: [AtomicU64; SHALLOW],
    /// The route to the aggregator that `stats` belongs to, as its word; [`NO_OWNER`] without stats.
    owner: AtomicU64,
    /// Owned by `owned::Owned::stats` of the thread.
    stats: AtomicPtr<Stats>,
    /// The route to `target`, as its word; [`NO_OWNER`] without one.
    target_route: AtomicU64,
    /// Owned by `owned::Owned::targets` of the thread.
    target: AtomicPtr<Target>,
    /// When the calls within those began.
    deep_starts: Mutex<Vec<u64>>,
    /// Calls of futures that began here less those that ended here.
    in_flight_async: AtomicI64,
    untimed: Untimed,
    kind: Kind,
}

/// The calls of a sampled function that are not timed. They are in progress without being on the stack of `starts`.
struct Untimed {
    /// How many began here.
    begun: AtomicU64,
    /// How many will have begun when the next call is timed; the same as `begun` where all calls are.
    until: AtomicU64,
    /// How many ended here.
    ended: AtomicU64,
    gaps: Gaps,
}

impl Untimed {
    fn new(sample: u32) -> Self {
        let gaps = Gaps::new(sample);
        let until = gaps.draw();
        Self { begun: AtomicU64::new(0), until: AtomicU64::new(until), ended: AtomicU64::new(0), gaps }
    }

    fn in_flight(&self) -> i64 {
        self.begun.load(Ordering::Relaxed).wrapping_sub(self.ended.load(Ordering::Relaxed)).cast_signed()
    }
}

/// How many calls of one function may be in progress in each other before more is needed than a place in an array.
const SHALLOW: usize = 8;

/// The word of no route.
const NO_OWNER: u64 = u64::MAX;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The clock is the time stamp counter: the common case.
    Fast,
    /// The clock is another one.
    Slow,
    /// The thread is ending and has nothing of its own any more: it belongs to its one call.
    Orphan,
}

impl Local {
    pub(crate) fn new(site: &'static Callsite, kind: Kind) -> Self {
        Self {
            site,
            depth: AtomicUsize::new(if kind == Kind::Fast { 0 } else { SHALLOW }),
            starts: array(|| AtomicU64::new(0)),
            owner: AtomicU64::new(NO_OWNER),
            stats: AtomicPtr::new(ptr::null_mut()),
            target_route: AtomicU64::new(NO_OWNER),
            target: AtomicPtr::new(ptr::null_mut()),
            deep_starts: Mutex::default(),
            in_flight_async: AtomicI64::new(0),
            untimed: Untimed::new(site.sample()),
            kind,
        }
    }

    /// One for a single call on a thread that is ending.
    #[cold]
    pub(crate) fn orphan(site: &'static Callsite) -> Box<Self> {
        inside(|| Box::new(Self::new(site, Kind::Orphan)))
    }

    pub(crate) fn is_orphan(&self) -> bool {
        self.kind == Kind::Orphan
    }

    #[inline(always)]
    pub(crate) fn site(&self) -> &'static Callsite {
        self.site
    }

    /// Begins a call, unless it is too deep or the clock is not the time stamp counter; returns whether it did.
    #[inline(always)]
    pub(crate) fn begin_shallow(&self) -> bool {
        let depth = self.depth.load(Ordering::Relaxed);
        let Some(start) = self.starts.get(depth) else { return false };
        self.depth.store(depth + 1, Ordering::Relaxed);
        // Where the depth is shallow, this is the clock.
        start.store(clock::tsc(), Ordering::Relaxed);
        true
    }

    /// Ends the innermost call, if it was begun by [`begin_shallow`](Self::begin_shallow): the clock's reading, and the
    /// call's duration.
    #[inline(always)]
    pub(crate) fn end_shallow(&self) -> Option<(u64, u64)> {
        let depth = self.depth.load(Ordering::Relaxed).wrapping_sub(1);
        let start = self.starts.get(depth)?;
        let end = clock::tsc();
        self.depth.store(depth, Ordering::Relaxed);
        Some((end, clock::tsc_span_ns(start.load(Ordering::Relaxed), end)))
    }

    /// Begins a call, however deep.
    pub(crate) fn begin(&self) {
        if self.kind == Kind::Orphan {
            count_orphan(self.site, 1);
        }
        if !self.begin_shallow() {
            self.depth.store(self.depth.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            inside(|| lock(&self.deep_starts).push(0));
            let start = clock::ticks();
            if let Some(last) = lock(&self.deep_starts).last_mut() {
                *last = start;
            }
        }
    }

    /// Ends the innermost call: the clock's reading, and the call's duration.
    pub(crate) fn end(&self) -> (u64, u64) {
        if self.kind == Kind::Orphan {
            count_orphan(self.site, -1);
        }
        self.end_shallow().unwrap_or_else(|| {
            let end = clock::ticks();
            self.depth.store(self.depth.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
            let start = lock(&self.deep_starts).pop().unwrap_or(end);
            (end, clock::span_ns(start, end))
        })
    }

    /// Begins a call that is not timed, if the next one is not; returns whether it did.
    #[inline(always)]
    pub(crate) fn begin_untimed(&self) -> bool {
        let begun = self.untimed.begun.load(Ordering::Relaxed);
        if begun == self.untimed.until.load(Ordering::Relaxed) {
            return false;
        }
        self.untimed.begun.store(begun.wrapping_add(1), Ordering::Relaxed);
        true
    }

    /// Ends a call that is not timed. One of a future may have begun on another thread.
    #[inline(always)]
    pub(crate) fn end_untimed(&self) {
        self.untimed.ended.store(self.untimed.ended.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Chooses the next call of a sampled function that is timed, after one was.
    pub(crate) fn choose_timed(&self) {
        let gap = self.untimed.gaps.draw();
        self.untimed.until.store(self.untimed.begun.load(Ordering::Relaxed).wrapping_add(gap), Ordering::Relaxed);
    }

    /// Begins the call of a future; returns whether it is timed.
    pub(crate) fn begin_async(&self) -> bool {
        if self.begin_untimed() {
            return false;
        }
        if self.site.sample() > 1 {
            self.choose_timed();
        }
        self.count_async(1);
        true
    }

    /// Counts a call of a future that begins or ends.
    pub(crate) fn count_async(&self, by: i64) {
        self.in_flight_async.store(self.in_flight_async.load(Ordering::Relaxed) + by, Ordering::Relaxed);
    }

    /// How many calls have begun on this thread and not ended, less those that have ended here only.
    fn in_flight(&self) -> i64 {
        let depth = self.depth.load(Ordering::Relaxed) - if self.kind == Kind::Fast { 0 } else { SHALLOW };
        let stacked = i64::try_from(depth).unwrap_or(i64::MAX);
        stacked.saturating_add(self.in_flight_async.load(Ordering::Relaxed)).saturating_add(self.untimed.in_flight())
    }

    /// Hands the thread's share of the aggregator that is all that `route` leads to, if it is at hand, to `record`; returns
    /// whether it did. To be called by the thread itself.
    #[inline(always)]
    pub(crate) fn with_stats(&self, route: Route, record: impl FnOnce(&Stats)) -> bool {
        if self.owner.load(Ordering::Relaxed) != route.word() {
            return false;
        }
        // SAFETY: no route has the word `NO_OWNER`, and any other owner is set with stats, after them. They are kept alive by `Owned::stats` of this thread: `forget_dropped_aggregators`
        // clears the owner before it lets go of them, and when `Owned` is dropped, no call is in progress and the table
        // is cleared. Neither can happen while the reference is in use, since recording calls nothing that leads there.
        record(unsafe { &*self.stats.load(Ordering::Relaxed) });
        true
    }

    /// The target that `route` leads to, if it is at hand. To be called by the thread itself, and not from within a
    /// handler.
    pub(crate) fn target_on(&self, route: Route) -> Option<&Target> {
        if self.target_route.load(Ordering::Relaxed) != route.word() {
            return None;
        }
        // SAFETY: no route has the word `NO_OWNER`, and any other is set with a target that `Owned::targets` of this
        // thread keeps alive until `keep_target` puts another in its place here first. That is called by this thread at
        // the end of a call only, and while a handler of this target runs, no end of a call comes this far.
        Some(unsafe { &*self.target.load(Ordering::Relaxed) })
    }

    pub(crate) fn set_target(&self, target: &Arc<Target>) {
        self.target.store(Arc::as_ptr(target).cast_mut(), Ordering::Relaxed);
        self.target_route.store(target.route().word(), Ordering::Relaxed);
    }

    fn set_stats(&self, owner: Route, stats: &Arc<Stats>) {
        self.stats.store(Arc::as_ptr(stats).cast_mut(), Ordering::Relaxed);
        self.owner.store(owner.word(), Ordering::Relaxed);
    }

    fn forget_stats(&self) {
        self.owner.store(NO_OWNER, Ordering::Relaxed);
        self.stats.store(ptr::null_mut(), Ordering::Relaxed);
    }
}

/// Where the site with this number is to be looked for first, before the mask: in bytes, to save the hot path the shift.
pub(crate) fn slot(id: usize) -> u32 {
    // The high bits do not matter: a table is not that large.
    #[allow(clippy::cast_possible_truncation)]
    let slot = id.wrapping_mul(size_of::<Entry>()) as u32;
    slot
}

/// A place in a thread's table.
struct Entry {
    /// Null in a free entry.
    site: Cell<*const Callsite>,
    /// Owned by `owned::Parts::locals` of this thread.
    local: Cell<*const Local>,
}

impl Entry {
    const fn free() -> Self {
        Self { site: Cell::new(ptr::null()), local: Cell::new(ptr::null()) }
    }
}

/// The table of a thread that has none: one free entry.
struct NoEntries(Entry);

// SAFETY: it is never written to: `Owned::grow` replaces the table before anything is entered into it.
unsafe impl Sync for NoEntries {}

static NO_ENTRIES: NoEntries = NoEntries(Entry::free());

/// The part of a thread's state that needs no destructor, so that it can be reached at any time and at no cost.
struct Here {
    /// The table in `owned::Owned::table`, or [`NO_ENTRIES`]. Its length is a power of two, and at least half its entries
    /// are free.
    table: Cell<*const Entry>,
    /// The length of the table in bytes, less one entry: what masks the [slot](Callsite::slot) of a site.
    mask: Cell<usize>,
    /// This thread is inside the runtime; annotated code that it reaches from there, such as an allocator, is not
    /// measured.
    is_inside: Cell<bool>,
}

thread_local! {
    static HERE: Here = const {
        Here { table: Cell::new(&raw const NO_ENTRIES.0), mask: Cell::new(0), is_inside: Cell::new(false) }
    };
}

/// Locks whatever happened to the last holder: nothing here is left half-done by a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn address(site: &Callsite) -> usize {
    ptr::from_ref(site).addr()
}

impl Here {
    /// The entry at this place, in bytes.
    ///
    /// # Safety
    ///
    /// `at` is a multiple of an entry's size, and at most the mask.
    #[inline(always)]
    unsafe fn entry(&self, at: usize) -> &Entry {
        // SAFETY: `table` points to the entries of `Owned::table` of this thread, the last of which is at the mask.
        // `Owned` replaces it only together with these two cells and clears it from them before it is dropped; they then
        // are `NO_ENTRIES`, which is one entry, and 0.
        unsafe { &*self.table.get().byte_add(at) }
    }

    #[inline(always)]
    fn find(&self, site: &'static Callsite) -> Option<&Local> {
        let mask = self.mask.get();
        let mut at = site.slot() as usize & mask;
        loop {
            // SAFETY: as in `entry`: `at` is a multiple of an entry's size, and at most `mask`.
            let entry = unsafe { self.entry(at) };
            if ptr::eq(entry.site.get(), site) {
                // SAFETY: the local of a filled entry is kept alive by this thread's `Parts` until its `Owned` is
                // dropped, and that clears the table first.
                return Some(unsafe { &*entry.local.get() });
            }
            if entry.site.get().is_null() {
                return None;
            }
            at = (at + size_of::<Entry>()) & mask;
        }
    }

    fn forget_table(&self) {
        self.table.set(&raw const NO_ENTRIES.0);
        self.mask.set(0);
    }
}

/// What this thread keeps for `site`, if that is where it is looked for first.
#[inline(always)]
pub(crate) fn at_hand(site: &'static Callsite) -> Option<NonNull<Local>> {
    HERE.with(|here| {
        // SAFETY: a slot is a multiple of an entry's size, and so is the mask.
        let entry = unsafe { here.entry(site.slot() as usize & here.mask.get()) };
        match ptr::eq(entry.site.get(), site) {
            // SAFETY: a filled entry has a local.
            true => Some(unsafe { NonNull::new_unchecked(entry.local.get().cast_mut()) }),
            false => None,
        }
    })
}

/// What this thread keeps for `site`, if it has called it.
pub(crate) fn find<R>(site: &'static Callsite, f: impl FnOnce(Option<&Local>) -> R) -> R {
    HERE.with(|here| f(here.find(site)))
}

/// Runs `f` with this thread marked as inside the runtime.
pub(crate) fn inside<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            HERE.with(|here| here.is_inside.set(self.0));
        }
    }
    let _restore = Restore(HERE.with(|here| here.is_inside.replace(true)));
    f()
}

/// Whether this thread is inside the runtime or one of its handlers.
pub(crate) fn is_inside() -> bool {
    HERE.with(|here| here.is_inside.get())
}

/// The address under which [`in_flight_by_address`] lists a site.
pub(crate) fn key(site: &Callsite) -> usize {
    address(site)
}
