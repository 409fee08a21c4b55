//! Room: what watchdogs tell, as one type of events, and where events go: the `log` and `tracing` crates, lines of
//! JSON, the service manager.
//!
//! May use: `time`, `thread`, `timers`, `process`, `channel`.

mod event;
mod failure;
#[cfg(all(feature = "file", target_os = "linux"))]
mod incident;
#[cfg(all(feature = "file", target_os = "linux"))]
mod json;
#[cfg(all(feature = "file", target_os = "linux"))]
pub(crate) mod sd_notify;
mod stall;
#[cfg(feature = "log")]
mod to_log;
#[cfg(feature = "tracing")]
mod to_tracing;
#[cfg(all(feature = "file", target_os = "linux"))]
mod worker;

pub use event::Event;
pub use failure::{PassError, ReapFailure};
pub(crate) use failure::{error_chain, panic_message};
#[cfg(all(feature = "file", target_os = "linux"))]
pub use incident::{ExpiredScope, IncidentReport};
pub use stall::{Activity, Level, Recovery, Stall};
pub(crate) use stall::{Origin, ScopeState};
#[cfg(feature = "log")]
pub use to_log::to_log;
#[cfg(feature = "tracing")]
pub use to_tracing::to_tracing;
#[cfg(all(feature = "file", target_os = "linux"))]
pub use worker::WorkerEvent;
