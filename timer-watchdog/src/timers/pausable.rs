//! Timers whose time stands still during gaps.

use std::time::Duration;

use crate::time::Timestamp;
use crate::timers::{ExpiredTimers, RequestKind, TimerRequest, TimerTable, WorkerId};

/// A table of timers that can be given the time of a gap, all at once.
///
/// The table's deadlines count on the clock's time less all gaps so far.
pub(crate) struct PausableTimers<W> {
    table: TimerTable<W>,
    /// The sum of all gaps. The deadline of a new timer is moved back by it, so that only timers held during a gap
    /// gain the gap.
    credited: Duration,
}

impl<W: WorkerId> PausableTimers<W> {
    pub(crate) fn new() -> Self {
        Self { table: TimerTable::new(), credited: Duration::ZERO }
    }

    /// Returns the number of timers.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Carries out a request. Returns whether its worker had no timer before and has one now.
    pub(crate) fn register(&mut self, request: &TimerRequest<W>) -> bool {
        match request.kind {
            RequestKind::Acquire { expiration } if !self.credited.is_zero() => {
                let expiration = expiration.before(self.credited);
                let kind = RequestKind::Acquire { expiration };
                self.table.register(&TimerRequest { kind, ..request.clone() })
            }
            _ => self.table.register(request),
        }
    }

    /// Removes one timer.
    #[cfg(all(feature = "file", target_os = "linux"))]
    pub(crate) fn release(&mut self, worker_id: &W, scope_id: &crate::timers::ScopeId) {
        self.table.release(worker_id, scope_id);
    }

    /// Removes all timers of a worker. Returns how many there were.
    pub(crate) fn clear(&mut self, worker_id: &W) -> usize {
        self.table.clear(worker_id)
    }

    /// Returns the timers whose deadline is at or before `now`, by worker.
    pub(crate) fn expired(&self, now: Timestamp) -> Vec<ExpiredTimers<W>> {
        let mut expired = self.table.expired(now.before(self.credited));
        if !self.credited.is_zero() {
            for timer in expired.iter_mut().flat_map(|worker| &mut worker.timers) {
                if let RequestKind::Acquire { expiration } = &mut timer.kind {
                    *expiration = expiration.after(self.credited);
                }
            }
        }
        expired
    }

    /// Returns the earliest deadline after `now`.
    pub(crate) fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.table.next_deadline_after(now.before(self.credited))?;
        Some(next.after(self.credited))
    }

    /// Returns the deadline of one timer.
    #[cfg(all(feature = "file", target_os = "linux"))]
    pub(crate) fn deadline(&self, worker_id: &W, scope_id: &crate::timers::ScopeId) -> Option<Timestamp> {
        Some(self.table.deadline(worker_id, scope_id)?.after(self.credited))
    }

    /// Moves the deadlines of all present timers back by `gap`.
    pub(crate) fn credit(&mut self, gap: Duration) {
        self.credited = self.credited.saturating_add(gap);
    }
}
