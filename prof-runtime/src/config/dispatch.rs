//! Hands metrics to the handlers that are to have them.

use crate::base::unless_inside;
use crate::config::route;
use crate::config::scope;
use crate::handler::{GuardedHandler, MetricHandler};
use crate::model::MetricData;
use crate::model::context::PublishedContext;
use crate::thread::Handlers;

/// Delivers something to the handlers of a target that are no aggregators.
#[inline(always)]
pub(crate) fn handlers(handlers: &Handlers, give: impl FnMut(&dyn MetricHandler)) {
    unless_inside(|| handlers.each_other(give, route::republish));
}

/// Delivers a data point.
pub(crate) fn data(data: &MetricData<'_>) {
    deliver(|handler| handler.emit(data), |give| route::handlers(&data.group_name).each(give, route::republish));
}

/// Delivers the record of a context.
pub(crate) fn context(context: &PublishedContext<'_>) {
    deliver(
        |handler| handler.record_context(context),
        |give| route::handlers(context.group_name).each(give, route::republish),
    );
}

/// Hands something to one handler.
pub(crate) fn to(handler: &GuardedHandler, give: impl FnOnce(&dyn MetricHandler)) {
    unless_inside(|| handler.with(give));
}

/// Hands something to this thread's scoped handler if it has one, else to the handlers that `others` finds.
///
/// What comes from within a handler goes nowhere.
fn deliver<F>(mut give: F, others: impl FnOnce(F))
where
    F: FnMut(&dyn MetricHandler),
{
    match scope::current() {
        Some(scoped) => to(&scoped, &mut give),
        None => {
            unless_inside(|| others(give));
        }
    }
}
