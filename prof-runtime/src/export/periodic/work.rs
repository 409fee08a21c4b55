//! What the thread of a `PeriodicExporter` does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};

use super::{FIRST_RETRY, LastExport, Request};
use crate::aggregate::Aggregator;
use crate::base::background::Stop;
use crate::base::clock;
use crate::base::panics::caught;
use crate::base::stderr;
use crate::export::{ExportError, Exporter};

/// The work of the thread.
pub(super) struct Work {
    pub(super) target: String,
    pub(super) aggregator: Aggregator,
    pub(super) interval: Duration,
    pub(super) exporter: Box<dyn Exporter>,
    /// The number of attempts that failed since the last success.
    pub(super) failures: u32,
    pub(super) last: LastExport,
}

impl Work {
    pub(super) fn run(mut self, requests: &Receiver<Request>, stop: &Stop) {
        let mut due = clock::deadline(self.interval);
        loop {
            select! {
                recv(requests) -> request => if let Ok(request) = request {
                    // The caller does not wait anymore if it took too long.
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
        // It is set before the stop.
        if self.last.is_cancelled.load(Ordering::SeqCst) {
            return;
        }
        match self.export() {
            // It has all numbers that requests since then wait for.
            Ok(()) => requests.try_iter().for_each(|request| drop(request.send(Ok(())))),
            Err(_) => self.last.lose(),
        }
    }

    /// Returns when the next export is due: in step with the one before, unless that took longer than an interval.
    fn next(&self, due: Instant) -> Instant {
        let now = clock::monotonic();
        due.checked_add(self.interval).filter(|next| *next > now).unwrap_or_else(|| clock::deadline(self.interval))
    }

    /// Returns how long to wait before another attempt.
    pub(super) fn retry_in(&self, asked_for: Option<Duration>) -> Duration {
        let doubled = FIRST_RETRY.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
        doubled.min(self.interval).max(asked_for.unwrap_or_default())
    }

    fn export(&mut self) -> Result<(), ExportError> {
        let taken = self.last.snapshot.get().cloned();
        let snapshot = taken.unwrap_or_else(|| Arc::new(self.aggregator.snapshot()));
        let exported = caught(|| self.exporter.export(&snapshot))
            .unwrap_or_else(|| Err(ExportError::Stopped { target: self.target.as_str().into() }));
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
