//! Hands metrics to the handlers that are to have them.

use std::sync::Arc;

use crate::callsite::Callsite;
use crate::data::MetricData;
use crate::handler::MetricHandler;
use crate::local;
use crate::outcome::Outcome;
use crate::record::CallRecord;
use crate::route::{self, Target};
use crate::scope;

/// Delivers a finished call.
pub(crate) fn call(site: &'static Callsite, outcome: Outcome, end_ticks: u64, duration_ns: u64) {
    let record = CallRecord::at(site, outcome, end_ticks, duration_ns);
    deliver(
        |handler| handler.record_call(&record),
        |each| {
            if let Some(target) = &*site.target() {
                target.each(each);
            }
        },
    );
}

/// Delivers a data point.
pub(crate) fn data(data: &MetricData<'_>) {
    deliver(
        |handler| handler.emit(data),
        |each| {
            let target: Arc<Target> = route::target(&data.group_name);
            target.each(each);
        },
    );
}

/// Hands something to this thread's scoped handler if it has one, else to the handlers that `others` finds.
///
/// What comes from within a handler goes nowhere.
fn deliver<F>(give: F, others: impl FnOnce(F))
where
    F: FnMut(&dyn MetricHandler),
{
    if local::is_inside() {
        return;
    }
    local::inside(|| match scope::current() {
        Some(scoped) => drop(scoped.with(give)),
        None => others(give),
    });
}
