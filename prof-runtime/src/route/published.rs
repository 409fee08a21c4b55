//! The configuration, as one call site sees it.
//!
//! A thread reads the route on every call, and the target only when it has none at hand that the route leads to. Either may
//! be newer than the other, as they are two words: a call then goes to the handlers before the change or to those after
//! it, but to one of them, and once.
//!
//! The atomics are those of the module above, which are models of them in the loom model of this file.

use std::sync::Arc;

use super::atomics::{AtomicU64, Ordering, Slot};
use crate::route::{Route, Target};

/// What a site does with a call, and whom the call is handed to.
pub(crate) struct Published {
    /// A [`Route`], as its word. Read on every call, written when handlers change; it guards no other data.
    pub(super) route: AtomicU64,
    /// The handlers that the route speaks of; empty until the first call.
    pub(super) target: Slot<Target>,
}

impl Published {
    #[inline(always)]
    pub(crate) fn route(&self) -> Route {
        Route::from_word(self.route.load(Ordering::Relaxed))
    }

    pub(crate) fn target(&self) -> Option<Arc<Target>> {
        self.target.load_full()
    }

    /// Publishes a target, and a route to it or past it; returns the target that is replaced.
    pub(crate) fn publish(&self, target: Arc<Target>, route: Route) -> Option<Arc<Target>> {
        let replaced = self.target.swap(Some(target));
        self.route.store(route.word(), Ordering::Relaxed);
        replaced
    }
}
