//! The mock clock, for tests. Its time moves only when the test moves it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::clock::Sleeper;
use super::{Clock, Timestamp};

/// Moves the time of a mock [`Clock`].
///
/// A move wakes the threads of this crate that wait on the clock, so that a test needs no real time.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{LocalQueue, MockClock, RequestQueue};
///
/// let mock = MockClock::new();
/// let queue = LocalQueue::<u32>::with_clock(8, mock.clock());
/// std::thread::scope(|scope| {
///     let waiting = scope.spawn(|| queue.get(1, Duration::from_secs(3600)));
///     mock.wait_for_parked(1);
///     mock.advance(Duration::from_secs(3600));
///     assert_eq!(waiting.join().unwrap().unwrap(), []);
/// });
/// ```
#[derive(Debug, Clone)]
pub struct MockClock {
    state: Arc<State>,
}

impl MockClock {
    /// Returns a mock whose time is one second after the origin.
    #[expect(clippy::new_without_default, reason = "a clock of its own is a deliberate choice")]
    pub fn new() -> Self {
        Self { state: Arc::new(State::new()) }
    }

    /// Returns the clock that this mock moves. All its clones show the same time.
    pub fn clock(&self) -> Clock {
        Clock { mock: Some(Arc::clone(&self.state)) }
    }

    /// Moves the time forward and wakes all threads that wait on the clock.
    pub fn advance(&self, by: Duration) {
        let waiters = {
            let mut inner = self.state.lock();
            inner.now = inner.now.after(by);
            inner.moves += 1;
            inner.parked = 0;
            inner.waiters.retain(|waiter| waiter.strong_count() > 0);
            inner.waiters.clone()
        };
        // Outside the lock: a waiter holds its own lock while it takes this one.
        for waiter in waiters.iter().filter_map(Weak::upgrade) {
            waiter.wake();
        }
    }

    /// Blocks until `count` threads wait on this clock and have seen its present time.
    ///
    /// After an [`advance`](MockClock::advance) the threads have then done what the new time requires.
    pub fn wait_for_parked(&self, count: usize) {
        let mut inner = self.state.lock();
        while inner.parked < count {
            inner = self.state.parked_changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The state that the clones of a mock clock share.
#[derive(Debug)]
pub(crate) struct State {
    inner: Mutex<Inner>,
    /// Signalled when a thread parks.
    parked_changed: Condvar,
}

struct Inner {
    now: Timestamp,
    /// The number of moves. Tells whether a parked thread has seen the present time.
    moves: u64,
    /// The number of threads that wait and have seen the present time.
    parked: usize,
    waiters: Vec<Weak<dyn Sleeper>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("now", &self.now)
            .field("moves", &self.moves)
            .field("parked", &self.parked)
            .finish_non_exhaustive()
    }
}

impl State {
    fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                now: Timestamp::from_nanos(1_000_000_000),
                moves: 0,
                parked: 0,
                waiters: Vec::new(),
            }),
            parked_changed: Condvar::new(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.lock().now
    }

    pub(super) fn subscribe(&self, waiter: Weak<impl Sleeper + 'static>) {
        let waiter: Weak<dyn Sleeper> = waiter;
        let mut inner = self.lock();
        inner.waiters.retain(|waiter| waiter.strong_count() > 0);
        inner.waiters.push(waiter);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a thread as waiting on a mock clock, until dropped or until the time moves.
#[derive(Debug)]
pub(crate) struct Parked<'a> {
    state: &'a State,
    moves: u64,
}

impl<'a> Parked<'a> {
    /// Counts the calling thread, unless the clock has reached `deadline`.
    pub(super) fn unless_past(state: &'a State, deadline: Timestamp) -> Option<Self> {
        let mut inner = state.lock();
        if deadline <= inner.now {
            return None;
        }
        inner.parked += 1;
        let moves = inner.moves;
        drop(inner);
        state.parked_changed.notify_all();
        Some(Self { state, moves })
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        let mut inner = self.state.lock();
        if inner.moves == self.moves {
            inner.parked -= 1;
        }
    }
}
