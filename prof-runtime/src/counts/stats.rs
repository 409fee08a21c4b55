//! The numbers of one function: one thread's, and totals.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::{Arc, Weak};

use super::Counts;
use crate::base::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::base::sync::{OwnerCell, array, load, store};
use crate::counts::histogram::{BUCKETS, LAST, bucket_of, bucket_of_common, is_common};
use crate::model::Outcome;
use crate::site::{Callsite, Route};

/// One thread's numbers for one function in one aggregator.
///
/// Only that thread writes, so that a relaxed load and store lose no addition. A reader on another thread sees each
/// number at some recent moment, though not all of them at the same one.
pub(crate) struct Stats {
    site: &'static Callsite,
    counts: Weak<Counts>,
    /// The route to the aggregator alone.
    aggregator_route: Route,
    list: Next,
    outcomes: [AtomicU64; 4],
    total_ns: AtomicU64,
    min_ns: AtomicU64,
    max_ns: AtomicU64,
    /// The latest duration that is [common](is_common), which is not in its bucket yet; [`NO_CALL`] before the first.
    latest_ns: AtomicU64,
    range: CommonRange,
    /// Of 32 bits, half the size of other counters. A counter that overflows adds its count to the retired totals.
    buckets: [AtomicU32; BUCKETS],
}

/// The thread's share of the next aggregator for the same function; null at the end.
struct Next(OwnerCell<*const Stats>);

// SAFETY: only the owning thread reads and writes it.
unsafe impl Send for Next {}
// SAFETY: as above.
unsafe impl Sync for Next {}

/// The range of common durations from the shortest to the longest so far. A duration in it is no new extreme.
struct CommonRange {
    from_ns: OwnerCell<u64>,
    /// The length of the range; 0 before the first duration.
    len: OwnerCell<u64>,
}

// SAFETY: only the owning thread counts calls, and readers do not use the range.
unsafe impl Sync for CommonRange {}

impl CommonRange {
    #[inline(always)]
    fn contains(&self, ns: u64) -> bool {
        ns.wrapping_sub(self.from_ns.get()) < self.len.get()
    }

    /// Extends the range to a common duration.
    fn reach(&self, ns: u64) {
        let (from, len) = (self.from_ns.get(), self.len.get());
        let (from, to) = if len == 0 { (ns, ns + 1) } else { (from.min(ns), (from + len).max(ns + 1)) };
        self.from_ns.set(from);
        self.len.set(to - from);
    }
}

/// A duration that no call has.
const NO_CALL: u64 = u64::MAX;

/// Writes empty buckets.
///
/// # Safety
///
/// The memory has room for them, and no other reference leads to it.
unsafe fn clear(buckets: *mut [AtomicU32; BUCKETS]) {
    for at in 0..BUCKETS {
        // SAFETY: the caller grants the array, and the index is within it.
        unsafe { buckets.cast::<AtomicU32>().add(at).write(AtomicU32::new(0)) };
    }
}

/// Adds to a number that only this thread writes. A sum of nanoseconds wraps after 584 years.
#[inline(always)]
fn add(number: &AtomicU64, by: u64) {
    store(number, load(number).wrapping_add(by));
}

impl Stats {
    /// Creates the numbers of a thread that has made no call.
    ///
    /// They are written to their place on the heap. A build without optimization would copy 3 KiB to the stack several
    /// times, and a thread's stack may have 16 KiB.
    pub(crate) fn new(site: &'static Callsite, counts: &Arc<Counts>) -> Arc<Self> {
        let mut stats = Arc::<Self>::new_uninit();
        let place = Arc::get_mut(&mut stats).map_or(ptr::null_mut(), MaybeUninit::as_mut_ptr);
        assert!(!place.is_null(), "nobody else has what was just made");
        // SAFETY: `place` has room for a `Stats`, and no other reference leads to it. Each field is written, the last
        // one by `clear`.
        unsafe {
            (&raw mut (*place).site).write(site);
            (&raw mut (*place).counts).write(Arc::downgrade(counts));
            (&raw mut (*place).aggregator_route).write(counts.route());
            (&raw mut (*place).list).write(Next(OwnerCell::new(ptr::null())));
            (&raw mut (*place).outcomes).write(array(|| AtomicU64::new(0)));
            (&raw mut (*place).total_ns).write(AtomicU64::new(0));
            (&raw mut (*place).min_ns).write(AtomicU64::new(u64::MAX));
            (&raw mut (*place).max_ns).write(AtomicU64::new(0));
            (&raw mut (*place).latest_ns).write(AtomicU64::new(NO_CALL));
            (&raw mut (*place).range).write(CommonRange { from_ns: OwnerCell::new(0), len: OwnerCell::new(0) });
            clear(&raw mut (*place).buckets);
            stats.assume_init()
        }
    }

