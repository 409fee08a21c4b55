//! Timers of worker processes, over a named pipe.

mod client;
mod event;
mod incident;
mod pipe;
mod report;
mod sd_notify;
mod server;
mod state;

pub use client::FileTimerClient;
pub use event::FileTimerEvent;
pub use pipe::PipeError;
pub use report::{ExpiredScope, IncidentReport};
pub use server::{FileTimerHealth, FileTimerServer, FileTimerServerBuilder};
