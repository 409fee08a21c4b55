//! Room: what a watchdog tells, and where that goes.
//!
//! May use: `time`, `thread`, `timers`, `process`, `channel`.

pub(crate) mod event;
#[cfg(all(feature = "file", target_os = "linux"))]
mod file_event;
#[cfg(all(feature = "file", target_os = "linux"))]
mod incident;
#[cfg(all(feature = "file", target_os = "linux"))]
pub(crate) mod sd_notify;
#[cfg(feature = "log")]
mod to_log;
#[cfg(feature = "tracing")]
mod to_tracing;

pub use event::{ReapFailure, TimerEvent};
#[cfg(all(feature = "file", target_os = "linux"))]
pub use file_event::FileTimerEvent;
#[cfg(all(feature = "file", target_os = "linux"))]
pub use incident::{ExpiredScope, IncidentReport};
#[cfg(feature = "log")]
pub use to_log::to_log;
#[cfg(feature = "tracing")]
pub use to_tracing::to_tracing;