    pub(crate) fn site(&self) -> &'static Callsite {
        self.site
    }

    /// Returns whether a handle of the aggregator exists.
    pub(crate) fn has_aggregator(&self) -> bool {
        self.counts.strong_count() > 0
    }

    /// Returns the aggregator's counts, while a handle of it exists.
    pub(crate) fn counts(&self) -> Option<Arc<Counts>> {
        self.counts.upgrade()
    }

    /// The route to the aggregator alone.
    #[inline(always)]
    pub(crate) fn aggregator_route(&self) -> Route {
        self.aggregator_route
    }

    /// Returns the owning thread's share of the next aggregator for the same function. For the owning thread only.
    #[inline(always)]
    pub(crate) fn next(&self) -> *const Self {
        self.list.0.get()
    }

    /// Sets the next in the list. To be called by the owning thread only.
    pub(crate) fn set_next(&self, next: *const Self) {
        self.list.0.set(next);
    }

    /// Counts a call. To be called by the owning thread only.
    #[inline(always)]
    pub(crate) fn record(&self, outcome: Outcome, duration_ns: u64) {
        if !self.record_in_range(outcome, duration_ns) {
            self.record_out_of_range(outcome, duration_ns);
        }
    }

    /// Counts a call, unless its duration is the shortest or the longest so far; returns whether it did. To be called
    /// by the owning thread only.
    #[inline(always)]
    pub(crate) fn record_in_range(&self, outcome: Outcome, duration_ns: u64) -> bool {
        if !self.range.contains(duration_ns) {
            return false;
        }
        add(&self.outcomes[outcome.index()], 1);
        add(&self.total_ns, duration_ns);
        // The bucket is a dozen dependent instructions away from the clock's reading, and the next reading would wait
        // for them all. The duration of the call before is known already.
        let before = load(&self.latest_ns);
        store(&self.latest_ns, duration_ns);
        let at = bucket_of_common(before);
        debug_assert!(at <= LAST, "{before} ns are not common");
        // SAFETY: if a duration is in range, there is a latest one. It is common, and so has a bucket.
        self.fill(unsafe { self.buckets.get_unchecked(at) }, at);
        true
    }

    /// Counts a call that [`record_in_range`](Self::record_in_range) does not. To be called by the owning thread only.
    #[cold]
    #[inline(never)]
    pub(crate) extern "C" fn record_out_of_range(&self, outcome: Outcome, duration_ns: u64) {
        add(&self.outcomes[outcome.index()], 1);
        add(&self.total_ns, duration_ns);
        self.min_ns.store(self.min_ns.load(Ordering::Relaxed).min(duration_ns), Ordering::Relaxed);
        self.max_ns.store(self.max_ns.load(Ordering::Relaxed).max(duration_ns), Ordering::Relaxed);
        let mut filled = bucket_of(duration_ns);
        if is_common(duration_ns) {
            let before = self.latest_ns.load(Ordering::Relaxed);
            self.latest_ns.store(duration_ns, Ordering::Relaxed);
            self.range.reach(duration_ns);
            if before == NO_CALL {
                return;
            }
            filled = bucket_of(before);
        }
        self.fill(&self.buckets[filled], filled);
    }

    /// Counts a call, timed or not. To be called by the owning thread only.
    pub(crate) fn record_any(&self, outcome: Outcome, duration_ns: Option<u64>) {
        match duration_ns {
            Some(duration_ns) => self.record(outcome, duration_ns),
            None => self.count(outcome),
        }
    }

    /// Counts a call that was not timed. To be called by the owning thread only.
    #[inline]
    pub(crate) fn count(&self, outcome: Outcome) {
        add(&self.outcomes[outcome.index()], 1);
    }

    /// Adds to the sum of a counter. An addition counts as a call with that duration, but is in no bucket. To be called
    /// by the owning thread only.
    #[inline(always)]
    pub(crate) fn add(&self, count: u64) {
        add(&self.outcomes[Outcome::Success.index()], 1);
        add(&self.total_ns, count);
    }

    #[inline(always)]
    fn fill(&self, bucket: &AtomicU32, at: usize) {
        let count = bucket.load(Ordering::Relaxed).wrapping_add(1);
        if count == 0 {
            return self.spill(at);
        }
        bucket.store(count, Ordering::Release);
    }

    /// Adds a full bucket to the retired totals and empties it, while no snapshot reads them. A snapshot that saw the
    /// bucket empty, and the totals before the addition, would be 2^32 calls short.
    #[cold]
    #[inline(never)]
    extern "C" fn spill(&self, bucket: usize) {
        let empty = |buckets: Option<&mut [u64; BUCKETS]>| {
            if let Some(buckets) = buckets {
                buckets[bucket] += u64::from(u32::MAX) + 1;
            }
            self.buckets[bucket].store(0, Ordering::Release);
        };
        match self.counts() {
            Some(counts) => counts.retire(|totals| empty(Some(&mut totals.of(self.site).buckets))),
            None => empty(None),
        }
    }
}

