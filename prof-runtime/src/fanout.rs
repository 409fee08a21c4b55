//! One handler that stands for several.

use std::fmt;
use std::sync::Arc;

use crate::context::PublishedContext;
use crate::data::MetricData;
use crate::handler::{FlushError, IntoHandler, MetricHandler};
use crate::record::{CallRecord, UntimedCall};
use crate::route::Installed;

/// Hands everything on to several handlers, in the order in which they were added. One that panics does not keep the
/// others from theirs.
///
/// # Examples
///
/// ```
/// use prof_runtime::{ConsoleHandler, FanoutHandler, MemoryHandler, put_metric, scoped};
///
/// let memory = MemoryHandler::new();
/// let _scope = scoped(FanoutHandler::new().with(ConsoleHandler::new()).with(memory.clone()));
/// put_metric("pages", 3, "crawler");
/// assert_eq!(memory.value("pages"), Some(3.0));
/// ```
#[derive(Default)]
pub struct FanoutHandler {
    handlers: Vec<Arc<Installed>>,
}

impl FanoutHandler {
    /// Creates a handler that hands on to none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler.
    #[must_use]
    pub fn with(mut self, handler: impl IntoHandler) -> Self {
        self.handlers.push(Installed::new(handler.into_handler()));
        self
    }
}

impl MetricHandler for FanoutHandler {
    fn emit(&self, data: &MetricData<'_>) {
        for handler in &self.handlers {
            handler.with(|handler| handler.emit(data));
        }
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        for handler in &self.handlers {
            handler.with(|handler| handler.record_call(call));
        }
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        for handler in &self.handlers {
            handler.with(|handler| handler.record_untimed_call(call));
        }
    }

    fn record_context(&self, context: &PublishedContext<'_>) {
        for handler in &self.handlers {
            handler.with(|handler| handler.record_context(context));
        }
    }

    /// Flushes every handler; the error is the first one.
    fn flush(&self) -> Result<(), FlushError> {
        let mut result = Ok(());
        for handler in &self.handlers {
            let flushed = handler.flush();
            result = result.and(flushed);
        }
        result
    }
}

impl fmt::Debug for FanoutHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanoutHandler").field("handlers", &self.handlers.len()).finish_non_exhaustive()
    }
}
