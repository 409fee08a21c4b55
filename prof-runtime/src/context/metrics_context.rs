//! `MetricsContext`: metrics gathered over a unit of work.

use std::{
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use super::{
    current,
    entry::Shared,
    future::InContext,
    guard::ContextGuard,
    outcome::{ContextFailure, ContextOutcome, failure_of},
    record::ContextRecord,
    report::OnExit,
};

/// Gathers metrics while it is entered, and hands them over once, when the outermost entry ends.
///
/// A clone is another handle on the same context. All threads of a unit of work may use it, entering it or not, as
/// long as one of them is in an entry; their changes are applied one at a time.
///
/// Entries may be nested, and overlap between threads: all belong to the outermost, which is the one that was entered
/// first, and the record is reported when the last of them ends. Its error is the outermost entry's; if that had none
/// and did not end last, the error of the one that did. An error of a nested entry is taken to have been dealt with.
///
/// Each change takes O(log m) time with m metrics, and allocates for a new name only.
///
/// # Examples
///
/// Upstream's `with context:` is a guard, and nesting adds to the same record:
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use prof_runtime::context::MetricsContext;
///
/// let metrics = Arc::new(Mutex::new(None));
/// let ctx = MetricsContext::new({
///     let metrics = Arc::clone(&metrics);
///     move |record| *metrics.lock().unwrap() = Some(record.metrics)
/// });
/// {
///     let ctx = ctx.enter();
///     {
///         let ctx = ctx.enter();
///         ctx.set("m1", 1)?;
///     }
///     assert_eq!(*metrics.lock().unwrap(), None);
///     ctx.set("m2", 2)?;
/// }
/// let metrics = metrics.lock().unwrap().take().unwrap();
/// assert_eq!(metrics, [("m1".to_owned(), 1.into()), ("m2".to_owned(), 2.into())].into());
/// # Ok::<(), prof_runtime::context::ContextError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MetricsContext {
    shared: Arc<Shared>,
}

// A panic while the context is in use leaves it whole: changes are all or nothing, and `on_exit` is called outside of
// the lock and is `Fn`.
impl UnwindSafe for MetricsContext {}
impl RefUnwindSafe for MetricsContext {}

/// Creating, entering, running.
impl MetricsContext {
    /// Creates a context that hands each record to `on_exit`, on the thread where the last entry ends.
    ///
    /// The context is outside of all entries by then, and can be entered again, also by `on_exit`. If `on_exit`
    /// panics, the panic goes no further and that record is lost; one line on stderr says so the first, the tenth, the
    /// hundredth time and so on.
    pub fn new(on_exit: impl Fn(ContextRecord) + Send + Sync + 'static) -> Self {
        Self { shared: Arc::new(Shared::new(OnExit::new("MetricsContext", on_exit))) }
    }

    /// Returns the context that this thread entered last and is still in, by a guard, [`run`](Self::run) or
    /// [`run_async`](Self::run_async): for code that is not passed the context.
    ///
    /// ```
    /// use prof_runtime::context::MetricsContext;
    ///
    /// fn deep_inside() {
    ///     if let Some(ctx) = MetricsContext::current() {
    ///         ctx.increment("visits", 1).unwrap();
    ///     }
    /// }
    ///
    /// let (records, reported) = std::sync::mpsc::channel();
    /// let ctx = MetricsContext::new(move |record| records.send(record).unwrap());
    /// ctx.run(|_| {
    ///     deep_inside();
    ///     deep_inside();
    /// });
    /// assert_eq!(reported.recv().unwrap().metrics["visits"], 2.into());
    /// assert!(MetricsContext::current().is_none());
    /// ```
    pub fn current() -> Option<Self> {
        current::innermost().map(|shared| Self { shared })
    }

    /// Enters until the guard is dropped.
    pub fn enter(&self) -> ContextGuard {
        ContextGuard::new(self.clone())
    }

    /// Runs `work` in an entry and returns what it returned. An `Err`, or a panic, is the entry's error.
    ///
    /// # Panics
    ///
    /// If `work` does: the panic goes on unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use prof_runtime::context::{ContextFailure, MetricsContext};
    ///
    /// let (records, reported) = std::sync::mpsc::channel();
    /// let ctx = MetricsContext::new(move |record| records.send(record).unwrap());
    /// let result = ctx.run(|ctx| {
    ///     ctx.increment("tries", 1).unwrap();
    ///     Err::<(), _>("refused")
    /// });
    /// assert_eq!(result, Err("refused"));
    ///
    /// let record = reported.recv().unwrap();
    /// assert_eq!(record.metrics["tries"], 1.into());
    /// assert!(matches!(record.error, Some(ContextFailure::Error { message, .. }) if message == "refused"));
    /// ```
    pub fn run<R: ContextOutcome>(&self, work: impl FnOnce(&Self) -> R) -> R {
        let entered = self.enter();
        match catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(result) => {
                entered.finish(failure_of(&result));
                result
            }
            Err(payload) => {
                entered.finish(Some(ContextFailure::from_panic(payload.as_ref())));
                resume_unwind(payload)
            }
        }
    }

    /// Runs `future` in one entry, from its first poll to its end: see [`InContext`].
    pub fn run_async<F: Future<Output: ContextOutcome>>(&self, future: F) -> InContext<F> {
        InContext::new(self.clone(), future)
    }

    /// Returns whether the context is entered, by any thread.
    pub fn in_progress(&self) -> bool {
        self.shared.in_progress()
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}
