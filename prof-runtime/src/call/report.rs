//! Reports a call that has ended to the handlers of that moment.

use std::sync::Arc;

use crate::config::dispatch;
use crate::config::route;
use crate::config::scope;
use crate::counts::{Counts, Stats};
use crate::handler::MetricHandler;
use crate::model::Outcome;
use crate::site::{CallRecord, Callsite, Route, UntimedCall};
use crate::thread::{self, SiteState};

/// A call that has ended, timed or not, or the change of an instrument.
pub(crate) trait Report: Copy {
    /// Counts the call on a thread's share of an aggregator.
    fn count(self, stats: &Stats);

    /// Counts the call on this thread's share of an aggregator, which may have to be made.
    fn count_by(self, counts: &Arc<Counts>, site: &'static Callsite);

    /// Passes the call to a handler.
    fn give(self, handler: &dyn MetricHandler, site: &'static Callsite);
}

/// A call that was timed.
#[derive(Clone, Copy)]
pub(super) struct Timed {
    pub(super) outcome: Outcome,
    pub(super) end_ticks: u64,
    pub(super) duration_ns: u64,
}

impl Report for Timed {
    #[inline(always)]
    fn count(self, stats: &Stats) {
        stats.record(self.outcome, self.duration_ns);
    }

    fn count_by(self, counts: &Arc<Counts>, site: &'static Callsite) {
        thread::record(counts, site, self.outcome, Some(self.duration_ns));
    }

    #[inline(always)]
    fn give(self, handler: &dyn MetricHandler, site: &'static Callsite) {
        handler.record_call(&CallRecord::at(site, self.outcome, self.end_ticks, self.duration_ns));
    }
}

/// A call of a sampled function that was not timed.
#[derive(Clone, Copy)]
pub(super) struct Untimed(pub(super) Outcome);

impl Report for Untimed {
    #[inline(always)]
    fn count(self, stats: &Stats) {
        stats.count(self.0);
    }

    fn count_by(self, counts: &Arc<Counts>, site: &'static Callsite) {
        thread::record(counts, site, self.0, None);
    }

    #[inline(always)]
    fn give(self, handler: &dyn MetricHandler, site: &'static Callsite) {
        handler.record_untimed_call(&UntimedCall::new(site, self.0));
    }
}

/// Reports a call to the aggregator or the handlers that this thread has cached, else to the handlers of the site.
#[inline(always)]
pub(crate) fn report(site_state: &SiteState, call: impl Report) {
    match site_state.stats_on(site_state.site().route()) {
        Some(stats) => call.count(stats),
        None => report_to_cached(site_state, call),
    }
}

/// Reports a call to the handlers that this thread has cached, else to the handlers of the site.
#[inline(always)]
pub(super) fn report_to_cached(site_state: &SiteState, call: impl Report) {
    let site = site_state.site();
    let Some(handlers) = site_state.handlers_on(site.route()) else { return report_slowly(site, call) };
    for counts in handlers.aggregators() {
        match site_state.stats_of(counts.route()) {
            Some(stats) => call.count(stats),
            None => call.count_by(counts, site),
        }
    }
    if handlers.has_others() {
        dispatch::handlers(handlers, |handler| call.give(handler, site));
    }
}

/// Reports a call to this thread's scoped handler, if it has one by now.
#[cold]
#[inline(never)]
pub(crate) fn report_scoped(site: &'static Callsite, call: impl Report) {
    match scope::current() {
        Some(scoped) => dispatch::to(&scoped, |handler| call.give(handler, site)),
        None => report_slowly(site, call),
    }
}

/// Reports a call to the handlers of its site, and caches them for this thread.
#[cold]
#[inline(never)]
pub(crate) fn report_slowly(site: &'static Callsite, call: impl Report) {
    let handlers = route::handlers_of_site(site);
    // Aggregators first: they run no user code.
    handlers.aggregators().iter().for_each(|counts| call.count_by(counts, site));
    dispatch::handlers(&handlers, |handler| call.give(handler, site));
    if handlers.has_others() || handlers.aggregators().len() > 1 {
        thread::cache_handlers(site, handlers);
    } else if handlers.route() == Route::OFF {
        // No handler is left: the next call is not to be measured.
        thread::park(site);
    }
}
