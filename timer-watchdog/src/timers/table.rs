//! The table of timers that a server holds. It reads no clock.

use std::collections::btree_map::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};

use crate::time::Timestamp;
use crate::timers::{RequestKind, ScopeId, TimerRequest, WorkerId};

/// A deadline and a number in order of registration. Unique in one table.
type Key = (Timestamp, u64);

/// The timers of all workers, by name and by deadline.
///
/// Pure: it reads no clock and decides nothing. Names are flat: (worker, scope) is one timer, a second acquire replaces
/// it, and a release removes it. An acquire and a release cost O(log n), a query of the expired timers O(log n + number
/// expired).
///
/// # Examples
///
/// ```
/// use timer_watchdog::{Timestamp, TimerRequest, TimerTable};
///
/// let at = Timestamp::from_nanos;
/// let mut table = TimerTable::new();
/// table.register(&TimerRequest::acquire("w1", "load", at(10)));
/// table.register(&TimerRequest::acquire("w2", "load", at(20)));
/// assert_eq!(table.next_deadline(), Some(at(10)));
///
/// let expired = table.expired(at(10)); // A deadline has expired when it is reached.
/// assert_eq!(expired.len(), 1);
/// assert_eq!(expired[0].worker_id, "w1");
///
/// assert_eq!(table.clear(&"w1"), 1);
/// assert_eq!(table.expired(at(15)), []);
/// assert_eq!(table.len(), 1);
/// ```
#[derive(Debug, Clone)]
pub struct TimerTable<W> {
    /// All timers by name. A worker without timers has no entry.
    by_worker: HashMap<W, HashMap<ScopeId, Key>>,
    /// The same timers by deadline, in order of registration where deadlines are equal.
    by_deadline: BTreeMap<Key, (W, ScopeId)>,
    next_order: u64,
}

/// The timers of one worker that have expired, earliest deadline first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredTimers<W> {
    /// The worker that they belong to.
    pub worker_id: W,
    /// The requests that acquired them, with deadlines as the table holds them.
    pub timers: Vec<TimerRequest<W>>,
}

impl<W> Default for TimerTable<W> {
    fn default() -> Self {
        Self { by_worker: HashMap::new(), by_deadline: BTreeMap::new(), next_order: 0 }
    }
}

impl<W: WorkerId> TimerTable<W> {
    /// Returns an empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Carries out a request. Returns whether its worker had no timer before and has one now.
    pub fn register(&mut self, request: &TimerRequest<W>) -> bool {
        match request.kind {
            RequestKind::Acquire { expiration } => self.insert(request, expiration),
            RequestKind::Release => {
                self.release(&request.worker_id, &request.scope_id);
                false
            }
        }
    }

    fn insert(&mut self, request: &TimerRequest<W>, expiration: Timestamp) -> bool {
        let key = (expiration, self.next_order);
        self.next_order += 1;
        let name = (request.worker_id.clone(), request.scope_id.clone());
        let (scopes, is_new) = match self.by_worker.entry(request.worker_id.clone()) {
            Entry::Occupied(entry) => (entry.into_mut(), false),
            Entry::Vacant(entry) => (entry.insert(HashMap::new()), true),
        };
        if let Some(replaced) = scopes.insert(request.scope_id.clone(), key) {
            self.by_deadline.remove(&replaced);
        }
        self.by_deadline.insert(key, name);
        is_new
    }

    /// Removes one timer. Returns whether there was one.
    pub fn release(&mut self, worker_id: &W, scope_id: &ScopeId) -> bool {
        let Some(scopes) = self.by_worker.get_mut(worker_id) else {
            return false;
        };
        let Some(key) = scopes.remove(scope_id) else {
            return false;
        };
        if scopes.is_empty() {
            self.by_worker.remove(worker_id);
        }
        self.by_deadline.remove(&key);
        true
    }

    /// Removes all timers of a worker. Returns how many there were.
    pub fn clear(&mut self, worker_id: &W) -> usize {
        let Some(scopes) = self.by_worker.remove(worker_id) else {
            return 0;
        };
        for key in scopes.values() {
            self.by_deadline.remove(key);
        }
        scopes.len()
    }

    /// Returns the timers whose deadline is at or before `now`, by worker. The worker with the earliest deadline is
    /// first.
    ///
    /// The timers stay in the table until released or cleared.
    pub fn expired(&self, now: Timestamp) -> Vec<ExpiredTimers<W>> {
        let mut expired: Vec<ExpiredTimers<W>> = Vec::new();
        let mut position = HashMap::new();
        for ((deadline, _), (worker, scope)) in self.by_deadline.range(..=(now, u64::MAX)) {
            let index = *position.entry(worker).or_insert_with(|| {
                expired.push(ExpiredTimers { worker_id: worker.clone(), timers: Vec::new() });
                expired.len() - 1
            });
            let request = TimerRequest::acquire(worker.clone(), scope.clone(), *deadline);
            expired[index].timers.push(request);
        }
        expired
    }

    /// Returns the earliest deadline.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.by_deadline.keys().next().map(|(deadline, _)| *deadline)
    }

    /// Returns the earliest deadline that lies after `now`.
    pub fn next_deadline_after(&self, now: Timestamp) -> Option<Timestamp> {
        let later = self.by_deadline.range((now, u64::MAX)..);
        later.map(|((deadline, _), _)| *deadline).find(|deadline| *deadline > now)
    }

    /// Returns the deadline of one timer.
    pub fn deadline(&self, worker_id: &W, scope_id: &ScopeId) -> Option<Timestamp> {
        let (deadline, _) = self.by_worker.get(worker_id)?.get(scope_id)?;
        Some(*deadline)
    }

    /// Returns the number of timers.
    pub fn len(&self) -> usize {
        self.by_deadline.len()
    }

    /// Returns whether there is no timer.
    pub fn is_empty(&self) -> bool {
        self.by_deadline.is_empty()
    }

    /// Returns the number of workers that have a timer.
    pub fn workers(&self) -> usize {
        self.by_worker.len()
    }
}