/// The numbers of one function, summed up.
#[derive(Clone)]
pub(crate) struct Totals {
    pub(crate) outcomes: [u64; 4],
    pub(crate) total_ns: u64,
    /// `u64::MAX` if there was no call.
    pub(crate) min_ns: u64,
    pub(crate) max_ns: u64,
    pub(crate) buckets: Box<[u64; BUCKETS]>,
}

impl Default for Totals {
    fn default() -> Self {
        Self { outcomes: [0; 4], total_ns: 0, min_ns: u64::MAX, max_ns: 0, buckets: Box::new([0; BUCKETS]) }
    }
}

impl Totals {
    pub(crate) fn add(&mut self, stats: &Stats) {
        for (sum, outcome) in self.outcomes.iter_mut().zip(&stats.outcomes) {
            *sum += outcome.load(Ordering::Relaxed);
        }
        self.total_ns = self.total_ns.saturating_add(stats.total_ns.load(Ordering::Relaxed));
        self.min_ns = self.min_ns.min(stats.min_ns.load(Ordering::Relaxed));
        self.max_ns = self.max_ns.max(stats.max_ns.load(Ordering::Relaxed));
        for (sum, bucket) in self.buckets.iter_mut().zip(&stats.buckets) {
            *sum += u64::from(bucket.load(Ordering::Acquire));
        }
        // After the buckets: a thread that has seen a duration in its bucket does not see it here as well.
        let latest = stats.latest_ns.load(Ordering::Relaxed);
        if latest != NO_CALL {
            self.buckets[bucket_of(latest)] += 1;
        }
    }

    /// Adds a call; without its duration if it was not timed.
    pub(crate) fn add_call(&mut self, outcome: Outcome, duration_ns: Option<u64>) {
        self.outcomes[outcome.index()] += 1;
        let Some(duration_ns) = duration_ns else { return };
        self.total_ns = self.total_ns.saturating_add(duration_ns);
        self.min_ns = self.min_ns.min(duration_ns);
        self.max_ns = self.max_ns.max(duration_ns);
        self.buckets[bucket_of(duration_ns)] += 1;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn site() -> &'static Callsite {
        static SITE: Callsite = Callsite::new("f", || "app::f::item", "app", file!(), line!());
        &SITE
    }

    #[test]
    fn a_full_bucket_spills_and_loses_nothing() {
        let counts = Counts::new();
        let stats = Stats::new(site(), &counts);
        stats.buckets[bucket_of(5)].store(u32::MAX - 1, Ordering::Relaxed);
        for _ in 0..4 {
            stats.record(Outcome::Success, 5);
        }
        let mut totals = Totals::default();
        totals.add(&stats);
        counts.retire(|retired| totals.buckets[bucket_of(5)] += retired.of(site()).buckets[bucket_of(5)]);
        assert_eq!(totals.buckets[bucket_of(5)], u64::from(u32::MAX) - 1 + 4);
    }

