//! A reaper that runs another one on threads of its own, for a limited time.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::Reaper;
use crate::thread::background::BackgroundThread;
use crate::thread::signalled::Signalled;
use crate::timers::{ReapError, WorkerId};

/// Runs each reap on a thread of its own, and abandons a reap that takes too long.
///
/// For reapers that may block: a watchdog detects nothing while its reaper blocks. An abandoned reap keeps its thread
/// until it returns. While the allowed number of reaps are stuck, further workers fail with [`ReapError::Busy`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{BoundedReaper, ReapError, Reaper};
///
/// let reaper = BoundedReaper::new(|worker: &u32| Ok(*worker == 1), Duration::from_secs(5), 4);
/// assert_eq!(reaper.reap(&1).unwrap(), true);
/// assert_eq!(reaper.reap(&2).unwrap(), false);
/// ```
pub struct BoundedReaper<R, W> {
    reaper: Arc<R>,
    limit: Duration,
    max_stuck: usize,
    state: Arc<Signalled<State<W>>>,
}

/// The reaps in progress, by number.
struct State<W> {
    next: u64,
    /// An entry is present until its result is taken, or until the reap returns if it is abandoned.
    runs: HashMap<u64, Run<W>>,
}

struct Run<W> {
    worker_id: W,
    /// The limit has passed, and the result is dropped.
    is_abandoned: bool,
    result: Option<Result<bool, ReapError>>,
}

impl<R: Reaper<W> + 'static, W: WorkerId> BoundedReaper<R, W> {
    /// Returns a reaper that waits for each reap at most `limit`, and tolerates `max_stuck` abandoned reaps at a time.
    pub fn new(reaper: R, limit: Duration, max_stuck: usize) -> Self {
        Self {
            reaper: Arc::new(reaper),
            limit,
            max_stuck,
            state: Arc::new(Signalled::new(State { next: 0, runs: HashMap::new() })),
        }
    }

    /// Returns the workers whose reap is abandoned and has not returned yet.
    pub fn stuck(&self) -> Vec<W> {
        self.state.peek(|state| {
            let abandoned = state.runs.values().filter(|run| run.is_abandoned);
            abandoned.map(|run| run.worker_id.clone()).collect()
        })
    }

    /// Adds a run. Returns its number.
    fn begin(&self, worker_id: &W) -> Result<u64, ReapError> {
        self.state.update(|state| {
            let stuck = state.runs.values().filter(|run| run.is_abandoned).count();
            if stuck >= self.max_stuck {
                let worker = format!("{worker_id:?}");
                return Err(ReapError::Busy { worker, stuck });
            }
            let number = state.next;
            state.next += 1;
            let run = Run { worker_id: worker_id.clone(), is_abandoned: false, result: None };
            state.runs.insert(number, run);
            Ok(number)
        })
    }

    fn spawn(&self, number: u64, worker_id: &W) -> Result<(), ReapError> {
        let reaper = Arc::clone(&self.reaper);
        let state = Arc::clone(&self.state);
        let id = worker_id.clone();
        let started = BackgroundThread::new("timer-reaper", 0).start(move |_| {
            let result = catch_unwind(AssertUnwindSafe(|| reaper.reap(&id)));
            let result = result.unwrap_or_else(|_| Err(ReapError::Other("the reaper panicked".into())));
            state.update(|state| finish(state, number, result));
        });
        started.map(drop).map_err(|error| {
            self.state.update(|state| state.runs.remove(&number));
            ReapError::Other(error.into())
        })
    }
}

fn finish<W>(state: &mut State<W>, number: u64, result: Result<bool, ReapError>) {
    match state.runs.get_mut(&number) {
        Some(run) if !run.is_abandoned => run.result = Some(result),
        _ => drop(state.runs.remove(&number)),
    }
}

impl<R: Reaper<W> + 'static, W: WorkerId> Reaper<W> for BoundedReaper<R, W> {
    fn meet(&self, worker_id: &W) {
        self.reaper.meet(worker_id);
    }

    fn reap(&self, worker_id: &W) -> Result<bool, ReapError> {
        let number = self.begin(worker_id)?;
        self.spawn(number, worker_id)?;
        let result = self.state.wait_for(self.limit, |state| {
            let result = state.runs.get_mut(&number)?.result.take()?;
            state.runs.remove(&number);
            Some(result)
        });
        result.unwrap_or_else(|| self.abandon(number, worker_id))
    }
}

impl<R, W: WorkerId> BoundedReaper<R, W> {
    /// Abandons a run, unless its result has come in meanwhile.
    fn abandon(&self, number: u64, worker_id: &W) -> Result<bool, ReapError> {
        let late = self.state.update(|state| {
            let run = state.runs.get_mut(&number)?;
            run.is_abandoned = true;
            let result = run.result.take()?;
            state.runs.remove(&number);
            Some(result)
        });
        late.unwrap_or_else(|| Err(ReapError::TimedOut { worker: format!("{worker_id:?}"), limit: self.limit }))
    }
}

impl<R, W> fmt::Debug for BoundedReaper<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedReaper")
            .field("limit", &self.limit)
            .field("max_stuck", &self.max_stuck)
            .finish_non_exhaustive()
    }
}
