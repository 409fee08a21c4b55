//! Handlers that come with a crate.

use std::sync::Arc;

use crate::handler::{IntoHandler, MetricHandler};

/// Not public API: what [`register_handler!`](crate::register_handler) submits.
#[doc(hidden)]
#[derive(Debug)]
pub struct LinkedHandler {
    pub(crate) group: Option<&'static str>,
    pub(crate) make: fn() -> Arc<dyn MetricHandler>,
    pub(crate) location: &'static str,
}

impl LinkedHandler {
    /// Not public API.
    #[doc(hidden)]
    pub const fn new(
        group: Option<&'static str>,
        make: fn() -> Arc<dyn MetricHandler>,
        location: &'static str,
    ) -> Self {
        Self { group, make, location }
    }

    /// Not public API.
    #[doc(hidden)]
    pub fn make(handler: impl IntoHandler) -> Arc<dyn MetricHandler> {
        handler.into_handler()
    }
}

inventory::collect!(LinkedHandler);

/// Registers a handler at link time, so that it is active from the program's start: `register_handler!(expression)`, or
/// `register_handler!(group = "…", expression)` for one group.
///
/// Of several handlers that are registered for the same group, or for all, each receives the metrics. The expression is
/// evaluated once, when the first metric is emitted or the first handler is installed. Other threads that emit
/// meanwhile wait for it, 5 s at most. Metrics that the expression emits go nowhere; a handler that it configures takes
/// the place of the registered ones. [`configure`](crate::configure) and [`configure_group`](crate::configure_group)
/// replace registered handlers: the program has the last word.
///
/// A crate's registration takes part only if the program mentions the crate; `use that_crate as _;` is enough.
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, put_metric, register_handler};
/// use std::sync::LazyLock;
///
/// static MEMORY: LazyLock<MemoryHandler> = LazyLock::new(MemoryHandler::new);
/// register_handler!(MEMORY.clone());
///
/// put_metric!("pages", 3);
/// assert_eq!(MEMORY.value("pages"), Some(3.0));
/// ```
#[macro_export]
macro_rules! register_handler {
    (group = $group:expr, $handler:expr $(,)?) => {
        $crate::__private::inventory::submit! {
            $crate::__private::LinkedHandler::new(
                $crate::__private::Some($group),
                || $crate::__private::LinkedHandler::make($handler),
                $crate::__private::concat!($crate::__private::file!(), ":", $crate::__private::line!()),
            )
        }
    };
    ($handler:expr $(,)?) => {
        $crate::__private::inventory::submit! {
            $crate::__private::LinkedHandler::new(
                $crate::__private::None,
                || $crate::__private::LinkedHandler::make($handler),
                $crate::__private::concat!($crate::__private::file!(), ":", $crate::__private::line!()),
            )
        }
    };
}
