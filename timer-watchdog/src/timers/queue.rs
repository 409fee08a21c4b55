//! Where a server takes the requests of its clients from.

use std::error::Error;
use std::time::Duration;

use crate::timers::{Pid, TimerRequest};

/// Hands the requests of clients to a [`Watchdog`](crate::Watchdog).
pub trait RequestQueue<W = Pid>: Send + Sync {
    /// Returns how many requests wait.
    fn size(&self) -> usize;

    /// Takes requests, oldest first, until there are `size` of them or `timeout` has passed.
    ///
    /// An empty list after the timeout is not an error. A call of [`wake`](RequestQueue::wake) ends the wait early.
    ///
    /// # Errors
    ///
    /// If no request can be taken. Those that were taken must not be lost with it.
    fn get(&self, size: usize, timeout: Duration) -> Result<Vec<TimerRequest<W>>, QueueError>;

    /// Makes the present call of [`get`](RequestQueue::get), or else the next one, return without waiting.
    ///
    /// Without it, stopping a watchdog takes as long as its longest wait.
    fn wake(&self) {}

    /// Says that nobody will take requests any more, so that clients need not keep them.
    fn close(&self) {}
}

/// Says why no request could be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// Reading from the operating system failed.
    #[error("cannot {action}")]
    Io {
        /// What was tried, and on what.
        action: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A queue from elsewhere failed.
    #[error("the request queue failed")]
    Other(#[from] Box<dyn Error + Send + Sync>),
}
