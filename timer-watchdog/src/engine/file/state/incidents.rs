//! Incidents: workers whose timers have expired.

use std::sync::Arc;

use super::State;
use crate::engine::file::incident::{Incident, Step};
use crate::engine::file::server::Shared;
use crate::process::KillOutcome;
use crate::process::{Ending, Ladder};
use crate::report::{ExpiredScope, IncidentReport, WorkerEvent};
use crate::time::Timestamp;
use crate::timers::{ExpiredTimers, Pid, ScopeId};

/// The number of last reports that are kept.
const MAX_RECENT: usize = 16;

impl State {
    /// Opens an incident for each worker with an expired timer.
    pub(in crate::engine::file) fn expire(&mut self, shared: &Shared, now: Timestamp) {
        for expired in self.timers.expired(now) {
            if !self.incidents.contains_key(&expired.worker_id) {
                self.open(shared, &expired, now);
            }
        }
    }

    fn open(&mut self, shared: &Shared, expired: &ExpiredTimers<Pid>, now: Timestamp) {
        let pid = expired.worker_id;
        let Some(held) = self.workers.get(&pid) else {
            return;
        };
        // In the order of expiry, the first timer that names a signal decides.
        let mut signals = expired.timers.iter().filter_map(|timer| held.scopes.get(&timer.scope_id));
        let named = signals.find(|scope| scope.signal > 0).map_or(0, |scope| scope.signal);
        let signal = if named > 0 { shared.policy.signal.unwrap_or(named) } else { 0 };
        let report = IncidentReport {
            run_id: shared.run_id.clone(),
            pid: pid.0,
            signal,
            is_observed_only: shared.policy.is_observing,
            scopes: self.scopes(pid, now),
            evidence: None,
            dump_path: None,
            outcome: None,
        };
        self.counts.incidents += 1;
        let incident = shared.collector.open(&held.process, report, now);
        self.incidents.insert(pid, incident);
    }

    /// Returns the open scopes of a worker, earliest deadline first.
    fn scopes(&self, pid: Pid, now: Timestamp) -> Vec<ExpiredScope> {
        let Some(held) = self.workers.get(&pid) else {
            return Vec::new();
        };
        let mut scopes: Vec<_> = held
            .scopes
            .iter()
            .map(|(scope_id, open)| {
                let deadline = self.timers.deadline(&pid, scope_id).unwrap_or(Timestamp::NEVER);
                let late = now.since(deadline).as_secs_f64() - deadline.since(now).as_secs_f64();
                ExpiredScope {
                    scope_id: scope_id.to_string(),
                    signal: open.signal,
                    age_secs: now.since(open.since).as_secs_f64(),
                    late_secs: late,
                }
            })
            .collect();
        scopes.sort_by(|a, b| b.late_secs.total_cmp(&a.late_secs));
        scopes
    }

    /// Takes the steps that are due in all incidents.
    pub(in crate::engine::file) fn advance(&mut self, shared: &Shared, now: Timestamp) {
        let pids: Vec<Pid> = self.incidents.keys().copied().collect();
        for pid in pids {
            if let Some(incident) = self.incidents.remove(&pid)
                && let Some(incident) = self.advance_one(shared, incident, now)
            {
                self.incidents.insert(pid, incident);
            }
        }
    }

    /// Returns the incident, unless it has ended.
    fn advance_one(&mut self, shared: &Shared, mut incident: Incident, now: Timestamp) -> Option<Incident> {
        let pid = Pid(incident.report.pid);
        if let Step::Reading { evidence, until } = &incident.step {
            let found = evidence.update(Option::take);
            if found.is_none() && now < *until && !incident.has_ended {
                return Some(incident);
            }
            incident.report.evidence = found;
            shared.emit(WorkerEvent::Expired { report: Box::new(incident.report.clone()) });
            if incident.report.signal <= 0 || shared.policy.is_observing {
                self.spare(shared, incident, now);
                return None;
            }
            let process = Arc::clone(&incident.process);
            incident.step = Step::Killing(Ladder::new(process, &shared.policy, incident.report.signal, now));
        }
        let Step::Killing(ladder) = &mut incident.step else {
            return Some(incident);
        };
        let ending = ladder.advance(now, || {
            // A release that the worker has sent meanwhile stops the kill. The next pass reports a failed read.
            let _ = self.read(shared, now);
            self.is_stuck(pid, now)
        });
        match ending {
            None => return Some(incident),
            Some(Ending::Recovered) => {
                shared.emit(WorkerEvent::Recovered { report: Box::new(incident.report) });
            }
            Some(Ending::Killed(outcome)) => self.killed(shared, incident, outcome),
        }
        None
    }

    /// Returns whether a timer of the worker that names a signal has expired and not been released.
    fn is_stuck(&self, pid: Pid, now: Timestamp) -> bool {
        let is_expired = |scope: &ScopeId| self.timers.deadline(&pid, scope).is_some_and(|deadline| deadline <= now);
        let scopes = self.workers.get(&pid).map(|held| &held.scopes);
        scopes.is_some_and(|scopes| scopes.iter().any(|(scope, open)| open.signal > 0 && is_expired(scope)))
    }

    fn killed(&mut self, shared: &Shared, mut incident: Incident, outcome: KillOutcome) {
        let pid = Pid(incident.report.pid);
        self.timers.clear(&pid);
        match outcome.is_ended() {
            true => drop(self.workers.remove(&pid)),
            false => self.workers.get_mut(&pid).into_iter().for_each(|held| held.scopes.clear()),
        }
        let signal = incident.report.signal;
        let is_killed = outcome.is_ended() && outcome != KillOutcome::Gone;
        incident.report.outcome = Some(outcome);
        self.finish(shared, incident.report);
        if is_killed {
            shared.end_server(signal);
        }
    }

    /// Ends an incident without a signal. A server that only observes clears the expired timers alone, because others
    /// may expire later.
    fn spare(&mut self, shared: &Shared, incident: Incident, now: Timestamp) {
        let pid = Pid(incident.report.pid);
        let scopes: Vec<ScopeId> =
            self.workers.get(&pid).into_iter().flat_map(|held| held.scopes.keys().cloned()).collect();
        for scope in scopes {
            let is_expired = self.timers.deadline(&pid, &scope).is_some_and(|deadline| deadline <= now);
            if is_expired || !shared.policy.is_observing {
                self.release(pid, &scope);
            }
        }
        if incident.has_ended {
            self.workers.remove(&pid);
            self.timers.clear(&pid);
        }
        self.finish(shared, incident.report);
    }

    fn finish(&mut self, shared: &Shared, report: IncidentReport) {
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(report.clone());
        shared.emit(WorkerEvent::Ended { report: Box::new(report) });
    }
}
