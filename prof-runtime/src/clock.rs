//! The only place that reads clocks.
//!
//! Ticks are `quanta`'s raw counter: the time stamp counter where it is invariant, the operating system's monotonic
//! clock elsewhere. `quanta` decides which, and calibrates it; where it is the time stamp counter, it is read here, in
//! line. Neither goes back. On Linux, the monotonic clock stops while the machine is suspended, and so does the time
//! stamp counter in deep sleep states: a call that spans a suspend is not charged for it.
#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The counter and what one tick of it is worth, on which everybody agrees from the first reading on.
static COUNTER: OnceLock<quanta::Clock> = OnceLock::new();

/// Nanoseconds per tick of the time stamp counter, as a fixed-point number with [`SCALE_BITS`] fractional bits; 0 if that
/// is not what is read, or nothing was read yet. Written once, with the counter; it guards no other data.
static TSC_SCALE: AtomicU64 = AtomicU64::new(0);

/// Fractional bits of the scale. A tick is at most some 100 ns, so the product of a scale below 2^39 and a span below
/// 2^64 fits the 128 bits it is computed in.
const SCALE_BITS: u32 = 32;

/// Calibrates the clock, which takes about a millisecond the first time, so that no measured call has to wait for it.
pub(crate) fn prepare() {
    // Miri has no processor to identify; there, time stands still unless a test sets the mock clock.
    if cfg!(miri) {
        return;
    }
    COUNTER.get_or_init(|| {
        let counter = quanta::Clock::new();
        // What 2^40 ticks are worth, from which the scale of one follows. Ticks that are nanoseconds are not a counter's.
        let worth = counter.delta_as_nanos(0, 1 << 40);
        if cfg!(target_arch = "x86_64") && worth != 1 << 40 {
            TSC_SCALE.store(worth >> (40 - SCALE_BITS), Ordering::Relaxed);
        }
        counter
    });
}

/// Whether the counter is the time stamp counter, so that [`tsc`] and [`tsc_span_ns`] may be used for it.
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

/// The nanoseconds from one reading of the time stamp counter to a later one; 0 if they are the other way round.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // A span of 2^63 ns is 292 years.
pub(crate) fn tsc_span_ns(from: u64, to: u64) -> u64 {
    let scale = TSC_SCALE.load(Ordering::Relaxed);
    ((u128::from(to.saturating_sub(from)) * u128::from(scale)) >> SCALE_BITS) as u64
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

/// The nanoseconds from one reading to a later one; 0 if they are the other way round.
pub(crate) fn span_ns(from: u64, to: u64) -> u64 {
    #[cfg(test)]
    if mock::ticks().is_some() {
        return to.saturating_sub(from);
    }
    if is_tsc() { tsc_span_ns(from, to) } else { other_span_ns(from, to) }
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
}
