//! The guard of a scope that may move between threads, as that of a task does.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::attach;
use super::domain::{Domain, Shared};
use super::frame::{Entry, Frame, NEVER};
use crate::time::nanos;

/// The place of a scope that may move between threads.
#[derive(Debug)]
pub(crate) struct TaskSlot {
    pub(crate) frame: Frame,
    /// The id of the slot of the thread that polls the task. Zero if none does, [`NOT_A_TASK`] for plain guards.
    poller: AtomicU64,
    /// The time when the last poll began or ended, in nanoseconds of the domain's time. Zero before the first poll.
    polled_at: AtomicU64,
}

/// The value of [`TaskSlot::poller`] for guards that are not of tasks.
const NOT_A_TASK: u64 = u64::MAX;

/// What a task is doing, by its own marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marks {
    NotATask,
    NeverPolled,
    /// Since that time, on the thread with that slot.
    InPoll {
        since_ns: u64,
        slot_id: u64,
    },
    /// Since that time.
    BetweenPolls {
        since_ns: u64,
    },
}

impl TaskSlot {
    pub(super) fn new() -> Self {
        Self { frame: Frame::new(), poller: AtomicU64::new(NOT_A_TASK), polled_at: AtomicU64::new(0) }
    }

    /// Returns what the task is doing. The two words may be of different moments, which a report tolerates.
    pub(super) fn marks(&self) -> Marks {
        let since_ns = self.polled_at.load(Ordering::Acquire);
        match self.poller.load(Ordering::Acquire) {
            NOT_A_TASK => Marks::NotATask,
            0 if since_ns == 0 => Marks::NeverPolled,
            0 => Marks::BetweenPolls { since_ns },
            slot_id => Marks::InPoll { since_ns, slot_id },
        }
    }
}

/// Watches a scope that may move between threads, until the result is dropped.
///
/// As [`watch`](super::watch), but an acquire takes a lock and may allocate. Events name the scope's place and no
/// thread.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::hang;
///
/// let request = hang::watch_owned(Duration::from_secs(5));
/// std::thread::spawn(move || drop(request)).join().unwrap();
/// ```
#[track_caller]
pub fn watch_owned(timeout: Duration) -> OwnedWatch {
    OwnedWatch::acquire(timeout, NOT_A_TASK, Location::caller())
}

/// Watches a scope until dropped, on any thread; see [`watch_owned`].
#[must_use = "the scope is watched until this value is dropped"]
pub struct OwnedWatch {
    shared: &'static Shared,
    slot: &'static TaskSlot,
    ticket: u64,
    /// The remaining time in nanoseconds while paused, else [`NEVER`].
    left_ns: AtomicU64,
}

impl OwnedWatch {
    /// Returns the guard of a task that has not been polled.
    pub(super) fn for_task(timeout: Duration, place: &'static Location<'static>) -> Self {
        Self::acquire(timeout, 0, place)
    }

    fn acquire(timeout: Duration, poller: u64, place: &'static Location<'static>) -> Self {
        let shared = attach::current().map_or_else(|| Domain::global().shared(), |slot| slot.shared);
        let slot = shared.take_task_slot();
        slot.poller.store(poller, Ordering::Relaxed);
        slot.polled_at.store(0, Ordering::Relaxed);
        let timeout_ns = nanos(timeout);
        let entry = Entry { deadline: shared.base().saturating_add(timeout_ns), timeout_ns, place, scope: None };
        let ticket = slot.frame.publish(&entry);
        Self { shared, slot, ticket, left_ns: AtomicU64::new(NEVER) }
    }

    /// Gives the scope its whole timeout again, from now. While paused, from the resume.
    pub fn pet(&self) {
        let timeout_ns = self.slot.frame.timeout_ns();
        if self.left_ns.load(Ordering::Relaxed) == NEVER {
            let deadline = self.shared.base().saturating_add(timeout_ns);
            self.slot.frame.set_deadline(deadline);
        } else {
            self.left_ns.store(timeout_ns.min(NEVER - 1), Ordering::Relaxed);
        }
    }

    /// Stops the scope's time. A second pause does nothing.
    pub fn pause(&self) {
        let deadline = self.slot.frame.deadline();
        let left = deadline.saturating_sub(self.shared.base());
        let paused = self.left_ns.compare_exchange(NEVER, left, Ordering::Relaxed, Ordering::Relaxed);
        if paused.is_ok() {
            self.slot.frame.set_deadline(NEVER);
        }
    }

    /// Continues the scope's time with the rest of it. Without a pause, does nothing.
    pub fn resume(&self) {
        let left = self.left_ns.swap(NEVER, Ordering::Relaxed);
        if left != NEVER {
            let deadline = self.shared.base().saturating_add(left);
            self.slot.frame.set_deadline(deadline);
        }
    }

    /// Marks the task as polled by the calling thread, until the result is dropped.
    pub(super) fn begin_poll(&self) -> Poll<'_> {
        let slot_id = attach::in_domain(self.shared).map_or(NOT_A_TASK - 1, |slot| slot.id);
        self.slot.polled_at.store(self.shared.base(), Ordering::Release);
        self.slot.poller.store(slot_id, Ordering::Release);
        Poll(self)
    }
}

impl Drop for OwnedWatch {
    fn drop(&mut self) {
        self.slot.frame.clear(self.ticket);
        self.shared.give_task_slot_back(self.slot);
    }
}

impl fmt::Debug for OwnedWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedWatch").field("marks", &self.slot.marks()).finish_non_exhaustive()
    }
}

/// A poll in progress. Its drop marks the end, also when the poll panics.
#[derive(Debug)]
pub(super) struct Poll<'a>(&'a OwnedWatch);

impl Drop for Poll<'_> {
    fn drop(&mut self) {
        let slot = self.0.slot;
        slot.polled_at.store(self.0.shared.base(), Ordering::Release);
        slot.poller.store(0, Ordering::Release);
    }
}
