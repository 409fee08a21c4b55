//! A thread that takes snapshots at intervals and hands them to an exporter.

use std::fmt;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select};

use super::{ExportError, Exporter, LossCounter};
use crate::aggregator::Aggregator;
use crate::clock;
use crate::local::lock;
use crate::panics::caught;
use crate::stderr;
use crate::worker::{Stop, Worker};

/// Exports snapshots of an aggregator at intervals, from a thread of its own, and once more at the end.
///
/// When the other side cannot be reached, further attempts follow after 1 s, 2 s, 4 s and so on, up to the interval, each
/// with a new snapshot. The first failure, and the recovery from it, are said on stderr. Annotated functions are not held
/// up by anything that happens here.
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
    target: String,
    requests: Sender<Request>,
    worker: Mutex<Worker>,
    losses: LossCounter,
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
    /// `target` is what errors and losses call the other side, such as `otlp`. An interval below 1 ms counts as 1 ms.
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
        let losses = LossCounter::new(&target);
        Self::start_counting(losses, aggregator, interval, exporter)
    }

    /// Starts a thread that counts the snapshots that were lost for good.
    pub(crate) fn start_counting(
        losses: LossCounter,
        aggregator: Aggregator,
        interval: Duration,
        exporter: impl Exporter + 'static,
    ) -> io::Result<Self> {
        let target = losses.place().to_owned();
        let (requests, requested) = bounded(1);
        let interval = interval.max(Duration::from_millis(1));
        let work = Work {
            target: target.clone(),
            aggregator,
            interval,
            exporter: Box::new(exporter),
            failures: 0,
            losses: losses.clone(),
        };
        let worker = Worker::start("prof-export", move |stop| work.run(&requested, stop))?;
        Ok(Self { target, requests, worker: Mutex::new(worker), losses })
    }

    /// Exports a snapshot of now, and waits for it at most for `timeout`.
    ///
    /// # Errors
    ///
    /// That of the exporter, or [`ExportError::Timeout`], or [`ExportError::Stopped`].
    pub fn export_now(&self, timeout: Duration) -> Result<(), ExportError> {
        let deadline = clock::deadline(timeout);
        let failed = |is_timeout| match is_timeout && lock(&self.worker).is_here() {
            true => ExportError::Timeout { target: self.target.clone(), timeout },
            false => ExportError::Stopped { target: self.target.clone() },
        };
        let (reply, replied) = bounded(1);
        self.requests.send_deadline(reply, deadline).map_err(|error| failed(error.is_timeout()))?;
        replied.recv_deadline(deadline).map_err(|error| failed(error.is_timeout()))?
    }

    /// Exports once more and ends the thread, within `timeout`. Shutting down twice is allowed.
    ///
    /// # Errors
    ///
    /// [`ExportError::Timeout`] if it has not ended by then; the thread is left to itself. That the last export failed is
    /// said on stderr.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), ExportError> {
        match self.shutdown_by(clock::deadline(timeout)) {
            true => Ok(()),
            false => Err(ExportError::Timeout { target: self.target.clone(), timeout }),
        }
    }

    /// What errors call the other side.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// Begins what [`shutdown_by`](Self::shutdown_by) waits for.
    pub(crate) fn begin_shutdown(&self) {
        lock(&self.worker).signal();
    }

    pub(crate) fn shutdown_by(&self, deadline: Instant) -> bool {
        lock(&self.worker).stop(deadline)
    }

    /// Returns how many snapshots were lost for good, since the last attempt to export them failed: at most one.
    ///
    /// A failed export is made up for by a later one, as snapshots say everything since the start.
    pub fn lost(&self) -> u64 {
        self.losses.get()
    }
}

impl Drop for PeriodicExporter {
    fn drop(&mut self) {
        if lock(&self.worker).was_told_to_stop() {
            // Whoever shut it down has waited as long as they wanted.
            return;
        }
        if let Err(error) = self.shutdown(DROP_TIMEOUT)
            && lock(&self.worker).is_here()
        {
            stderr::line(format_args!("prof: {error}"));
        }
    }
}

impl fmt::Debug for PeriodicExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeriodicExporter").field("target", &self.target).finish_non_exhaustive()
    }
}

/// What the thread does.
struct Work {
    target: String,
    aggregator: Aggregator,
    interval: Duration,
    exporter: Box<dyn Exporter>,
    /// Attempts that failed since the last that did not.
    failures: u32,
    losses: LossCounter,
}

impl Work {
    fn run(mut self, requests: &Receiver<Request>, stop: &Stop) {
        let mut due = clock::deadline(self.interval);
        loop {
            select! {
                recv(requests) -> request => if let Ok(request) = request {
                    // No one waits any more if it took too long.
                    let _ = request.send(self.export());
                    continue;
                },
                recv(stop.receiver()) -> _ => break,
                recv(crossbeam_channel::at(due)) -> _ => {}
            }
            due = match self.export() {
                Ok(()) => self.next(due),
                Err(ExportError::Unreachable { retry_after, .. }) => clock::deadline(self.retry_in(retry_after)),
                Err(_) => clock::deadline(self.interval),
            };
        }
        if self.export().is_err() {
            self.losses.add(1);
        }
    }

