//! A thread that takes snapshots at intervals and passes them to an exporter.

#[cfg(test)]
mod tests;
mod work;

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use self::work::Work;
use super::{ExportError, Exporter, LossCounter, LossUnit};
use crate::aggregate::Aggregator;
use crate::base::background::BackgroundThread;
use crate::base::clock;
use crate::base::exit::{FlushFault, FlushWait};
use crate::base::lock;
use crate::base::stderr;
use crate::counts::Snapshot;

/// Exports snapshots of an aggregator at intervals, from a thread of its own, and once more at the end.
///
/// When the target cannot be reached, further attempts follow after 1 s, 2 s, 4 s and so on, up to the interval, each
/// with a new snapshot. Lines on stderr say so at the first failure and at the recovery. Nothing here delays annotated
/// functions.
///
/// It ends when it is dropped or [shut down](Self::shutdown), or when the process exits; [`flush`](crate::flush)
/// reaches it, too. A program that starts several does so by a [`ProfBuilder`](crate::ProfBuilder), whose one guard
/// ends all of them at one moment.
///
/// # Examples
///
/// ```
/// use prof_runtime::export::{ExportError, Exporter, PeriodicExporter};
/// use prof_runtime::{Aggregator, Snapshot};
/// use std::time::Duration;
///
/// struct Print;
///
/// impl Exporter for Print {
///     fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError> {
///         println!("{} functions", snapshot.functions.len());
///         Ok(())
///     }
/// }
///
/// let exporter = PeriodicExporter::start("print", Aggregator::new(), Duration::from_secs(10), Print)?;
/// exporter.export_now(Duration::from_secs(5))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PeriodicExporter {
    requester: Requester,
    thread: Mutex<BackgroundThread>,
    last: LastExport,
}

/// Requests exports from the thread.
#[derive(Clone)]
struct Requester {
    /// The name of the target in errors.
    target: String,
    requests: Sender<Request>,
}

/// The last snapshot, which is lost if it cannot be exported in time.
#[derive(Clone)]
struct LastExport {
    losses: LossCounter,
    is_lost: Arc<AtomicBool>,
    /// Whether nothing is exported at the end.
    is_cancelled: Arc<AtomicBool>,
    /// The snapshot, if it was taken already.
    snapshot: Arc<OnceLock<Arc<Snapshot>>>,
}

impl LastExport {
    /// Counts the snapshot as lost, once.
    fn lose(&self) {
        if !self.is_lost.swap(true, Ordering::Relaxed) {
            self.losses.add(1);
        }
    }
}

/// Where to send the result of an export.
type Request = Sender<Result<(), ExportError>>;

/// How long to wait before the second attempt.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// How long a [`PeriodicExporter`] that is dropped waits for its last export.
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

impl PeriodicExporter {
    /// Starts a thread, named `prof-export`, that exports for the first time after `interval`.
    ///
    /// `target` is its name in errors and losses, such as `otlp`. An interval below 1 ms counts as 1 ms.
    ///
    /// # Errors
    ///
    /// If the system refuses a thread.
    pub fn start(
        target: impl Into<String>,
        aggregator: Aggregator,
        interval: Duration,
        exporter: impl Exporter + 'static,
    ) -> io::Result<Self> {
        let target = target.into();
        let losses = LossCounter::new(&target, LossUnit::Snapshots);
        Self::start_counting(losses, aggregator, interval, exporter)
    }

    /// Starts a thread that counts the snapshots that were lost for good.
    pub(crate) fn start_counting(
        losses: LossCounter,
        aggregator: Aggregator,
        interval: Duration,
        exporter: impl Exporter + 'static,
    ) -> io::Result<Self> {
        let target = losses.target().to_owned();
        let last =
            LastExport { losses, is_lost: Arc::default(), is_cancelled: Arc::default(), snapshot: Arc::default() };
        let (requests, inbox) = bounded(1);
        let interval = interval.max(Duration::from_millis(1));
        let work = Work {
            target: target.clone(),
            aggregator,
            interval,
            exporter: Box::new(exporter),
            failures: 0,
            last: last.clone(),
        };
        let thread = BackgroundThread::start("prof-export", move |stop| work.run(&inbox, stop))?;
        let requester = Requester { target: target.clone(), requests };
        let flush = {
            let requester = requester.clone();
            move |deadline, timeout| requester.flush(deadline, timeout)
        };
        let lose = {
            let last = last.clone();
            move || {
                last.lose();
                None
            }
        };
        let thread = thread.flush_by(flush).stop_at_exit(&target, lose);
        Ok(Self { requester, thread: Mutex::new(thread), last })
    }

