//! The only place that reads clocks.
//!
//! Ticks are `quanta`'s raw counter: the time stamp counter where it is invariant, the operating system's monotonic
//! clock elsewhere. `quanta` decides which, and calibrates it; where it is the time stamp counter, it is read here, in
//! line. Neither goes back. On Linux, the monotonic clock stops while the machine is suspended, and so does the time
//! stamp counter in deep sleep states: a call that spans a suspend is not charged for it.
#![allow(unsafe_code)]

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The counter and what one tick of it is worth, on which everybody agrees from the first reading on.
static COUNTER: OnceLock<quanta::Clock> = OnceLock::new();

/// What a tick of the time stamp counter is worth, in nanoseconds times 2^64; 0 if that is not what is read, or nothing
/// was read yet. Written once, with the counter; it guards no other data.
static TSC_SCALE: AtomicU64 = AtomicU64::new(0);

/// The ticks that the scale is derived from, as a power of two.
const CALIBRATED_BITS: u32 = 40;

/// What that many ticks may be worth, in nanoseconds: they come at more than 1 and up to 8 GHz, as those of all
/// counters in use do. The high half of a scale's product with a span is then the span in nanoseconds, and one that is
/// [backwards](BACKWARDS_NS) can be told from the others.
const CALIBRATED_NS: Range<u64> = 1 << (CALIBRATED_BITS - 3)..1 << CALIBRATED_BITS;

/// What [`TscScale::span_ns`] reaches only where the later reading was given as the earlier one: 36 years.
const BACKWARDS_NS: u64 = 1 << 60;

/// Calibrates the clock, which takes about a millisecond the first time, so that no measured call has to wait for it.
pub(crate) fn prepare() {
    // Miri has no processor to identify; there, time stands still unless a test sets the mock clock.
    if cfg!(miri) {
        return;
    }
    COUNTER.get_or_init(|| {
        let counter = quanta::Clock::new();
        // The ticks of another clock are nanoseconds.
        let worth = counter.delta_as_nanos(0, 1 << CALIBRATED_BITS);
        if cfg!(target_arch = "x86_64") && CALIBRATED_NS.contains(&worth) {
            TSC_SCALE.store(worth << (u64::BITS - CALIBRATED_BITS), Ordering::Relaxed);
        }
        counter
    });
}

/// Whether the clock was calibrated.
#[cfg(all(test, not(loom)))]
pub(crate) fn is_prepared() -> bool {
    COUNTER.get().is_some()
}

/// Whether the counter is the time stamp counter, so that [`tsc`] and [`TscScale`] may be used for it.
pub(crate) fn is_tsc() -> bool {
    #[cfg(test)]
    if mock::ticks().is_some() {
        return false;
    }
    TSC_SCALE.load(Ordering::Relaxed) != 0
}

/// Reads the time stamp counter. Of use where [`is_tsc`]; harmless, but of no meaning, elsewhere.
#[inline(always)]
pub(crate) fn tsc() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction. Where the system keeps it from programs, `quanta`'s detection
    // has read it before, and did not return.
    return unsafe { std::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    0
}

/// What a tick of the time stamp counter is worth, to be had without a look at what all threads share.
#[derive(Clone, Copy)]
pub(crate) struct TscScale(u64);

impl TscScale {
    pub(crate) fn get() -> Self {
        Self(TSC_SCALE.load(Ordering::Relaxed))
    }

    /// The nanoseconds from one reading of the time stamp counter to a later one. If they are the other way round, it
    /// is more than any span, and [`forward_ns`] knows it.
    #[inline(always)]
    pub(crate) fn span_ns(self, from: u64, to: u64) -> u64 {
        ((u128::from(to.wrapping_sub(from)) * u128::from(self.0)) >> u64::BITS) as u64
    }
}

/// What [`TscScale::span_ns`] returned; 0 for readings that were the other way round.
#[inline(always)]
pub(crate) fn forward_ns(span_ns: u64) -> u64 {
    if span_ns < BACKWARDS_NS { span_ns } else { 0 }
}

/// Reads the counter, whichever it is.
pub(crate) fn ticks() -> u64 {
    #[cfg(test)]
    if let Some(ticks) = mock::ticks() {
        return ticks;
    }
    if is_tsc() { tsc() } else { other_ticks() }
}

#[cold]
#[inline(never)]
fn other_ticks() -> u64 {
    prepare();
    COUNTER.get().map_or(0, quanta::Clock::raw)
}

/// A reading of the counter that is the time stamp counter's, `tsc`, if that is the counter.
pub(crate) fn reading(tsc: u64) -> u64 {
    if is_tsc() { tsc } else { ticks() }
}