    /// When the next export is due: in step with the one before, unless that took longer than an interval.
    fn next(&self, due: Instant) -> Instant {
        let now = clock::monotonic();
        due.checked_add(self.interval).filter(|next| *next > now).unwrap_or_else(|| clock::deadline(self.interval))
    }

    /// How long to wait for another attempt.
    fn retry_in(&self, asked_for: Option<Duration>) -> Duration {
        let doubled = FIRST_RETRY.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
        doubled.min(self.interval).max(asked_for.unwrap_or_default())
    }

    fn export(&mut self) -> Result<(), ExportError> {
        let snapshot = self.aggregator.snapshot();
        let exported = caught(|| self.exporter.export(&snapshot))
            .unwrap_or_else(|| Err(ExportError::Stopped { target: self.target.clone() }));
        match &exported {
            Ok(()) if self.failures > 0 => {
                stderr::line(format_args!(
                    "prof: exporting to {} again, after {} failures",
                    self.target, self.failures
                ));
                self.failures = 0;
            }
            Ok(()) => {}
            Err(error) => {
                if self.failures == 0 {
                    stderr::line(format_args!("prof: {error}; further failures are not reported"));
                }
                self.failures = self.failures.saturating_add(1);
            }
        }
        exported
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregator::Snapshot;

    /// Says how it was called, and answers as it is told to.
    struct Told(Sender<usize>, Receiver<Result<(), ExportError>>);

    impl Exporter for Told {
        fn export(&mut self, snapshot: &Snapshot) -> Result<(), ExportError> {
            // No one may be waiting to hear of it.
            let _ = self.0.try_send(snapshot.values.len());
            self.1.recv().unwrap_or(Ok(()))
        }
    }

    fn unreachable() -> ExportError {
        let (target, source) = ("told".to_owned(), "no one is there".into());
        ExportError::Unreachable { target, source, retry_after: None }
    }

    const NEVER: Duration = Duration::from_secs(1 << 40);
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn exports_at_intervals_on_demand_and_at_the_end() {
        let (calls, called) = bounded(9);
        let (answers, answer) = bounded(9);
        drop(answers);
        let often = Duration::from_millis(1);
        let exporter = PeriodicExporter::start("told", Aggregator::new(), often, Told(calls, answer.clone())).unwrap();
        called.recv_timeout(LONG).unwrap();
        called.recv_timeout(LONG).unwrap();
        drop((called, exporter));

        let (calls, called) = bounded(9);
        let exporter = PeriodicExporter::start("told", Aggregator::new(), NEVER, Told(calls, answer)).unwrap();
        exporter.export_now(LONG).unwrap();
        assert_eq!(called.len(), 1);
        exporter.shutdown(LONG).unwrap();
        assert_eq!(called.len(), 2, "once more at the end");
        assert!(matches!(exporter.export_now(LONG), Err(ExportError::Stopped { .. })));
        assert_eq!(exporter.lost(), 0);
    }

    #[test]
    fn a_last_export_that_fails_is_counted_as_lost() {
        let (calls, _called) = bounded(9);
        let (answers, answer) = bounded(9);
        let exporter = PeriodicExporter::start("told", Aggregator::new(), NEVER, Told(calls, answer)).unwrap();
        answers.send(Err(unreachable())).unwrap();
        let error = exporter.export_now(LONG).unwrap_err();
        assert_eq!(error.to_string(), "could not export metrics to told: no one is there");
        assert_eq!(exporter.lost(), 0, "the next one makes up for it");
        answers.send(Err(unreachable())).unwrap();
        exporter.shutdown(LONG).unwrap();
        assert_eq!(exporter.lost(), 1);
    }

    #[test]
    fn a_target_that_hangs_holds_no_one_up_for_longer_than_the_timeout() {
        let (calls, called) = bounded(9);
        let (answers, answer) = bounded(9);
        let exporter = PeriodicExporter::start("told", Aggregator::new(), NEVER, Told(calls, answer)).unwrap();
        let timeout = Duration::from_millis(1);
        assert!(matches!(exporter.export_now(timeout), Err(ExportError::Timeout { .. })));
        called.recv_timeout(LONG).unwrap();
        assert!(matches!(exporter.shutdown(timeout), Err(ExportError::Timeout { .. })));
        drop(answers);
        exporter.shutdown(LONG).unwrap();
    }

    #[test]
    fn attempts_become_rarer_up_to_the_interval() {
        let work = |failures, interval_s| Work {
            target: "told".to_owned(),
            aggregator: Aggregator::new(),
            interval: Duration::from_secs(interval_s),
            exporter: Box::new(Told(bounded(0).0, bounded(0).1)),
            failures,
            losses: LossCounter::new("told"),
        };
        let check = |failures, interval_s, asked_s: Option<u64>, expect_s| {
            let retry_in = work(failures, interval_s).retry_in(asked_s.map(Duration::from_secs));
            assert_eq!(retry_in, Duration::from_secs(expect_s));
        };
        check(1, 60, None, 1);
        check(2, 60, None, 2);
        check(3, 60, None, 4);
        check(9, 60, None, 60);
        check(u32::MAX, u64::MAX, None, 1 << 16);
        check(3, 2, None, 2);
        check(1, 60, Some(120), 120);
    }
}
