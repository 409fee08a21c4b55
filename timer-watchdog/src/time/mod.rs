//! Room: clocks and points in time. The only room that reads a clock.
//!
//! May use: no other room.

mod clock;
mod gap;
mod mock;
#[cfg_attr(not(feature = "tsc"), path = "os.rs")]
#[cfg_attr(feature = "tsc", path = "tsc.rs")]
mod source;
mod timestamp;
#[cfg(all(feature = "file", target_os = "linux"))]
pub(crate) mod wall;

pub use clock::Clock;
pub(crate) use clock::{Sleep, Sleeper};
#[cfg(all(feature = "file", target_os = "linux"))]
pub(crate) use gap::Credits;
pub(crate) use gap::{GAP_THRESHOLD, Gap, GapRule};
pub use mock::MockClock;
pub(crate) use timestamp::nanos;
pub use timestamp::{Timestamp, TimestampError};
