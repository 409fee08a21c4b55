//! A value under a lock, with threads that wait for it to change. Every wait on a condition goes through this file.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::sync::{Condvar, Mutex, MutexGuard};
use crate::time::{Clock, Sleep, Sleeper, Timestamp};

/// A value under a lock that wakes its waiters after each change.
///
/// No waiter misses a change made through [`update`](Signalled::update): it checks the value and goes to sleep under
/// the lock that the change takes. The loom models at the end of this file check that.
pub(crate) struct Signalled<T> {
    /// Deadlines of waits count on this clock.
    clock: Clock,
    /// Protects the value, and a waiter's step from "checked" to "asleep".
    value: Mutex<T>,
    /// Notified after each change of `value`.
    changed: Condvar,
}

impl<T> Signalled<T> {
    /// Returns a signaled value whose waits count on the monotonic clock.
    pub(crate) fn new(value: T) -> Self {
        Self { clock: Clock::monotonic(), value: Mutex::new(value), changed: Condvar::new() }
    }

    /// Changes the value and wakes all waiters.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Reads the value. Wakes no thread.
    pub(crate) fn peek<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.lock())
    }

    /// Waits without a limit until `ready` returns a value. `ready` runs under the lock.
    pub(crate) fn wait<R>(&self, mut ready: impl FnMut(&mut T) -> Option<R>) -> R {
        let mut value = self.lock();
        loop {
            if let Some(result) = ready(&mut value) {
                return result;
            }
            value = self.changed.wait(value).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until `ready` returns a value. Returns none if the clock reaches `deadline` first.
    ///
    /// `ready` runs under the lock and may take things out of the value. It runs before the first look at the clock, so
    /// that a value that is ready is never reported as late.
    pub(crate) fn wait_until<R>(&self, deadline: Timestamp, mut ready: impl FnMut(&mut T) -> Option<R>) -> Option<R> {
        let mut value = self.lock();
        loop {
            if let Some(result) = ready(&mut value) {
                return Some(result);
            }
            // `sleep` counts as a parked thread of a mock clock until the end of this turn.
            let sleep = self.clock.sleep_until(deadline);
            value = match &sleep {
                Sleep::Over => return None,
                Sleep::AtMost(limit) => {
                    self.changed.wait_timeout(value, *limit).unwrap_or_else(PoisonError::into_inner).0
                }
                Sleep::UntilWoken(_) => self.changed.wait(value).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Waits until `ready` returns a value, at most `limit` from now. See [`wait_until`](Self::wait_until).
    pub(crate) fn wait_for<R>(&self, limit: Duration, ready: impl FnMut(&mut T) -> Option<R>) -> Option<R> {
        self.wait_until(self.clock.now().after(limit), ready)
    }

    /// Takes the lock. The closures that run under it cannot leave a broken value behind, so a poisoned lock is fine.
    fn lock(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> Signalled<T> {
    /// Returns a signaled value whose waits count on `clock`. A mock clock wakes the waiters when its time moves.
    pub(crate) fn with_clock(value: T, clock: &Clock) -> Arc<Self> {
        let signaled = Arc::new(Self { clock: clock.clone(), ..Self::new(value) });
        clock.wake_on_move(&signaled);
        signaled
    }
}

impl<T: Send> Sleeper for Signalled<T> {
    fn wake(&self) {
        self.update(|_| ());
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::Signalled;
    use loom::sync::Arc;

    #[test]
    fn a_wake_is_never_lost() {
        loom::model(|| {
            let signalled = Arc::new(Signalled::new(false));
            let waker = Arc::clone(&signaled);
            let thread = loom::thread::spawn(move || waker.update(|woken| *woken = true));
            // With no timeout, a lost wake would be a deadlock, which loom reports.
            assert!(signaled.wait(|woken| woken.then_some(true)));
            thread.join().unwrap();
        });
    }

    /// The stop of a watchdog: a flag in one value, and a wake that lasts until taken in another.
    #[test]
    fn a_stop_ends_a_thread_on_its_way_to_sleep() {
        loom::model(|| {
            let stopping = Arc::new(Signalled::new(false));
            let woken = Arc::new(Signalled::new(false));
            let (flag, sleep) = (Arc::clone(&stopping), Arc::clone(&woken));
            let thread = loom::thread::spawn(move || {
                while !flag.peek(|stopping| *stopping) {
                    sleep.wait(|woken| std::mem::take(woken).then_some(()));
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
            let items = Arc::new(Signalled::new(vec![1_u8]));
            let other = Arc::clone(&items);
            let thread = loom::thread::spawn(move || other.update(Vec::pop));
            let first = items.update(Vec::pop);
            let second = thread.join().unwrap();
            assert_eq!(first.is_some(), second.is_none());
        });
    }
}
