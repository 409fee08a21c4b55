//! The trait of reapers, which deal with workers whose timer has expired.

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
    /// Learns of a worker that acquires its first timer.
    ///
    /// The worker is alive now, so an implementation can record what identifies it beyond its id.
    fn meet(&self, worker_id: &W) {
        let _ = worker_id;
    }

    /// Reaps the worker. Returns true if the worker is reaped or gone, false to be called again in the next pass.
    ///
    /// # Errors
    ///
    /// If the worker cannot be reaped. It then counts as reaped.
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
