//! Why a pass or a reap failed.

use std::any::Any;

use crate::timers::{QueueError, ReapError};

/// Says why a pass did not complete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassError {
    /// The queue gave no requests.
    #[error("cannot take timer requests")]
    Queue(#[from] QueueError),
    /// A reaper asked for the pass inside a pass of the same watchdog.
    #[error("a watchdog pass cannot run inside a pass of the same watchdog")]
    Nested,
    /// The queue or the server panicked.
    #[error("the queue or the server panicked: {0}")]
    Panic(String),
}

/// Says why a reaper failed on a worker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReapFailure {
    /// The reaper returned an error.
    #[error(transparent)]
    Error(#[from] ReapError),
    /// The reaper panicked.
    #[error("the reaper panicked: {0}")]
    Panic(String),
}

/// Returns an error and its causes, in one line.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Returns the message of a panic, if it is text.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| String::from("(no message)"))
}
