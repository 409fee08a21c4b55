//! The only place that reads clocks.
//!
//! Ticks are `quanta`'s raw counter: the time stamp counter where it is invariant, the operating system's monotonic
//! clock elsewhere. Neither goes back, and neither counts the time that the machine is suspended on Linux.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The counter and what one tick of it is worth.
struct Clock {
    counter: quanta::Clock,
    /// Nanoseconds per tick, as a fixed-point number with [`SCALE_BITS`] fractional bits.
    scale: u64,
}

/// Fractional bits of the scale. A tick is at most some 100 ns, so the product of a scale below 2^39 and a span below
/// 2^64 fits the 128 bits it is computed in.
const SCALE_BITS: u32 = 32;

static CLOCK: OnceLock<Clock> = OnceLock::new();

impl Clock {
    fn calibrate() -> Self {
        let counter = quanta::Clock::new();
        // The worth of 2^40 ticks, from which the scale of one follows.
        let scale = counter.delta_as_nanos(0, 1 << 40) >> (40 - SCALE_BITS);
        Self { counter, scale }
    }
}

/// Calibrates the clock, which takes about a millisecond the first time, so that no measured call has to wait for it.
pub(crate) fn prepare() {
    CLOCK.get_or_init(Clock::calibrate);
}

/// Reads the counter.
#[inline]
pub(crate) fn ticks() -> u64 {
    #[cfg(test)]
    if let Some(ticks) = mock::ticks() {
        return ticks;
    }
    CLOCK.get_or_init(Clock::calibrate).counter.raw()
}

/// The nanoseconds from one reading to a later one; 0 if they are the other way round.
#[inline]
pub(crate) fn span_ns(from: u64, to: u64) -> u64 {
    let ticks = to.saturating_sub(from);
    #[cfg(test)]
    if mock::ticks().is_some() {
        return ticks;
    }
    let scale = CLOCK.get_or_init(Clock::calibrate).scale;
    // Fits: a span of 2^63 ns is 292 years.
    #[allow(clippy::cast_possible_truncation)]
    let ns = ((u128::from(ticks) * u128::from(scale)) >> SCALE_BITS) as u64;
    ns
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
        let clock = CLOCK.get().unwrap();
        for ticks in [1_u64 << 20, 1 << 30, 1 << 45] {
            let ours = span_ns(7, 7 + ticks);
            let theirs = clock.counter.delta_as_nanos(7, 7 + ticks);
            assert!(ours.abs_diff(theirs) <= theirs / 1_000_000 + 1, "{ours} against {theirs}");
        }
    }

    #[test]
    fn a_span_backwards_is_empty() {
        assert_eq!(span_ns(9, 3), 0);
    }
}
