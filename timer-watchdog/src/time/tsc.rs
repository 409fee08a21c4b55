//! The processor's time stamp counter. `quanta` falls back to the operating system's clock where the counter is not
//! invariant.

use std::sync::LazyLock;

/// The counter and its value at the moment that timestamps count from.
struct Origin {
    counter: quanta::Clock,
    raw: u64,
}

/// The moment that timestamps count from. One for the whole process, so that timestamps of any two clocks compare. The
/// first use calibrates the counter, in up to 200 ms.
static ORIGIN: LazyLock<Origin> = LazyLock::new(|| {
    let counter = quanta::Clock::new();
    let raw = counter.raw();
    Origin { counter, raw }
});

/// Returns the nanoseconds since the origin.
#[inline]
pub(super) fn elapsed_ns() -> u64 {
    let origin = &*ORIGIN;
    origin.counter.delta_as_nanos(origin.raw, origin.counter.raw())
}