    /// Exports a snapshot of now, and waits for that, `timeout` at most.
    ///
    /// # Errors
    ///
    /// The error of the exporter, or [`ExportError::Timeout`], or [`ExportError::Stopped`], as in a child process.
    pub fn export_now(&self, timeout: Duration) -> Result<(), ExportError> {
        self.begin_export(clock::deadline(timeout), timeout)?.wait()
    }

    /// Requests an export that the caller waits for until the deadline.
    pub(crate) fn begin_export(&self, deadline: Instant, timeout: Duration) -> Result<BegunExport, ExportError> {
        if !lock(&self.thread).is_in_this_process() {
            // After a fork, no thread would answer.
            return Err(self.requester.failed(None));
        }
        self.requester.begin_export(deadline, timeout)
    }

    /// Exports once more and ends the thread, within `timeout`. Shutting down twice is allowed.
    ///
    /// # Errors
    ///
    /// [`ExportError::Timeout`] if the thread has not ended by then; it goes on by itself. A line on stderr says if the
    /// last export failed.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), ExportError> {
        match self.shutdown_by(clock::deadline(timeout)) {
            true => Ok(()),
            false => Err(self.requester.failed(Some(timeout))),
        }
    }

    /// The name of the target in errors.
    pub(crate) fn target(&self) -> &str {
        &self.requester.target
    }

    /// Begins a shutdown, without waiting for it.
    pub(crate) fn begin_shutdown(&self) {
        lock(&self.thread).signal();
    }

    /// Exports this snapshot from now on, since nothing more is counted.
    pub(crate) fn end_with(&self, last: Arc<Snapshot>) {
        // The first one stays.
        let _ = self.last.snapshot.set(last);
    }

    /// Ends the thread without another export, because the start that it belongs to has failed.
    pub(crate) fn cancel(&self) {
        self.last.is_cancelled.store(true, Ordering::SeqCst);
        self.begin_shutdown();
    }

    pub(crate) fn shutdown_by(&self, deadline: Instant) -> bool {
        let has_ended = lock(&self.thread).stop(deadline);
        if !has_ended {
            // Nothing will say whether it arrives.
            self.last.lose();
        }
        has_ended
    }

    /// Returns how many snapshots were lost for good: 1 if the last export failed or took too long, else 0.
    ///
    /// A later export makes up for a failed one, because a snapshot has all numbers since the start.
    pub fn lost(&self) -> u64 {
        self.last.losses.get()
    }
}

impl Requester {
    fn begin_export(&self, deadline: Instant, timeout: Duration) -> Result<BegunExport, ExportError> {
        let (reply, replied) = bounded(1);
        let sent = self.requests.send_deadline(reply, deadline);
        sent.map_err(|error| self.failed(error.is_timeout().then_some(timeout)))?;
        Ok(BegunExport { requester: self.clone(), replied, deadline, timeout })
    }

    /// For [`flush`](crate::flush), which has checked the process and the thread.
    fn flush(&self, deadline: Instant, timeout: Duration) -> FlushWait {
        let begun = self.begin_export(deadline, timeout);
        let target = self.target.clone();
        Box::new(move || {
            let exported = begun.and_then(BegunExport::wait);
            exported.map_err(|error| FlushFault { target, cause: error.into() })
        })
    }

    /// Returns the error of a requested export that did not happen: it took too long if there is a timeout.
    fn failed(&self, timeout: Option<Duration>) -> ExportError {
        let target = self.target.as_str().into();
        match timeout {
            Some(timeout) => ExportError::Timeout { target, timeout },
            None => ExportError::Stopped { target },
        }
    }
}

/// An export that was requested, and that the caller has not waited for yet.
pub(crate) struct BegunExport {
    requester: Requester,
    replied: Receiver<Result<(), ExportError>>,
    deadline: Instant,
    timeout: Duration,
}

impl BegunExport {
    pub(crate) fn wait(self) -> Result<(), ExportError> {
        let replied = self.replied.recv_deadline(self.deadline);
        replied.map_err(|error| self.requester.failed(error.is_timeout().then_some(self.timeout)))?
    }
}

impl Drop for PeriodicExporter {
    fn drop(&mut self) {
        if lock(&self.thread).was_told_to_stop() {
            // The caller of the shutdown has waited as long as it wanted.
            return;
        }
        if let Err(error) = self.shutdown(DROP_TIMEOUT)
            && lock(&self.thread).is_in_this_process()
        {
            stderr::line(format_args!("prof: {error}"));
        }
    }
}

impl fmt::Debug for PeriodicExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeriodicExporter").field("target", &self.requester.target).finish_non_exhaustive()
    }
}
