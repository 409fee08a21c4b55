//! Ways to deal with a worker whose timer has expired.

mod bounded;
mod thread;

pub use bounded::BoundedReaper;
pub use thread::{Enrolment, ThreadReaper};

use std::sync::Arc;

use crate::timers::{Pid, ReapError};

/// Deals with a worker whose timer has expired.
///
/// Every `Fn(&W) -> Result<bool, ReapError>` is one.
pub trait Reaper<W = Pid>: Send + Sync {
    /// Takes note of a worker that has a timer and had none before.
    ///
    /// The time to note what identifies the worker beyond its id, since it is alive now.
    fn meet(&self, worker_id: &W) {
        let _ = worker_id;
    }

    /// Deals with the worker: true if it is dealt with, or gone; false to be asked again.
    ///
    /// # Errors
    ///
    /// If the worker cannot be dealt with; it then counts as dealt with.
    fn reap(&self, worker_id: &W) -> Result<bool, ReapError>;
}

impl<W, F: Fn(&W) -> Result<bool, ReapError> + Send + Sync> Reaper<W> for F {
    fn reap(&self, worker_id: &W) -> Result<bool, ReapError> {
        self(worker_id)
    }
}

impl<W> Reaper<W> for Arc<dyn Reaper<W>> {
    fn meet(&self, worker_id: &W) {
        (**self).meet(worker_id);
    }

    fn reap(&self, worker_id: &W) -> Result<bool, ReapError> {
        (**self).reap(worker_id)
    }
}
