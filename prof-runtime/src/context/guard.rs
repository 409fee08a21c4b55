//! `ContextGuard`: an entry as a RAII value.

use std::{fmt, ops::Deref};

use super::{current::Presence, entry::Entry, metrics_context::MetricsContext, outcome::ContextFailure};

/// An entry of a [`MetricsContext`], which ends when this is dropped. It dereferences to the context.
///
/// Guards may be dropped in any order: the record is reported when the last one goes. If the guard is dropped because
/// its thread unwinds, the entry has ended with [`ContextFailure::Panic`]. A guard that is leaked keeps the context in
/// progress forever.
///
/// It stays on its thread. For a future use [`run_async`](MetricsContext::run_async), not a guard over an `.await`.
///
/// ```compile_fail,E0277
/// fn assert_send(_: impl Send) {}
/// assert_send(prof_runtime::context::MetricsContext::new(|_| {}).enter());
/// ```
#[must_use = "the entry ends when the guard is dropped: bind it to a name"]
#[derive(Debug)]
pub struct ContextGuard {
    // The order of these fields is the order of their drops: `on_exit` must not find itself inside of the entry.
    presence: Presence,
    context: MetricsContext,
    entry: Entry,
}

impl ContextGuard {
    pub(super) fn new(context: MetricsContext) -> Self {
        let entry = Entry::start(context.shared());
        Self { presence: Presence::new(&entry), context, entry }
    }

    /// Ends the entry with an error, which the record gets if this is the outermost entry.
    ///
    /// # Examples
    ///
    /// ```
    /// use prof_runtime::context::MetricsContext;
    ///
    /// let (records, reported) = std::sync::mpsc::channel();
    /// let ctx = MetricsContext::new(move |record| records.send(record).unwrap());
    /// let entered = ctx.enter();
    /// entered.fail("no such user");
    /// assert_eq!(reported.recv().unwrap().error.unwrap().to_string(), "no such user");
    /// assert!(!ctx.in_progress());
    /// ```
    pub fn fail<E: fmt::Display>(self, error: E) {
        let failure = ContextFailure::from_error(&error);
        self.finish(Some(failure));
    }

    pub(super) fn finish(self, failure: Option<ContextFailure>) {
        let Self { presence, context: _, entry } = self;
        drop(presence);
        entry.finish(failure);
    }
}

impl Deref for ContextGuard {
    type Target = MetricsContext;

    fn deref(&self) -> &MetricsContext {
        &self.context
    }
}
