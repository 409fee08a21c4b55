//! Every clock read of this module.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// When a record was started, on the wall clock and on the monotonic one.
///
/// The end is the start plus the monotonic time since then, so that a wall clock that is set back never makes a record
/// end before it started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    since_epoch_ns: u64,
    monotonic: Instant,
}

impl Start {
    /// Starts now. A wall clock before 1970 counts as 1970, one after 2554 as 2554.
    pub(super) fn now() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            since_epoch_ns: saturating_ns(since_epoch.as_nanos()),
            monotonic: Instant::now(),
        }
    }

    /// The start, in nanoseconds since the epoch.
    pub(super) fn start_ns(self) -> u64 {
        self.since_epoch_ns
    }

    /// The present, in nanoseconds since the epoch: never less than [`start_ns`](Self::start_ns).
    pub(super) fn end_ns(self) -> u64 {
        self.since_epoch_ns
            .saturating_add(saturating_ns(self.monotonic.elapsed().as_nanos()))
    }
}

fn saturating_ns(ns: u128) -> u64 {
    u64::try_from(ns).unwrap_or(u64::MAX)
}
