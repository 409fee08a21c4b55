//! Calls of a sampled function that are not timed.

use super::{SampleGaps, SiteState};
use crate::base::sync::atomic::{AtomicU64, Ordering};

/// Counts the calls of a sampled function that are not timed. Their beginnings are not kept, so that they need not end
/// in the reverse order.
pub(super) struct Untimed {
    /// The number of those that began on this thread.
    begun: AtomicU64,
    /// The value of `begun` at which the next call is timed; the same as `begun` where all calls are.
    until: AtomicU64,
    /// The number of those that ended on this thread.
    ended: AtomicU64,
    gaps: SampleGaps,
}

impl Untimed {
    pub(super) fn new(sample: u32) -> Self {
        let gaps = SampleGaps::new(sample);
        let until = gaps.draw();
        Self { begun: AtomicU64::new(0), until: AtomicU64::new(until), ended: AtomicU64::new(0), gaps }
    }

    pub(super) fn in_flight(&self) -> i64 {
        self.begun.load(Ordering::Relaxed).wrapping_sub(self.ended.load(Ordering::Relaxed)).cast_signed()
    }
}

impl SiteState {
    /// Begins a call that is not timed, and returns true; returns false if the next call is to be timed.
    #[inline(always)]
    pub(crate) fn begin_untimed(&self) -> bool {
        let begun = self.untimed.begun.load(Ordering::Relaxed);
        if begun == self.untimed.until.load(Ordering::Relaxed) {
            return false;
        }
        self.untimed.begun.store(begun.wrapping_add(1), Ordering::Relaxed);
        true
    }

    /// Ends a call that is not timed. A future's call may have begun on another thread.
    #[inline(always)]
    pub(crate) fn end_untimed(&self) {
        self.untimed.ended.store(self.untimed.ended.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Draws which call of a sampled function is timed next.
    #[cold]
    #[inline(never)]
    pub(crate) fn choose_timed(&self) {
        let gap = self.untimed.gaps.draw();
        self.untimed.until.store(self.untimed.begun.load(Ordering::Relaxed).wrapping_add(gap), Ordering::Relaxed);
    }

    /// Begins the call of a future, and returns whether it is timed.
    #[inline(always)]
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
}
