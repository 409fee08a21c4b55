//! Room: passes over requests and timers, and the threads that run them.
//!
//! May use: `time`, `thread`, `timers`, `process`, `channel`, `report`.

#[cfg(all(feature = "file", target_os = "linux"))]
pub(crate) mod file;
mod watchdog;

#[cfg(all(feature = "file", target_os = "linux"))]
pub use file::{FileTimerHealth, FileTimerServer, FileTimerServerBuilder};
pub use watchdog::{Health, PassReport, Watchdog, WatchdogBuilder, WatchdogHandle};
