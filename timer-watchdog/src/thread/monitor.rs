//! A state, its lock and its condition: every wait in this crate happens here.

use std::sync::PoisonError;
use std::time::Duration;

use crate::thread::sync::{Condvar, Mutex, MutexGuard};

/// How long a waiter may sleep before it looks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sleep {
    /// The time to wait is over.
    Passed,
    /// At most this long.
    For(Duration),
    /// Until somebody changes the state.
    Unbounded,
}

/// A value under a lock, with waiters that look again after each change.
///
/// A change made through [`update`](Monitor::update) cannot be missed: a waiter checks and goes to sleep under the
/// same lock that the change takes. The loom model at the end of this file checks that.
pub(crate) struct Monitor<T> {
    /// Protects the state, and the step from "checked" to "asleep".
    state: Mutex<T>,
    /// Signalled after each change of `state`.
    changed: Condvar,
}

impl<T> Monitor<T> {
    /// Returns a monitor of `state`.
    pub(crate) fn new(state: T) -> Self {
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Changes the state and wakes all waiters.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Looks at the state, waking nobody.
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock())
    }

    /// Waits until `ready` returns a value, or until `sleep` says that the time has passed.
    ///
    /// `ready` goes first, so that a state which is ready already is never reported as too late. It may take
    /// things out of the state. Both closures run under the lock.
    pub(crate) fn wait<R>(
        &self,
        mut ready: impl FnMut(&mut T) -> Option<R>,
        mut sleep: impl FnMut() -> Sleep,
    ) -> Option<R> {
        let mut state = self.lock();
        loop {
            if let Some(result) = ready(&mut state) {
                return Some(result);
            }
            state = match sleep() {
                Sleep::Passed => return None,
                Sleep::For(at_most) => self.sleep_for(state, at_most),
                Sleep::Unbounded => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn sleep_for<'a>(&self, state: MutexGuard<'a, T>, at_most: Duration) -> MutexGuard<'a, T> {
        self.changed.wait_timeout(state, at_most).unwrap_or_else(PoisonError::into_inner).0
    }

    /// A panic under this lock leaves a state that is still whole: nothing here runs user code under it.
    fn lock(&self) -> MutexGuard<'_, T> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the waiters of a monitor without changing its state; a mock clock does so when its time moves.
pub(crate) trait Nudge: Send + Sync {
    /// Makes each waiter look again.
    fn nudge(&self);
}

impl<T: Send> Nudge for Monitor<T> {
    fn nudge(&self) {
        self.update(|_| ());
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::{Monitor, Sleep};
    use loom::sync::Arc;

    #[test]
    fn a_wake_is_never_lost() {
        loom::model(|| {
            let monitor = Arc::new(Monitor::new(false));
            let waker = Arc::clone(&monitor);
            let thread = loom::thread::spawn(move || waker.update(|woken| *woken = true));
            // With no timeout, a lost wake would be a deadlock, which loom reports.
            let woken = monitor.wait(|woken| woken.then_some(true), || Sleep::Unbounded);
            assert_eq!(woken, Some(true));
            thread.join().unwrap();
        });
    }

    /// The stop of a watchdog: a flag in one place, and a wake that lasts until taken in another.
    #[test]
    fn a_stop_ends_a_thread_on_its_way_to_sleep() {
        loom::model(|| {
            let stopping = Arc::new(Monitor::new(false));
            let woken = Arc::new(Monitor::new(false));
            let (flag, sleep) = (Arc::clone(&stopping), Arc::clone(&woken));
            let thread = loom::thread::spawn(move || {
                while !flag.peek(|stopping| *stopping) {
                    sleep.wait(|woken| std::mem::take(woken).then_some(()), || Sleep::Unbounded);
                }
            });
            stopping.update(|stopping| *stopping = true);
            woken.update(|woken| *woken = true);
            thread.join().unwrap();
        });
    }

    #[test]
    fn one_of_two_takers_gets_an_item() {
        loom::model(|| {
            let monitor = Arc::new(Monitor::new(vec![1_u8]));
            let other = Arc::clone(&monitor);
            let thread = loom::thread::spawn(move || other.update(Vec::pop));
            let here = monitor.update(Vec::pop);
            let there = thread.join().unwrap();
            assert_eq!(here.is_some(), there.is_none());
        });
    }
}
