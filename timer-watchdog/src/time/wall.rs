//! The wall clock, which only the wire format of file timers asks for.

use std::time::{Duration, SystemTime};

/// Returns the time since 1970, zero if the clock stands before that.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
