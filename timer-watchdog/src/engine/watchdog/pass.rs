//! One look of a watchdog at its queue and its timers.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::report::{Event, PassError, ReapFailure, panic_message};
use crate::thread::background::Running;
use crate::thread::outbox::Outbox;
use crate::thread::signalled::Signalled;
use crate::time::Clock;
use crate::time::Timestamp;
use crate::timers::{ExpiredTimers, RequestQueue, TimerServer, WorkerId};

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PassReport {
    /// Requests that were carried out.
    pub registered: usize,
    /// Workers with an expired timer.
    pub expired: usize,
    /// Of those, the workers that were dealt with.
    pub reaped: usize,
    /// Of those, the workers that could not be, and count as dealt with.
    pub failed: usize,
    /// Of those, the workers that the next pass tries again.
    pub retained: usize,
}

/// What the owner of a watchdog and its thread share.
pub(super) struct Core<S, Q, W> {
    pub(super) server: S,
    pub(super) queue: Q,
    pub(super) max_interval: Duration,
    /// What the watchdog may be late before it credits the time to all timers.
    pub(super) gap_threshold: Duration,
    pub(super) clock: Clock,
    pub(super) outbox: Option<Outbox<Event<W>>>,
    /// The thread that is in a pass: there is one pass at a time.
    pub(super) passing: Signalled<Option<ThreadId>>,
    /// Passes that came to their end; read without order beside `last_pass_ns`, both are for display.
    pub(super) passes: AtomicU64,
    /// When the last of them ended, or when the watchdog was built.
    pub(super) last_pass_ns: AtomicU64,
}

impl<S: TimerServer<W>, Q: RequestQueue<W>, W: WorkerId> Core<S, Q, W> {
    /// Runs one pass that waits at most `timeout` for requests; panics of the queue and the server become errors.
    pub(super) fn pass(&self, timeout: Duration) -> Result<PassReport, PassError> {
        let _turn = Turn::take(&self.passing).ok_or(PassError::Nested)?;
        let result = catch_unwind(AssertUnwindSafe(|| self.pass_in_turn(timeout)))
            .unwrap_or_else(|panic| Err(PassError::Panic(panic_message(&*panic))));
        if result.is_ok() {
            self.passes.fetch_add(1, Ordering::Relaxed);
            let now = self.clock.now().as_nanos();
            self.last_pass_ns.store(now, Ordering::Relaxed);
        }
        result
    }

    fn pass_in_turn(&self, timeout: Duration) -> Result<PassReport, PassError> {
        let size = self.queue.size();
        let planned = self.clock.now().after(timeout);
        let requests = self.queue.get(size.max(1), timeout)?;
        let got = self.clock.now();
        self.server.register_timers(&requests);
        let now = self.clock.now();
        let mut report = PassReport { registered: requests.len(), ..PassReport::default() };
        if !requests.is_empty() {
            self.emit(|| Event::Registered { requests });
        }
        // After the registration: what was acquired before the gap or in it shares in it. A gap may also fall into
        // the registration itself, which on a busy server is most of the time.
        self.credit(got.since(planned));
        self.credit(now.since(got));
        self.reap_expired(now, &mut report);
        Ok(report)
    }

    fn credit(&self, gap: Duration) {
        if gap > self.gap_threshold {
            self.server.credit_gap(gap);
            self.emit(|| Event::ObserverGap { gap });
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
            self.emit(|| expired_event(expired, now));
            if self.reap(worker_id.clone(), report) {
                reaped.insert(worker_id);
            }
        }
        if !reaped.is_empty() {
            self.server.clear_timers(&reaped);
        }
    }

    /// Reaps a worker and returns whether it counts as reaped.
    fn reap(&self, worker_id: W, report: &mut PassReport) -> bool {
        let result = catch_unwind(AssertUnwindSafe(|| self.server.reap_worker(&worker_id)));
        let cause = match result {
            Ok(Ok(true)) => {
                report.reaped += 1;
                self.emit(|| Event::Reaped { worker_id });
                return true;
            }
            Ok(Ok(false)) => {
                report.retained += 1;
                self.emit(|| Event::Retained { worker_id });
                return false;
            }
            Ok(Err(error)) => ReapFailure::Error(error),
            Err(panic) => ReapFailure::Panic(panic_message(&*panic)),
        };
        report.failed += 1;
        self.emit(|| Event::ReapFailed { worker_id, cause });
        true
    }

    /// Makes an event only if somebody listens.
    pub(super) fn emit(&self, event: impl FnOnce() -> Event<W>) {
        if let Some(outbox) = &self.outbox {
            outbox.send(event());
        }
    }

    /// The loop of the thread.
    pub(super) fn run(&self, running: &Running) {
        let max_interval = self.max_interval;
        self.emit(|| Event::Started { max_interval, path: None });
        while !running.is_stopping() {
            if let Err(error) = self.pass(self.until_next()) {
                self.emit(|| Event::PassFailed { error });
                // What fails at once would otherwise keep a processor busy with failing.
                running.wait_for_stop(max_interval);
            }
        }
        self.emit(|| Event::Stopped);
    }

    /// Returns how long the next pass may wait.
    fn until_next(&self) -> Duration {
        let now = self.clock.now();
        let next = self.server.next_deadline(now);
        next.map_or(self.max_interval, |deadline| deadline.since(now).min(self.max_interval))
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
    /// Waits for the pass in progress; returns none inside a pass, which would wait for itself.
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
