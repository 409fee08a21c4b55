//! Data points of the program's own.

use std::fmt;
use std::sync::Arc;

use crate::config::dispatch;
use crate::handler::{GuardedHandler, IntoHandler};
use crate::model::context::PublishedContext;
use crate::model::{MetricData, MetricValue};

/// Emits one data point: to this thread's scoped handler, else to the group's, else to the default one.
///
/// [`put_metric!`](crate::put_metric!) does so with the group of the crate that it is written in.
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, put_metric, scoped};
///
/// let memory = MemoryHandler::new();
/// let _scope = scoped(memory.clone());
/// put_metric("pages", 3, "crawler");
/// put_metric("load", 0.75, "crawler");
/// assert_eq!(memory.value("load"), Some(0.75));
/// ```
pub fn put_metric(name: &str, value: impl Into<MetricValue>, group: &str) {
    dispatch::data(&MetricData::new(group, name, value));
}

/// Emits one data point in the group of the crate that this is written in: `put_metric!("pages", 3)`.
///
/// A third argument names another group, as for [`put_metric`](fn@crate::put_metric).
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, put_metric, scoped};
///
/// let memory = MemoryHandler::new();
/// let _scope = scoped(memory.clone());
/// put_metric!("pages", 3);
/// assert_eq!(memory.get("pages").unwrap().group_name, prof_runtime::__private::crate_name(module_path!()));
/// ```
#[macro_export]
macro_rules! put_metric {
    ($name:expr, $value:expr $(,)?) => {
        $crate::put_metric($name, $value, $crate::__private::crate_name($crate::__private::module_path!()))
    };
    ($name:expr, $value:expr, $group:expr $(,)?) => {
        $crate::put_metric($name, $value, $group)
    };
}

/// Emits data points of one group.
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, MetricStream};
///
/// let memory = MemoryHandler::new();
/// let stream = MetricStream::new("torchelastic", memory.clone());
/// stream.add_value("rank", 3);
/// assert_eq!(memory.get("rank").unwrap().group_name, "torchelastic");
/// ```
#[derive(Clone)]
pub struct MetricStream {
    group_name: String,
    /// `None` for the handlers of the group at the time of each data point.
    handler: Option<Arc<GuardedHandler>>,
}

impl MetricStream {
    /// Creates a stream to a handler of its own, past those that are configured or scoped.
    #[track_caller]
    pub fn new(group_name: impl Into<String>, handler: impl IntoHandler) -> Self {
        let handler = GuardedHandler::new(handler.into_handler());
        Self { group_name: group_name.into(), handler: Some(handler) }
    }

    /// Emits one data point, with the current time.
    pub fn add_value(&self, name: &str, value: impl Into<MetricValue>) {
        let data = MetricData::new(&*self.group_name, name, value);
        match &self.handler {
            None => dispatch::data(&data),
            Some(handler) => dispatch::to(handler, |handler| handler.emit(&data)),
        }
    }

    pub(crate) fn publish(&self, context: &PublishedContext<'_>) {
        match &self.handler {
            None => dispatch::context(context),
            Some(handler) => dispatch::to(handler, |handler| handler.record_context(context)),
        }
    }

    /// Returns the group.
    pub fn group_name(&self) -> &str {
        &self.group_name
    }
}

impl fmt::Debug for MetricStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricStream").field("group_name", &self.group_name).finish_non_exhaustive()
    }
}

/// Returns the stream of a group: to this thread's scoped handler, else to the group's, else to the default one, as
/// they are at the time of each data point.
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, scoped, stream};
///
/// let stream = stream("crawler");
/// let memory = MemoryHandler::new();
/// let _scope = scoped(memory.clone());
/// stream.add_value("pages", 3);
/// assert_eq!(memory.value("pages"), Some(3.0));
/// ```
pub fn stream(group: impl Into<String>) -> MetricStream {
    MetricStream { group_name: group.into(), handler: None }
}
