//! The trait of queues, which carry requests from clients to a watchdog.

use std::error::Error;
use std::time::Duration;

use crate::timers::{Pid, TimerRequest};

/// Carries the requests of clients to a [`Watchdog`](crate::Watchdog).
pub trait RequestQueue<W = Pid>: Send + Sync {
    /// Returns the number of requests that wait.
    fn size(&self) -> usize;

    /// Takes requests, oldest first, until there are `size` of them or `timeout` has passed.
    ///
    /// An empty list after the timeout is not an error. A call of [`wake`](RequestQueue::wake) ends the wait early.
    ///
    /// # Errors
    ///
    /// If no request can be taken. An implementation must not lose requests that it has taken before the error.
    fn get(&self, size: usize, timeout: Duration) -> Result<Vec<TimerRequest<W>>, QueueError>;

    /// Ends the wait of the present call of [`get`](RequestQueue::get), or else of the next one.
    ///
    /// With the default, which does nothing, the stop of a watchdog takes up to its longest wait.
    fn wake(&self) {}

    /// Tells clients that no watchdog will take requests anymore, so that they need not keep any.
    fn close(&self) {}
}

/// Why no request can be taken.
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
    /// A queue outside this crate failed.
    #[error("the request queue failed")]
    Other(#[from] Box<dyn Error + Send + Sync>),
}
