//! Client, queue and server inside one process.

mod client;
mod queue;
mod server;

pub use client::LocalTimerClient;
pub use queue::LocalQueue;
pub use server::LocalTimerServer;
