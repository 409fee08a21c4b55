//! One handler that stands for several.

use std::fmt;
use std::sync::Arc;

use crate::base::bound;
use crate::handler::{FastPath, FlushError, FlushFailures, GuardedHandler, IntoHandler, MetricHandler};
use crate::model::MetricData;
use crate::model::context::PublishedContext;
use crate::site::{CallRecord, RecordedNumber, UntimedCall};

/// Passes all metrics to several handlers, in the order in which they were added. If one of them panics, the others
/// receive the metric all the same.
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
    handlers: Vec<Arc<GuardedHandler>>,
}

impl FanoutHandler {
    /// Creates a fan-out without handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler.
    #[track_caller]
    #[must_use]
    pub fn with(mut self, handler: impl IntoHandler) -> Self {
        self.handlers.push(GuardedHandler::new(handler.into_handler()));
        self
    }

    pub(crate) fn with_installed(mut self, handler: Arc<GuardedHandler>) -> Self {
        self.handlers.push(handler);
        self
    }
}

impl FanoutHandler {
    /// The handlers, each with its own fuse.
    pub(crate) fn handlers(&self) -> &[Arc<GuardedHandler>] {
        &self.handlers
    }
}

impl MetricHandler for FanoutHandler {
    fn emit(&self, data: &MetricData<'_>) {
        for handler in &self.handlers {
            let _ = handler.with(|handler| handler.emit(data));
        }
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        for handler in &self.handlers {
            let _ = handler.with(|handler| handler.record_call(call));
        }
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        for handler in &self.handlers {
            let _ = handler.with(|handler| handler.record_untimed_call(call));
        }
    }

    fn record_number(&self, number: &RecordedNumber<'_>) {
        for handler in &self.handlers {
            let _ = handler.with(|handler| handler.record_number(number));
        }
    }

    fn record_context(&self, context: &PublishedContext<'_>) {
        for handler in &self.handlers {
            let _ = handler.with(|handler| handler.record_context(context));
        }
    }

    /// Flushes every handler. The error names all that failed.
    fn flush(&self) -> Result<(), FlushError> {
        let mut failures = FlushFailures::default();
        bound::with_shared_start(|| self.handlers.iter().for_each(|handler| failures.add(handler.flush())));
        failures.take()
    }

    fn fast_path(&self) -> FastPath<'_> {
        FastPath::Fanout(self)
    }
}

impl Drop for FanoutHandler {
    fn drop(&mut self) {
        bound::with_shared_start(|| self.handlers.clear());
    }
}

impl fmt::Debug for FanoutHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanoutHandler").field("handlers", &self.handlers.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use super::*;

    struct Refuses(&'static str);

    impl MetricHandler for Refuses {
        fn emit(&self, _: &MetricData<'_>) {}

        fn flush(&self) -> Result<(), FlushError> {
            Err(FlushError::Write { target: self.0.into(), cause: "it is full".into() })
        }
    }

    /// Tells until when it would wait, in a flush and when it is dropped.
    struct Waits(Arc<Mutex<Vec<Instant>>>);

    impl Waits {
        fn wait(&self) {
            self.0.lock().unwrap().push(bound::deadline(Duration::from_secs(3600)));
        }
    }

    impl MetricHandler for Waits {
        fn emit(&self, _: &MetricData<'_>) {}

        fn flush(&self) -> Result<(), FlushError> {
            self.wait();
            Ok(())
        }
    }

    impl Drop for Waits {
        fn drop(&mut self) {
            self.wait();
        }
    }

    #[test]
    fn handlers_that_block_take_one_timeout_in_all() {
        let deadlines = Arc::new(Mutex::new(Vec::new()));
        let fanout = FanoutHandler::new().with(Waits(Arc::clone(&deadlines))).with(Waits(Arc::clone(&deadlines)));
        fanout.flush().unwrap();
        drop(fanout);
        let [first, second, third, last] = deadlines.lock().unwrap()[..] else { panic!("two flushes and two drops") };
        assert_eq!((first, third), (second, last));
    }

    #[test]
    fn a_flush_tells_of_all_that_failed() {
        let fanout = FanoutHandler::new().with(Refuses("one")).with(crate::NullHandler).with(Refuses("two"));
        let expect = "could not flush metrics to one: it is full; could not flush metrics to two: it is full";
        assert_eq!(fanout.flush().unwrap_err().to_string(), expect);
    }
}
