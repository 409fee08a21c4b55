//! The handlers of a group, as a thread caches them for its call sites.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::counts::Counts;
use crate::handler::{Failed, GuardedHandler, MetricHandler};
use crate::site::Route;

/// The handlers that receive the metrics of a group.
pub(crate) struct Handlers {
    /// The route of the sites of the group.
    route: Route,
    /// The counts of those that are aggregators: threads count calls there without calling a handler.
    aggregators: Vec<Arc<Counts>>,
    /// The handlers that are no aggregators.
    others: Vec<Arc<GuardedHandler>>,
    /// All handlers, which receive data points.
    all: Vec<Arc<GuardedHandler>>,
}

impl Handlers {
    /// Gathers those that `add` adds.
    pub(crate) fn gather(add: impl FnOnce(&mut Self)) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut gathered = Self { route: Route::OFF, aggregators: Vec::new(), others: Vec::new(), all: Vec::new() };
        add(&mut gathered);
        gathered.route = match (&gathered.aggregators[..], &gathered.others[..]) {
            ([], []) => Route::OFF,
            ([only], []) => only.route(),
            _ => Route::to_handlers(NEXT.fetch_add(1, Ordering::Relaxed)),
        };
        gathered
    }

    pub(crate) fn add(&mut self, handler: &Arc<GuardedHandler>) {
        self.others.push(Arc::clone(handler));
        self.all.push(Arc::clone(handler));
    }

    pub(crate) fn add_aggregator(&mut self, handler: &Arc<GuardedHandler>, counts: &Arc<Counts>) {
        self.aggregators.push(Arc::clone(counts));
        self.all.push(Arc::clone(handler));
    }

    pub(crate) fn route(&self) -> Route {
        self.route
    }

    #[inline(always)]
    pub(crate) fn aggregators(&self) -> &[Arc<Counts>] {
        &self.aggregators
    }

    /// Whether there are other handlers than aggregators.
    #[inline(always)]
    pub(crate) fn has_others(&self) -> bool {
        !self.others.is_empty()
    }

    /// Whether a handler is switched off.
    pub(crate) fn have_one_off(&self) -> bool {
        self.all.iter().any(|handler| handler.is_off())
    }

    /// Runs `f` on every handler that is no aggregator. Runs `switched_off` after each that `f` switched off.
    #[inline(always)]
    pub(crate) fn each_other(&self, f: impl FnMut(&dyn MetricHandler), switched_off: fn()) {
        each(&self.others, f, switched_off);
    }

    /// Runs `f` on every handler. Runs `switched_off` after each that `f` switched off.
    pub(crate) fn each(&self, f: impl FnMut(&dyn MetricHandler), switched_off: fn()) {
        each(&self.all, f, switched_off);
    }
}

#[inline(always)]
fn each(handlers: &[Arc<GuardedHandler>], mut f: impl FnMut(&dyn MetricHandler), switched_off: fn()) {
    for handler in handlers {
        if handler.with(&mut f) == Err(Failed::SwitchedOff) {
            switched_off();
        }
    }
}
