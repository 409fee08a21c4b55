//! The guard of a scope of one thread.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::time::Duration;

use super::attach;
use super::frame::{Entry, NEVER, Scope};
use super::slot::At;
use crate::time::nanos;

/// Watches a scope until the drop of the result: if it takes longer than `timeout`, the watcher reports it.
///
/// Scopes nest: the limit of an inner scope never hides that of an outer one. Without a watcher the guard costs the
/// same and nobody looks. In the last moments of a thread, when its thread-local values are gone, this succeeds and
/// does nothing.
///
/// Takes no lock, makes no system call, and allocates only at a thread's first use (and when it nests deeper than 16
/// for the first time).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::hang;
///
/// fn load() -> u32 {
///     let scope = hang::watch(Duration::from_secs(5));
///     let mut sum = 0;
///     for part in 1..=3 {
///         sum += part;
///         scope.pet(); // Another five seconds, because this went well.
///     }
///     sum
/// }
/// assert_eq!(load(), 6);
/// ```
///
/// A guard stays on its thread:
///
/// ```compile_fail,E0277
/// fn is_send<T: Send>(_: T) {}
/// is_send(timer_watchdog::hang::watch(std::time::Duration::from_secs(5)));
/// ```
#[inline]
#[track_caller]
pub fn watch(timeout: Duration) -> Watch {
    acquire(None, timeout, Location::caller())
}

/// As [`watch`], for a scope with a name.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::hang::{self, Scope};
///
/// static COPY: Scope = Scope::new("copy");
/// let _scope = hang::watch_in(&COPY, Duration::from_secs(5));
/// ```
#[inline]
#[track_caller]
pub fn watch_in(scope: &'static Scope, timeout: Duration) -> Watch {
    acquire(Some(scope), timeout, Location::caller())
}

#[inline]
fn acquire(scope: Option<&'static Scope>, timeout: Duration, place: &'static Location<'static>) -> Watch {
    let at = attach::current().and_then(|slot| {
        let timeout_ns = nanos(timeout);
        slot.acquire(&Entry { deadline: slot.shared.base().saturating_add(timeout_ns), timeout_ns, place, scope })
    });
    Watch { at, left_ns: Cell::new(NEVER), stays_on_thread: PhantomData }
}

/// Watches a scope until dropped; see [`watch`].
///
/// Guards may be dropped in any order. The scope of a guard that is forgotten stays live, and is reported, until the
/// thread ends.
#[must_use = "the scope is watched until this value is dropped"]
pub struct Watch {
    /// None if the thread has no room for the scope.
    at: Option<At>,
    /// The remaining time in nanoseconds while paused, else [`NEVER`].
    left_ns: Cell<u64>,
    stays_on_thread: PhantomData<*const ()>,
}

impl Watch {
    /// Gives the scope its whole timeout again, from now. While paused, from the resume.
    #[inline]
    pub fn pet(&self) {
        let Some(at) = self.live() else {
            return;
        };
        let timeout_ns = at.frame.timeout_ns();
        if self.is_paused() {
            self.left_ns.set(timeout_ns.min(NEVER - 1));
        } else {
            at.frame.set_deadline(at.slot.shared.base().saturating_add(timeout_ns));
        }
    }

    /// Stops the scope's time, for a wait of any length. A second pause does nothing.
    ///
    /// The time of outer scopes continues.
    pub fn pause(&self) {
        let Some(at) = self.live() else {
            return;
        };
        if !self.is_paused() {
            let left = at.frame.deadline().saturating_sub(at.slot.shared.base());
            self.left_ns.set(left);
            at.frame.set_deadline(NEVER);
        }
    }

    /// Continues the scope's time with the rest of it. Without a pause, does nothing.
    pub fn resume(&self) {
        let left = self.left_ns.replace(NEVER);
        if left != NEVER
            && let Some(at) = self.live()
        {
            at.frame.set_deadline(at.slot.shared.base().saturating_add(left));
        }
    }

    #[inline]
    fn is_paused(&self) -> bool {
        self.left_ns.get() != NEVER
    }

    /// Returns whether a watcher would see the scope.
    pub fn is_live(&self) -> bool {
        self.live().is_some()
    }

    /// Returns the place of the scope, unless the scope ended with its thread.
    #[inline]
    fn live(&self) -> Option<&At> {
        self.at.as_ref().filter(|at| at.frame.has(at.ticket))
    }
}

impl Drop for Watch {
    #[inline]
    fn drop(&mut self) {
        if let Some(at) = &self.at {
            at.slot.release(at);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("is_live", &self.is_live())
            .field("is_paused", &self.is_paused())
            .finish_non_exhaustive()
    }
}
