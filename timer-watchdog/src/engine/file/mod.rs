//! The server of worker processes, which send requests through a named pipe.

mod incident;
mod server;
mod state;

pub use server::{FileTimerCounts, FileTimerServer, FileTimerServerBuilder};
