//! Requests of clients are carried out here.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};
use std::time::Duration;

use super::{Held, MAX_IDLE_WORKERS, OpenScope, State};
use crate::channel::FileTimerRequest;
use crate::engine::file::server::Shared;
use crate::process::{RefusedWorker, Standing};
use crate::report::WorkerEvent;
use crate::time::Timestamp;
use crate::time::wall;
use crate::timers::{Pid, ScopeId, TimerRequest};

impl State {
    pub(super) fn register(&mut self, shared: &Shared, requests: &[FileTimerRequest], now: Timestamp) {
        let wall = wall::since_epoch();
        let mut checked = HashSet::new();
        for request in requests {
            self.counts.requests += 1;
            if request.is_release() {
                self.release(request.pid, &request.scope_id);
                continue;
            }
            if checked.insert(request.pid) && self.has_ended(request.pid) {
                self.purge(shared, request.pid);
            }
            if let Err(cause) = self.acquire(shared, request, wall, now) {
                self.refused(shared, request.pid, cause);
            }
        }
        if self.workers.len() > MAX_IDLE_WORKERS {
            let incidents = &self.incidents;
            self.workers.retain(|pid, held| !held.scopes.is_empty() || incidents.contains_key(pid));
        }
    }

    /// Returns whether a known worker has ended. Another process may then have its number.
    fn has_ended(&self, pid: Pid) -> bool {
        let Some(held) = self.workers.get(&pid).filter(|_| !self.incidents.contains_key(&pid)) else {
            return false;
        };
        !matches!(held.process.standing(), Standing::Alive { .. })
    }

    fn acquire(
        &mut self,
        shared: &Shared,
        request: &FileTimerRequest,
        wall: Duration,
        now: Timestamp,
    ) -> Result<(), RefusedWorker> {
        let pid = request.pid;
        let held = match self.workers.entry(pid) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Held { process: shared.processes.find(pid)?, scopes: HashMap::new() }),
        };
        let quota = shared.quota;
        if held.scopes.len() >= quota && !held.scopes.contains_key(&request.scope_id) {
            self.counts.over_quota += 1;
            let total = self.counts.over_quota;
            shared.emit_sampled(total, || WorkerEvent::OverQuota { pid, quota, total });
            return Ok(());
        }
        held.scopes.insert(request.scope_id.clone(), OpenScope { signal: request.signal, since: now });
        let deadline = deadline(request.expiration_time, wall, now);
        self.timers.register(&TimerRequest::acquire(pid, request.scope_id.clone(), deadline));
        Ok(())
    }

    fn refused(&mut self, shared: &Shared, pid: Pid, cause: RefusedWorker) {
        // A worker may end after its request.
        if matches!(cause, RefusedWorker::Gone) {
            return;
        }
        self.counts.refused += 1;
        let total = self.counts.refused;
        shared.emit_sampled(total, || WorkerEvent::Refused { pid, cause, total });
    }

    pub(super) fn release(&mut self, pid: Pid, scope_id: &ScopeId) {
        self.timers.release(&pid, scope_id);
        if let Some(held) = self.workers.get_mut(&pid) {
            held.scopes.remove(scope_id);
        }
    }
}

/// Converts a deadline of the wire to monotonic time. Later steps of the wall clock do not change it.
fn deadline(expiration_time: f64, wall: Duration, now: Timestamp) -> Timestamp {
    let left = expiration_time - wall.as_secs_f64();
    match Duration::try_from_secs_f64(left.abs()) {
        Ok(past) if left < 0.0 => now.before(past),
        Ok(left) => now.after(left),
        Err(_) if left < 0.0 => Timestamp::ZERO,
        Err(_) => Timestamp::NEVER,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::deadline;
    use crate::time::Timestamp;

    #[test]
    fn fault_19_24_wall_deadlines_become_monotonic_ones_and_saturate() {
        let (wall, now) = (Duration::from_secs(1_700_000_000), Timestamp::from_nanos(50_000_000_000));
        let check = |expiration: f64, expect: Timestamp| {
            let found = deadline(expiration, wall, now);
            assert!(found.since(expect).max(expect.since(found)) < Duration::from_micros(1), "{expiration}: {found:?}");
        };
        check(1_700_000_000.0, now);
        check(1_700_000_001.5, Timestamp::from_nanos(51_500_000_000));
        check(1_699_999_999.0, Timestamp::from_nanos(49_000_000_000));
        check(0.0, Timestamp::ZERO);
        check(-0.0, Timestamp::ZERO);
        check(f64::MAX, Timestamp::NEVER);
        check(f64::INFINITY, Timestamp::NEVER);
    }
}
