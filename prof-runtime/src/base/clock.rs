//! The only place that reads clocks.
//!
//! Ticks are the raw counter of `quanta`: the time stamp counter where it is invariant, the system's monotonic clock
//! elsewhere. `quanta` chooses the counter and calibrates it; this module reads the time stamp counter itself, by
//! one instruction. Neither counter goes back. On Linux, the monotonic clock stops while the machine is suspended, and
//! the time stamp counter stops in deep sleep states, so the duration of a call does not contain a suspend.
#![allow(unsafe_code)]

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The counter and the length of its tick. Set once, before the first reading, so that all readings share them.
static COUNTER: OnceLock<quanta::Clock> = OnceLock::new();

/// The length of a tick of the time stamp counter, in nanoseconds times 2^64. 0 before the first reading, and where the
/// counter is another one. Written once, together with [`COUNTER`]; it guards no other data.
static TSC_SCALE: AtomicU64 = AtomicU64::new(0);

/// The scale is derived from the length of 2 to this power ticks.
const CALIBRATED_BITS: u32 = 40;

/// The accepted length of 2^[`CALIBRATED_BITS`] ticks, in nanoseconds: more than 1 and up to 8 GHz, which covers all
/// counters in use. In this range, the high half of scale times ticks is the span in nanoseconds, and a
/// [backwards](BACKWARDS_NS) span exceeds every forward one.
const CALIBRATED_NS: Range<u64> = 1 << (CALIBRATED_BITS - 3)..1 << CALIBRATED_BITS;

/// The least value of [`TscScale::span_ns`] for a span whose end is before its start, in nanoseconds: 36 years.
const BACKWARDS_NS: u64 = 1 << 60;

/// Calibrates the clock, which takes about a millisecond the first time, so that no measured call has to wait for it.
pub(crate) fn prepare() {
    // Miri has no processor to identify. Under Miri, time stands still unless a test sets the mock clock.
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

/// Returns whether the clock is calibrated.
#[cfg(all(test, not(loom)))]
pub(crate) fn is_prepared() -> bool {
    COUNTER.get().is_some()
}

/// Returns whether the counter is the time stamp counter, which [`tsc`] and [`TscScale`] are for.
pub(crate) fn is_tsc() -> bool {
    #[cfg(test)]
    if mock::ticks().is_some() {
        return false;
    }
    TSC_SCALE.load(Ordering::Relaxed) != 0
}

/// Reads the time stamp counter. The value has a meaning only if [`is_tsc`] returns true.
#[inline(always)]
pub(crate) fn tsc() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction. Where the system keeps it from programs, `quanta`'s detection
    // has read it before, and did not return.
    return unsafe { std::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    0
}

/// The length of a tick of the time stamp counter, as a copy that a thread reads without touching shared memory.
#[derive(Clone, Copy)]
pub(crate) struct TscScale(u64);

impl TscScale {
    pub(crate) fn get() -> Self {
        Self(TSC_SCALE.load(Ordering::Relaxed))
    }

    /// Returns the nanoseconds from one reading of the time stamp counter to a later one. If `to` is before `from`,
    /// returns at least [`BACKWARDS_NS`], which [`forward_ns`] turns into 0.
    #[inline(always)]
    pub(crate) fn span_ns(self, from: u64, to: u64) -> u64 {
        ((u128::from(to.wrapping_sub(from)) * u128::from(self.0)) >> u64::BITS) as u64
    }
}

/// Returns `span_ns`, as [`TscScale::span_ns`] returned it, or 0 if the span is backwards.
#[inline(always)]
pub(crate) fn forward_ns(span_ns: u64) -> u64 {
    if span_ns < BACKWARDS_NS { span_ns } else { 0 }
}

/// Reads the counter: the time stamp counter or another.
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

/// Returns `tsc`, which was just read, if the counter is the time stamp counter. Otherwise reads the counter.
pub(crate) fn reading(tsc: u64) -> u64 {
    if is_tsc() { tsc } else { ticks() }
}

/// Returns the nanoseconds from one reading of the counter to a later one; 0 if `to` is before `from`.
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

/// Returns the wall-clock time of a reading of the counter: the current time less the span since the reading.
pub(crate) fn wall_time_of(reading: u64) -> SystemTime {
    let since = Duration::from_nanos(span_ns(reading, ticks()));
    let now = wall_time();
    now.checked_sub(since).unwrap_or(now)
}

/// Returns the wall-clock time.
pub(crate) fn wall_time() -> SystemTime {
    SystemTime::now()
}

/// Returns the monotonic time, for deadlines.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// Returns the monotonic time after `timeout`; a century from now if `Instant` cannot represent that.
pub(crate) fn deadline(timeout: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    let now = monotonic();
    now.checked_add(timeout).unwrap_or(now + CENTURY)
}

/// The start of a record, on the wall clock and on the monotonic clock.
///
/// The end is the start plus the monotonic time since then. A record therefore never ends before it started, even if
/// the wall clock is set back.
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

    /// Returns the start, in nanoseconds since the epoch.
    pub(crate) fn start_ns(self) -> u64 {
        self.since_epoch_ns
    }

    /// Returns the current time, in nanoseconds since the epoch; never less than [`start_ns`](Self::start_ns).
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
