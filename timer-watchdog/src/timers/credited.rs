//! The table of timers in a time of its own, that stands still while nobody runs.

use std::time::Duration;

use crate::time::Timestamp;
use crate::timers::{ExpiredTimers, RequestKind, TimerRequest, TimerTable, WorkerId};

/// The table, in a time of its own that stands still during gaps.
pub(crate) struct CreditedTable<W> {
    pub(crate) table: TimerTable<W>,
    /// All gaps so far. A deadline that comes in later is moved back by it, so that only earlier ones gain.
    credited: Duration,
}

impl<W: WorkerId> CreditedTable<W> {
    pub(crate) fn new() -> Self {
        Self { table: TimerTable::new(), credited: Duration::ZERO }
    }

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

    /// Gives the timers held at present this much more time.
    pub(crate) fn credit(&mut self, gap: Duration) {
        self.credited = self.credited.saturating_add(gap);
    }
}
