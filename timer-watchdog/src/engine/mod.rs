//! Room: passes over requests and timers, and the threads that run them.
//!
//! May use: `time`, `thread`, `timers`, `process`, `channel`, `report`.

#[cfg(all(feature = "file", target_os = "linux"))]
pub(crate) mod file;
mod observer;
pub(crate) mod pass_loop;
mod watchdog;

#[cfg(all(feature = "file", target_os = "linux"))]
pub use file::{FileTimerCounts, FileTimerServer, FileTimerServerBuilder};
pub use observer::Health;
pub(crate) use observer::{Observer, ObserverSettings};
pub use watchdog::{PassReport, Watchdog, WatchdogBuilder, WatchdogHandle};
