//! Room: how requests travel between processes: lines, the named pipe, and its client.
//!
//! May use: `time`, `thread`, `timers`, `process`.

#[cfg(target_os = "linux")]
mod client;
#[cfg(target_os = "linux")]
pub(crate) mod pipe;
mod wire;

#[cfg(target_os = "linux")]
pub use client::FileTimerClient;
#[cfg(target_os = "linux")]
pub use pipe::PipeError;
pub use wire::{FileTimerRequest, LineError, LineReader, MAX_LINE_BYTES};
