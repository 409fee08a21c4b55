//! A handler that receives metrics under longer names.

use std::fmt;
use std::sync::Arc;

use crate::handler::{FastPath, FlushError, GuardedHandler, IntoHandler, MetricHandler};
use crate::model::MetricData;
use crate::model::context::PublishedContext;
use crate::site::{CallRecord, UntimedCall};

/// Puts a prefix before the name of every metric that it passes on.
///
/// The handler behind it receives the calls of functions as their [data points](CallRecord::data_points), such as
/// `PREFIX.Store.load.success`, since the record of a call names its function. So an [`Aggregator`](crate::Aggregator)
/// behind it lists values, and no functions. Contexts are passed on whole.
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, PrefixHandler, prof, put_metric, scoped};
///
/// #[prof(name = "render")]
/// fn render() {}
///
/// let memory = MemoryHandler::new();
/// let _scope = scoped(PrefixHandler::new("web.", memory.clone()));
/// put_metric("pages", 3, "crawler");
/// render();
/// assert_eq!(memory.names(), ["web.pages", "web.render.success", "web.render.duration.ms"]);
/// ```
pub struct PrefixHandler {
    prefix: String,
    inner: Arc<GuardedHandler>,
}

impl PrefixHandler {
    /// Creates a handler that puts `prefix` before each name, as it is: it is up to the prefix to end with a dot.
    #[track_caller]
    pub fn new(prefix: impl Into<String>, handler: impl IntoHandler) -> Self {
        Self { prefix: prefix.into(), inner: GuardedHandler::new(handler.into_handler()) }
    }

    fn prefixed(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn pass(&self, data: &MetricData<'_>) {
        let name = self.prefixed(&data.name);
        let data = MetricData::at(data.timestamp, data.group_name.as_ref(), name, data.value);
        let _ = self.inner.with(|handler| handler.emit(&data));
    }
}

impl MetricHandler for PrefixHandler {
    fn emit(&self, data: &MetricData<'_>) {
        self.pass(data);
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        call.data_points().iter().for_each(|data| self.pass(data));
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        self.pass(&call.data_point());
    }

    fn record_context(&self, context: &PublishedContext<'_>) {
        let name = self.prefixed(context.name);
        let context = PublishedContext { name: &name, ..*context };
        let _ = self.inner.with(|handler| handler.record_context(&context));
    }

    fn flush(&self) -> Result<(), FlushError> {
        self.inner.flush()
    }

    fn fast_path(&self) -> FastPath<'_> {
        match self.inner.fast_path() {
            FastPath::Off => FastPath::Off,
            _ => FastPath::None,
        }
    }
}

impl fmt::Debug for PrefixHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrefixHandler").field("prefix", &self.prefix).field("inner", &self.inner).finish()
    }
}
