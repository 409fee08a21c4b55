//! Installs and removes the handlers of the program.

use std::sync::Arc;

use super::route;
use crate::base::bound;
use crate::base::exit;
use crate::base::stderr;
use crate::handler::{FastPath, GuardedHandler, IntoHandler};

/// Guards a handler that the caller installs; returns `None` for one that does nothing.
#[track_caller]
pub(super) fn guarded(handler: impl IntoHandler) -> Option<Arc<GuardedHandler>> {
    let handler = handler.into_handler();
    if matches!(handler.fast_path(), FastPath::Off) {
        return None;
    }
    exit::flush_by(route::flush_quietly);
    Some(GuardedHandler::new(handler))
}

/// Flushes a handler that was removed: the last thread that has it cached may call again late, or never.
pub(super) fn flush_removed(removed: Option<Arc<GuardedHandler>>) {
    bound::with_shared_start(|| {
        if let Err(error) = removed.as_deref().map_or(Ok(()), GuardedHandler::flush) {
            stderr::line(format_args!("prof: a handler was replaced, and could not be flushed: {error}"));
        }
        drop(removed);
    });
}

/// Installs the handler of every group that has none of its own.
///
/// It replaces the one before. A call that ends meanwhile goes to either of them, and none is lost. The replaced
/// handler is flushed. Threads that have called it hold on to it until they call again or end, and it is dropped with
/// the last of them.
///
/// Before the first call of this, metrics go nowhere, or to the handlers that linked crates
/// [registered](crate::register_handler). [`unconfigure`] takes the handler back.
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, configure, put_metric};
///
/// let memory = MemoryHandler::new();
/// configure(memory.clone());
/// put_metric("pages", 3, "crawler");
/// assert_eq!(memory.value("pages"), Some(3.0));
/// ```
#[track_caller]
pub fn configure(handler: impl IntoHandler) {
    let handler = guarded(handler);
    flush_removed(route::change(|settings| settings.set_default(handler)));
}

/// Installs the handler of one group, whatever the default is. It replaces the one before, as with [`configure`].
///
/// With a [`NullHandler`](crate::NullHandler), the group is switched off. [`unconfigure_group`] returns it to the
/// default.
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, NullHandler, configure, configure_group, put_metric};
///
/// let crawler = MemoryHandler::new();
/// configure(NullHandler);
/// configure_group("crawler", crawler.clone());
/// put_metric("pages", 3, "crawler");
/// put_metric("pages", 4, "indexer");
/// assert_eq!(crawler.value("pages"), Some(3.0));
/// ```
#[track_caller]
pub fn configure_group(group: impl Into<String>, handler: impl IntoHandler) {
    let (group, handler) = (group.into(), guarded(handler));
    flush_removed(route::change(|settings| settings.set_group(group, handler)));
}

/// Takes the default handler back, and returns whether there was one.
///
/// Metrics of groups without a handler of their own then go nowhere. The handler is flushed and dropped as one that
/// [`configure`] replaces, also if a linked crate [registered](crate::register_handler) it.
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, configure, put_metric, unconfigure};
///
/// let memory = MemoryHandler::new();
/// configure(memory.clone());
/// assert!(unconfigure());
/// put_metric("pages", 3, "crawler");
/// assert_eq!(memory.value("pages"), None);
/// assert!(!unconfigure());
/// ```
pub fn unconfigure() -> bool {
    let (was_set, removed) = route::change(route::Settings::unset_default);
    flush_removed(removed);
    was_set
}

/// Takes the handler of one group back, so that its metrics go to the default handler again. Returns whether the group
/// had a handler of its own, or was switched off.
///
/// The handler is flushed and dropped as one that [`configure_group`] replaces, also if a linked crate
/// [registered](crate::register_handler) it.
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, NullHandler, configure, configure_group, put_metric, unconfigure_group};
///
/// let memory = MemoryHandler::new();
/// configure(memory.clone());
/// configure_group("crawler", NullHandler);
/// put_metric("pages", 3, "crawler");
/// assert_eq!(memory.value("pages"), None);
///
/// assert!(unconfigure_group("crawler"));
/// put_metric("pages", 4, "crawler");
/// assert_eq!(memory.value("pages"), Some(4.0));
/// ```
pub fn unconfigure_group(group: &str) -> bool {
    let (was_set, removed) = route::change(|settings| settings.unset_group(group));
    flush_removed(removed);
    was_set
}
