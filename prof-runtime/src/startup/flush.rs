//! One flush for everything in the process that holds something back.

use crate::base::exit;
use crate::config::route;
use crate::handler::{FlushError, FlushFailures};

/// Writes out everything that is held back in this process: flushes every installed handler, and has every
/// [`PeriodicExporter`](crate::export::PeriodicExporter) export now, those of guards included.
///
/// All exporters export at the same time, while the handlers are flushed one by one. They have 5 s in all, or as long
/// as the guard with the longest [timeout](crate::ProfBuilder::timeout) grants. In a handler or an exporter, what its
/// own thread would have to write is left out.
///
/// # Errors
///
/// Those of all handlers and exporters that failed, after every one was tried; [`FlushError::Several`] if there are
/// more than one.
///
/// # Examples
///
/// ```
/// use prof_runtime::export::{ExportError, Exporter, PeriodicExporter};
/// use prof_runtime::{Aggregator, Snapshot};
/// use std::sync::mpsc::{Sender, channel};
/// use std::time::Duration;
///
/// struct Names(Sender<usize>);
///
/// impl Exporter for Names {
///     fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError> {
///         // The receiver is gone when the program ends.
///         let _ = self.0.send(snapshot.functions.len());
///         Ok(())
///     }
/// }
///
/// let (sender, exported) = channel();
/// let _exporter = PeriodicExporter::start("names", Aggregator::new(), Duration::from_secs(3600), Names(sender))?;
/// prof_runtime::flush()?;
/// assert!(exported.try_recv().is_ok(), "it has exported");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn flush() -> Result<(), FlushError> {
    let begun = exit::begin_flush();
    let mut failures = FlushFailures::default();
    route::flush(&mut failures);
    for wait in begun {
        let flushed = wait();
        failures.add(flushed.map_err(|fault| FlushError::Write { target: fault.target.into(), cause: fault.cause }));
    }
    failures.take()
}
