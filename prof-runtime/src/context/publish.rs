//! How a context joins the rest: its record goes to handlers, and calls of annotated functions go into it.

use super::{ContextError, ContextRecord, MetricsContext};
use crate::handler::MetricHandler;
use crate::model::context::PublishedContext;
use crate::model::{MetricData, Outcome};
use crate::site::{CallRecord, Callsite, UntimedCall};
use crate::stream::MetricStream;

/// Returns an `on_exit` that publishes each record through `stream`: its numbers as data points `NAME.metric`, and the
/// whole of it to handlers that [want it](MetricHandler::record_context).
///
/// # Examples
///
/// ```
/// use prof_runtime::context::{MetricsContext, publish};
/// use prof_runtime::{MemoryHandler, MetricStream};
///
/// let memory = MemoryHandler::new();
/// let request = MetricsContext::new(publish("request", MetricStream::new("web", memory.clone())));
/// request.run(|ctx| ctx.increment("rows", 3))?;
/// assert_eq!(memory.value("request.rows"), Some(3.0));
/// # Ok::<(), prof_runtime::context::ContextError>(())
/// ```
pub fn publish(name: impl Into<String>, stream: MetricStream) -> impl Fn(ContextRecord) + Send + Sync + 'static {
    let name = name.into();
    move |record| {
        let group_name = stream.group_name();
        stream.publish(&PublishedContext { name: &name, group_name, record: &record });
    }
}

/// Adds what annotated functions do to the context that they are called in: for each call, 1 to `NAME.success`,
/// `NAME.failure`, `NAME.panic` or `NAME.cancelled`, and its milliseconds to `NAME.duration.ms`.
///
/// It does so for calls on the thread that is in the context, the innermost if there are several, and nothing for calls
/// outside of any. Install it beside other handlers by a [`FanoutHandler`](crate::FanoutHandler).
///
/// # Examples
///
/// ```
/// use prof_runtime::context::{ContextHandler, MetricsContext};
/// use prof_runtime::{prof, scoped};
///
/// #[prof(name = "load")]
/// fn load(id: u32) -> Result<u32, String> { if id == 0 { Err("none".to_owned()) } else { Ok(id) } }
///
/// let _scope = scoped(ContextHandler);
/// let (records, reported) = std::sync::mpsc::channel();
/// let request = MetricsContext::new(move |record| records.send(record).unwrap());
/// request.run(|_| {
///     let _ = (load(7), load(8), load(0));
/// });
/// let record = reported.recv().unwrap();
/// assert_eq!(record.metrics["load.success"], 2.into());
/// assert_eq!(record.metrics["load.failure"], 1.into());
/// assert!(record.metrics.contains_key("load.duration.ms"));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ContextHandler;

impl MetricHandler for ContextHandler {
    /// Data points are not calls: they stay out of the context.
    fn emit(&self, _: &MetricData<'_>) {}

    fn record_call(&self, call: &CallRecord<'_>) {
        let Some(context) = MetricsContext::current() else { return };
        let counted = count(&context, call.callsite(), call.outcome());
        let timed = context.increment(call.callsite().duration_name(), crate::model::duration_ms(call.duration()));
        // Refused only if the user has set a metric of this name and another kind, which then stays as it is.
        let _ = counted.and(timed);
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        if let Some(context) = MetricsContext::current() {
            let _ = count(&context, call.callsite(), call.outcome());
        }
    }
}

fn count(context: &MetricsContext, site: &Callsite, outcome: Outcome) -> Result<(), ContextError> {
    match outcome {
        // Not the data point's name, which makes a panic a failure.
        Outcome::Panic => context.increment(&format!("{}.panic", site.name()), 1),
        outcome => context.increment(site.outcome_name(outcome), 1),
    }
}