    #[test]
    fn a_snapshot_during_a_spill_does_not_go_back() {
        let counts = Counts::new();
        let stats = Stats::new(site(), &counts);
        let bucket = bucket_of(5);
        stats.buckets[bucket].store(u32::MAX, Ordering::Relaxed);
        stats.record(Outcome::Success, 5);
        let began = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|threads| {
            // As a snapshot does, which keeps others from changing the totals while it reads.
            counts.retire(|retired| {
                threads.spawn(|| {
                    began.store(true, Ordering::Relaxed);
                    stats.record(Outcome::Success, 5);
                });
                while !began.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                for _ in 0..10_000 {
                    let mut totals = retired.of(site()).clone();
                    totals.add(&stats);
                    assert!(totals.buckets[bucket] > u64::from(u32::MAX), "{} calls", totals.buckets[bucket]);
                    std::thread::yield_now();
                }
            });
        });
        let mut totals = Totals::default();
        totals.add(&stats);
        counts.retire(|retired| totals.buckets[bucket] += retired.of(site()).buckets[bucket]);
        assert_eq!(totals.buckets[bucket], u64::from(u32::MAX) + 2);
    }

    #[test]
    fn stats_stay_within_their_budget() {
        assert!(size_of::<Stats>() <= 4096);
    }

    /// Durations of all sizes, and those at which the ways to count part.
    fn durations() -> impl Strategy<Value = u64> {
        let of_any_size = (0_u32..64, any::<u64>()).prop_map(|(bits, ns)| ns >> bits);
        prop_oneof![of_any_size, 100_u64..200, Just(0), Just(1), Just((1 << 42) - 1), Just(1 << 42), Just(u64::MAX)]
    }

    proptest! {
        #[test]
        fn a_thread_counts_what_a_sum_over_all_calls_has(calls in vec((0..4_usize, durations()), 1..50)) {
            let stats = Stats::new(site(), &Counts::new());
            let mut expect = Totals::default();
            for (outcome, ns) in calls {
                // A sum that wraps would not be told from one that saturates.
                let ns = if expect.total_ns.checked_add(ns).is_some() { ns } else { 0 };
                let outcome = [Outcome::Success, Outcome::Failure, Outcome::Panic, Outcome::Cancelled][outcome];
                stats.record(outcome, ns);
                expect.add_call(outcome, Some(ns));
                let mut totals = Totals::default();
                totals.add(&stats);
                prop_assert_eq!(totals.outcomes, expect.outcomes);
                prop_assert_eq!(totals.total_ns, expect.total_ns);
                prop_assert_eq!((totals.min_ns, totals.max_ns), (expect.min_ns, expect.max_ns));
                prop_assert_eq!(&totals.buckets, &expect.buckets);
            }
        }
    }

    #[test]
    fn only_new_extremes_are_out_of_range() {
        let stats = Stats::new(site(), &Counts::new());
        assert!(!stats.record_in_range(Outcome::Success, 7), "nothing is usual at first");
        for (ns, is_in_range) in
            [(7, false), (7, true), (9, false), (8, true), (9, true), (6, false), (0, false), (0, false)]
        {
            assert_eq!(stats.range.contains(ns), is_in_range, "{ns}");
            stats.record(Outcome::Success, ns);
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use std::sync::Arc;

    use super::*;

    static SITE: Callsite = Callsite::new("f", || "app::f::item", "app", file!(), line!());

    fn check(writes: fn(&Stats), look: fn(&Totals), end: fn(&Totals)) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(move || {
            let stats = Stats::new(&SITE, &Counts::new());
            let read = Arc::clone(&stats);
            // The reader is the thread that begins later: loom looks for conflicts with the last store, not with loads.
            let reader = loom::thread::spawn(move || {
                let mut totals = Totals::default();
                totals.add(&read);
                look(&totals);
            });
            writes(&stats);
            reader.join().unwrap();
            let mut totals = Totals::default();
            totals.add(&stats);
            end(&totals);
        });
    }

    #[test]
    fn loom_a_reader_sees_no_call_twice_and_in_the_end_all() {
        check(
            |stats| {
                stats.record(Outcome::Success, 1);
                stats.record(Outcome::Failure, 5);
            },
            |totals| {
                assert!(totals.outcomes.iter().all(|count| *count <= 1));
                // One of them may be the latest and in its bucket, but then it is not counted as both.
                assert!(totals.buckets[bucket_of(1)] <= 1 && totals.buckets[bucket_of(5)] <= 1);
                assert!(totals.total_ns <= 6);
            },
            |totals| {
                assert_eq!(totals.outcomes, [1, 1, 0, 0]);
                assert_eq!((totals.total_ns, totals.min_ns, totals.max_ns), (6, 1, 5));
                assert_eq!((totals.buckets[bucket_of(1)], totals.buckets[bucket_of(5)]), (1, 1));
            },
        );
    }

    #[test]
    fn loom_the_same_duration_again_is_seen_at_most_as_often() {
        check(
            |stats| (0..3).for_each(|_| stats.record(Outcome::Success, 1)),
            |totals| assert!(totals.buckets[bucket_of(1)] <= 3),
            |totals| assert_eq!((totals.outcomes[0], totals.buckets[bucket_of(1)]), (3, 3)),
        );
    }
}
