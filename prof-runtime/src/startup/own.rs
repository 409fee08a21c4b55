//! Parts that the program brings itself: handlers, exporters and servers with a name.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::base::text::Foreign;
use crate::export::{ExportContext, Exporter, Server};
use crate::handler::{GuardedHandler, MetricHandler};

/// A part of the program's own, and its name in messages and losses.
pub(super) struct OwnPart {
    pub(super) name: String,
    pub(super) kind: OwnKind,
}

pub(super) enum OwnKind {
    /// Receives metrics from a queue.
    Queued(Arc<dyn MetricHandler>),
    /// Receives metrics on the threads that emit them.
    Direct(Arc<GuardedHandler>),
    /// With an interval, or `None` for that of the builder, or of the exporter if the builder has none.
    Exporter(Box<dyn Exporter>, Option<Duration>),
    Server(Box<StartServer>),
}

pub(super) type StartServer = dyn FnOnce(&ExportContext<'_>) -> Result<Box<dyn Server>, StartError> + Send;

pub(super) type StartError = Box<dyn Error + Send + Sync>;

impl fmt::Debug for OwnPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Foreign::new(&self.name))
    }
}