/// The nanoseconds from one reading to a later one; 0 if they are the other way round.
pub(crate) fn span_ns(from: u64, to: u64) -> u64 {
    #[cfg(test)]
    if mock::ticks().is_some() {
        return to.saturating_sub(from);
    }
    if is_tsc() { forward_ns(TscScale::get().span_ns(from, to)) } else { other_span_ns(from, to) }
}

#[cold]
#[inline(never)]
fn other_span_ns(from: u64, to: u64) -> u64 {
    COUNTER.get().map_or(0, |counter| counter.delta_as_nanos(from, to))
}

/// The wall-clock time of a reading of the counter, for which the wall clock is read once, now.
pub(crate) fn wall_time_of(reading: u64) -> SystemTime {
    let since = Duration::from_nanos(span_ns(reading, ticks()));
    let now = wall_time();
    now.checked_sub(since).unwrap_or(now)
}

/// The wall-clock time.
pub(crate) fn wall_time() -> SystemTime {
    SystemTime::now()
}

/// The monotonic time, for deadlines.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// The monotonic time after `timeout`; a century from now if that is later than can be told.
pub(crate) fn deadline(timeout: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    let now = monotonic();
    now.checked_add(timeout).unwrap_or(now + CENTURY)
}

/// When a record was started, on the wall clock and on the monotonic one.
///
/// The end is the start plus the monotonic time since then, so that a wall clock that is set back never makes a record
/// end before it started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    since_epoch_ns: u64,
    monotonic: Instant,
}

impl Start {
    /// Starts now. A wall clock before 1970 counts as 1970, one after 2554 as 2554.
    pub(crate) fn now() -> Self {
        let since_epoch = wall_time().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { since_epoch_ns: saturating_ns(since_epoch.as_nanos()), monotonic: Instant::now() }
    }

    /// The start, in nanoseconds since the epoch.
    pub(crate) fn start_ns(self) -> u64 {
        self.since_epoch_ns
    }

    /// The present, in nanoseconds since the epoch: never less than [`start_ns`](Self::start_ns).
    pub(crate) fn end_ns(self) -> u64 {
        self.since_epoch_ns.saturating_add(saturating_ns(self.monotonic.elapsed().as_nanos()))
    }
}

fn saturating_ns(ns: u128) -> u64 {
    u64::try_from(ns).unwrap_or(u64::MAX)
}

/// A clock that a test sets, for its own thread. One tick is one nanosecond.
#[cfg(test)]
pub(crate) mod mock {
    use std::cell::Cell;

    thread_local! {
        static TICKS: Cell<Option<u64>> = const { Cell::new(None) };
    }

    pub(super) fn ticks() -> Option<u64> {
        TICKS.with(Cell::get)
    }

    /// The counter of this thread, which must have been set.
    pub(crate) fn now() -> u64 {
        ticks().expect("the mock clock of this thread is not set")
    }

    /// Sets the counter of this thread.
    pub(crate) fn set(ticks: u64) {
        TICKS.with(|cell| cell.set(Some(ticks)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_that_of_the_counter() {
        prepare();
        for ticks in [1_u64 << 20, 1 << 30, 1 << 45] {
            let ours = span_ns(7, 7 + ticks);
            let theirs = COUNTER.get().unwrap().delta_as_nanos(7, 7 + ticks);
            assert!(ours.abs_diff(theirs) <= theirs / 1_000_000 + 1, "{ours} against {theirs}");
        }
    }

    #[test]
    fn a_span_backwards_is_empty() {
        assert_eq!(span_ns(9, 3), 0);
    }

    #[test]
    fn a_span_backwards_is_told_from_any_other_whatever_a_tick_is_worth() {
        const YEAR: u64 = 365 * 24 * 3600 * 1_000_000_000;
        for worth in [CALIBRATED_NS.start, CALIBRATED_NS.end - 1] {
            let scale = TscScale(worth << (u64::BITS - CALIBRATED_BITS));
            for backwards in [1, 1 << 20, 1 << 55] {
                assert_eq!(forward_ns(scale.span_ns(7 + backwards, 7)), 0, "{worth}, {backwards} ticks");
            }
            let ticks = u128::from(10 * YEAR) * (1 << CALIBRATED_BITS) / u128::from(worth);
            let span = forward_ns(scale.span_ns(7, 7 + u64::try_from(ticks).unwrap()));
            assert!(span.abs_diff(10 * YEAR) < 10, "{worth}, {span} ns");
        }
    }
}
