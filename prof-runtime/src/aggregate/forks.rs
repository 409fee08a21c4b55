//! The locks of aggregators and threads, held over a fork.

use std::any::Any;

use crate::counts::shared;
use crate::thread;

/// The locks of aggregators and threads. The fields are in the reverse order of locking, since they are dropped in
/// order.
struct Held {
    _threads: thread::Held,
    _aggregators: shared::Held,
}

/// Takes the locks of all aggregators, then those of all threads. Call it inside the runtime only.
pub(crate) fn take_locks() -> Box<dyn Any> {
    let aggregators = shared::hold();
    Box::new(Held { _threads: thread::hold(), _aggregators: aggregators })
}
