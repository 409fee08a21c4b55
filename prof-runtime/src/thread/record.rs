//! Counts a call on this thread's share of an aggregator.

use std::sync::Arc;

use super::{find, pool};
use crate::counts::{Counts, Stats};
use crate::model::Outcome;
use crate::site::Callsite;

/// Counts one call on this thread's share; without its duration if it was not timed.
///
/// Never inlined: at the end of a call it is for a first share only, and would cost registers there.
#[inline(never)]
pub(crate) fn record(counts: &Arc<Counts>, site: &'static Callsite, outcome: Outcome, duration_ns: Option<u64>) {
    record_by(counts, site, |stats| stats.record_any(outcome, duration_ns));
}

/// Changes this thread's share by `record`, which runs once.
#[inline]
pub(crate) fn record_by(counts: &Arc<Counts>, site: &'static Callsite, record: impl Fn(&Stats)) {
    let route = counts.route();
    let is_recorded = find(site, |found| {
        let Some(site_state) = found else { return false };
        let Some(stats) = site_state.stats_of(route) else { return false };
        record(stats);
        if site.route() == route {
            site_state.cache_stats(route);
        }
        true
    });
    if !is_recorded {
        record_first(counts, site, record);
    }
}

#[cold]
fn record_first(counts: &Arc<Counts>, site: &'static Callsite, record: impl FnOnce(&Stats)) {
    pool::share(site, counts, record);
}
