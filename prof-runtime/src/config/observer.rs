//! Handlers beside those that are configured.

use std::fmt;
use std::sync::Arc;

use super::install::{flush_removed, guarded};
use super::route;
use crate::handler::{FlushError, GuardedHandler, IntoHandler};

/// Adds a handler beside those that are configured: it receives the metrics of all groups, until the returned
/// [`Observer`] is dropped.
///
/// Neither [`configure`](crate::configure) nor a group's own handler takes anything away from it, and a group that is
/// switched off is observed all the same. A [scope](crate::scoped) keeps its metrics to itself: neither the configured
/// handlers nor observers receive them.
///
/// An [`Aggregator`](crate::Aggregator) that observes costs what a second one costs (`prof-bench overhead`). Adding and
/// removing an observer writes the routes of all call sites, as [`configure`](crate::configure) does.
///
/// # Examples
///
/// ```
/// use prof_runtime::{Aggregator, MemoryHandler, configure, observe, put_metric};
///
/// let (memory, aggregator) = (MemoryHandler::new(), Aggregator::new());
/// configure(memory.clone());
/// {
///     let _observer = observe(aggregator.clone());
///     put_metric("pages", 3, "crawler");
/// }
/// put_metric("pages", 4, "crawler");
/// assert_eq!(aggregator.snapshot().value("pages").unwrap().count, 1);
/// assert_eq!(memory.count("pages"), 2);
/// ```
#[track_caller]
pub fn observe(handler: impl IntoHandler) -> Observer {
    guarded(handler).map_or(Observer(None), Observer::new)
}

/// Keeps a handler beside those that are configured; made by [`observe`].
///
/// When it is dropped, the handler is removed and flushed. It is dropped as one that [`configure`](crate::configure)
/// replaces.
#[must_use = "the handler is removed when the observer is dropped: bind it to a variable, or call `keep`"]
pub struct Observer(Option<Arc<GuardedHandler>>);

impl Observer {
    pub(crate) fn new(handler: Arc<GuardedHandler>) -> Self {
        route::change(|settings| settings.add_observer(&handler));
        Self(Some(handler))
    }

    /// Leaves the handler in place for as long as the process runs. It is flushed when the process exits.
    pub fn keep(mut self) {
        self.0 = None;
    }

    /// Flushes the handler.
    ///
    /// # Errors
    ///
    /// If the handler could not write everything, or panicked.
    pub fn flush(&self) -> Result<(), FlushError> {
        self.0.as_deref().map_or(Ok(()), GuardedHandler::flush)
    }

    /// Removes several at one moment: a call goes to all of them, or to none.
    pub(crate) fn end(observers: impl IntoIterator<Item = Self>) {
        let ended: Vec<_> = observers.into_iter().filter_map(|mut observer| observer.0.take()).collect();
        remove(&ended);
    }
}

fn remove(observers: &[Arc<GuardedHandler>]) {
    if !observers.is_empty() {
        route::change(|settings| settings.remove_observers(observers));
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        if let Some(observer) = self.0.take() {
            remove(&[Arc::clone(&observer)]);
            flush_removed(Some(observer));
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observer").field(&self.0).finish()
    }
}
