//! The wall clock. Only the wire format of file timers and the names of files use it.

use std::time::{Duration, SystemTime};

/// Returns the time since 1970. Zero if the clock shows an earlier time.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
