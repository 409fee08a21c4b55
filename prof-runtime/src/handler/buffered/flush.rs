//! A flush of a `BufferedHandler` that is in progress.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::{BufferedHandler, NOT_STUCK};
use crate::handler::FlushError;

/// A flush that was requested, and that the caller has not waited for yet.
pub(crate) struct BegunFlush<'a> {
    pub(super) handler: &'a BufferedHandler,
    pub(super) replied: Receiver<Result<(), FlushError>>,
    pub(super) deadline: Instant,
    pub(super) timeout: Duration,
}

impl BegunFlush<'_> {
    pub(crate) fn wait(self) -> Result<(), FlushError> {
        let flushed = self.replied.recv_deadline(self.deadline).map_err(|error| self.failed(error.is_timeout()))?;
        self.handler.stuck_at.store(NOT_STUCK, Ordering::Relaxed);
        flushed
    }

    pub(super) fn failed(&self, is_timeout: bool) -> FlushError {
        let returns = if is_timeout { self.handler.queue.returns() } else { NOT_STUCK };
        self.handler.stuck_at.store(returns, Ordering::Relaxed);
        let target = self.handler.target().into();
        match is_timeout {
            true => FlushError::Timeout { target, timeout: self.timeout },
            false => FlushError::Stopped { target },
        }
    }
}
