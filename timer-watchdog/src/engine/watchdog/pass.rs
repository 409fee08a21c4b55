//! One pass over a queue and a server.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::engine::Observer;
use crate::engine::pass_loop::Passes;
use crate::report::{Event, PassError, ReapFailure, panic_message};
use crate::thread::signalled::Signalled;
use crate::time::{Gap, Timestamp};
use crate::timers::{ExpiredTimers, RequestQueue, TimerServer, WorkerId};

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PassReport {
    /// The number of requests that were carried out.
    pub registered: usize,
    /// The number of workers with an expired timer.
    pub expired: usize,
    /// Of those, the number that were reaped.
    pub reaped: usize,
    /// Of those, the number whose reap failed. They count as reaped.
    pub failed: usize,
    /// Of those, the number that the next pass tries again.
    pub retained: usize,
}

/// The state that a watchdog shares with its thread.
pub(super) struct Core<S, Q, W> {
    pub(super) server: S,
    pub(super) queue: Q,
    pub(super) observer: Observer<W>,
    /// The thread that is in a pass. One pass runs at a time.
    pub(super) passing: Signalled<Option<ThreadId>>,
}

impl<S, Q, W> Passes for Core<S, Q, W>
where
    S: TimerServer<W> + 'static,
    Q: RequestQueue<W> + 'static,
    W: WorkerId,
{
    type Worker = W;
    type Report = PassReport;

    fn observer(&self) -> &Observer<W> {
        &self.observer
    }

    fn pass(&self, timeout: Duration) -> Result<PassReport, PassError> {
        let _turn = Turn::take(&self.passing).ok_or(PassError::Nested)?;
        self.pass_in_turn(timeout)
    }

    /// Until the next deadline, at most the longest wait.
    fn next_timeout(&self) -> Duration {
        let now = self.observer.clock.now();
        let next = self.server.next_deadline(now);
        let longest = self.observer.max_interval;
        next.map_or(longest, |deadline| deadline.since(now).min(longest))
    }

    fn wake(&self) {
        self.queue.wake();
    }

    fn begin(&self) {
        self.observer.emit(|| Event::Started { max_interval: self.observer.max_interval, path: None });
    }

    fn end(&self) {
        self.observer.emit(|| Event::Stopped);
    }
}

impl<S: TimerServer<W>, Q: RequestQueue<W>, W: WorkerId> Core<S, Q, W> {
    fn pass_in_turn(&self, timeout: Duration) -> Result<PassReport, PassError> {
        let size = self.queue.size();
        let Observer { clock, gaps, .. } = &self.observer;
        let began = clock.now();
        let requests = self.queue.get(size.max(1), timeout)?;
        let got = clock.now();
        self.server.register_timers(&requests);
        let now = clock.now();
        let mut report = PassReport { registered: requests.len(), ..PassReport::default() };
        if !requests.is_empty() {
            self.observer.emit(|| Event::Registered { requests });
        }
        // After the registration, so that timers acquired before or in the gap are credited. A gap may also fall into
        // the registration, which on a busy server takes most of the time.
        self.credit(gaps.in_wait(began, began.after(timeout), got));
        self.credit(gaps.in_work(got, now));
        self.reap_expired(now, &mut report);
        Ok(report)
    }

    fn credit(&self, gap: Option<Gap>) {
        if let Some(gap) = gap {
            self.server.credit_gap(gap.credited);
            self.observer.emit_gap(gap);
        }
    }

    fn reap_expired(&self, now: Timestamp, report: &mut PassReport) {
        let mut seen = HashSet::new();
        let mut reaped = HashSet::new();
        for expired in self.server.expired_timers(now) {
            if !seen.insert(expired.worker_id.clone()) {
                continue;
            }
            report.expired += 1;
            let worker_id = expired.worker_id.clone();
            self.observer.emit(|| expired_event(expired, now));
            if self.reap(worker_id.clone(), report) {
                reaped.insert(worker_id);
            }
        }
        if !reaped.is_empty() {
            self.server.clear_timers(&reaped);
        }
    }

    /// Reaps a worker. Returns whether it counts as reaped.
    fn reap(&self, worker_id: W, report: &mut PassReport) -> bool {
        let result = catch_unwind(AssertUnwindSafe(|| self.server.reap_worker(&worker_id)));
        let cause = match result {
            Ok(Ok(true)) => {
                report.reaped += 1;
                self.observer.emit(|| Event::Reaped { worker_id });
                return true;
            }
            Ok(Ok(false)) => {
                report.retained += 1;
                self.observer.emit(|| Event::Retained { worker_id });
                return false;
            }
            Ok(Err(error)) => ReapFailure::Error(error),
            Err(panic) => ReapFailure::Panic(panic_message(&*panic)),
        };
        report.failed += 1;
        self.observer.emit(|| Event::ReapFailed { worker_id, cause });
        true
    }
}

fn expired_event<W: WorkerId>(expired: ExpiredTimers<W>, now: Timestamp) -> Event<W> {
    let deadlines = expired.timers.iter().filter_map(crate::timers::TimerRequest::expiration);
    let late = deadlines.map(|deadline| now.since(deadline)).max();
    Event::Expired { worker_id: expired.worker_id, timers: expired.timers, late: late.unwrap_or_default() }
}

/// The right to run a pass.
struct Turn<'a>(&'a Signalled<Option<ThreadId>>);

impl<'a> Turn<'a> {
    /// Waits for the end of the pass in progress. Returns none inside a pass, which would wait for itself.
    fn take(passing: &'a Signalled<Option<ThreadId>>) -> Option<Self> {
        let me = thread::current().id();
        let is_taken = passing.wait(|holder| match *holder {
            None => {
                *holder = Some(me);
                Some(true)
            }
            Some(thread) if thread == me => Some(false),
            Some(_) => None,
        });
        is_taken.then_some(Self(passing))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.update(|holder| *holder = None);
    }
}
