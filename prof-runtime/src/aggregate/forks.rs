//! The locks of aggregators and threads, held over a fork.

use std::any::Any;

use crate::counts::shared;
use crate::thread;

/// Dropped in the order of its fields: the opposite of that in which the locks are taken.
struct Held {
    _threads: thread::Held,
    _aggregators: shared::Held,
}

/// Takes the locks of all aggregators, then those of all threads. To be called from inside.
pub(crate) fn take_locks() -> Box<dyn Any> {
    let aggregators = shared::hold();
    Box::new(Held { _threads: thread::hold(), _aggregators: aggregators })
}
