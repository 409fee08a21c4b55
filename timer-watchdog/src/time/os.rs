//! The operating system's monotonic clock.

use std::sync::LazyLock;
use std::time::Instant;

use super::nanos;

/// The moment that timestamps count from. One for the whole process, so that timestamps of any two clocks compare.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Returns the nanoseconds since the origin.
#[inline]
pub(super) fn elapsed_ns() -> u64 {
    nanos(ORIGIN.elapsed())
}
