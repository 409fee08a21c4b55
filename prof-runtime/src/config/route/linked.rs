//! Makes the handlers that crates registered at link time, when the configuration is first needed.
//!
//! Their expressions are the user's code: they may configure, flush, open scopes or call annotated functions. No lock
//! of ours is held while they are evaluated. Other threads wait meanwhile, so that handlers miss no call, but not for
//! ever: an expression may in turn wait for one of them.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::clock;
use crate::base::inside;
use crate::base::panics::caught;
use crate::base::stderr;
use crate::handler::{FanoutHandler, GuardedHandler, LinkedHandler, Place};

/// How long a thread waits for another one that makes the handlers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Nothing is left to make. Set after the handlers were installed.
static IS_MADE: AtomicBool = AtomicBool::new(false);

static STATE: Mutex<State> = Mutex::new(State::Unmade);
static CHANGED: Condvar = Condvar::new();

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unmade,
    /// By some thread, for which the others wait.
    Making,
    /// It took too long: threads wait no longer.
    Late,
    Made,
}

thread_local! {
    /// This thread is the one that makes them.
    static IS_MAKING: Cell<bool> = const { Cell::new(false) };
}

/// The handlers of a group, or of everything.
pub(super) type Made = (Option<&'static str>, Arc<GuardedHandler>);

/// Makes the handlers and hands them to `install`, if that was not done yet. To be called before the configuration is
/// looked at, without its lock.
#[inline]
pub(super) fn ensure(install: fn(Vec<Made>)) {
    if !IS_MADE.load(Ordering::Acquire) && !IS_MAKING.get() {
        make_or_wait(install);
    }
}

#[cold]
fn make_or_wait(install: fn(Vec<Made>)) {
    // What a lock or a wait allocates is not measured.
    if !inside(take_turn) {
        return;
    }
    IS_MAKING.set(true);
    install(make(inventory::iter::<LinkedHandler>));
    IS_MAKING.set(false);
    inside(|| *lock() = State::Made);
    IS_MADE.store(true, Ordering::Release);
    CHANGED.notify_all();
}

/// Returns whether this thread is the one to make them; waits for the one that is.
fn take_turn() -> bool {
    let mut state = lock();
    match *state {
        State::Unmade => *state = State::Making,
        State::Making => {
            wait(state);
            return false;
        }
        State::Late | State::Made => return false,
    }
    true
}

fn wait(state: MutexGuard<'_, State>) {
    let waited = CHANGED.wait_timeout_while(state, PATIENCE, |state| *state == State::Making);
    let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
    if *state == State::Making {
        *state = State::Late;
        drop(state);
        stderr::line(format_args!(
            "prof: the handlers of `register_handler!` are not made after {PATIENCE:?}: until they are, calls go without them"
        ));
    }
}

#[allow(clippy::disallowed_methods)] // `lock` of the threads has no guard that can be waited with; callers are inside.
fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn make(handlers: impl IntoIterator<Item = &'static LinkedHandler>) -> Vec<Made> {
    let mut groups: HashMap<Option<&'static str>, FanoutHandler> = HashMap::new();
    for linked in handlers {
        // Before anything can be measured: threads keep what the clock is like when they begin.
        clock::prepare();
        let Some(handler) = inside(|| caught(linked.make)) else {
            let location = linked.location;
            stderr::line(format_args!("prof: the handler registered at {location} panicked when it was made"));
            continue;
        };
        let fanout = groups.remove(&linked.group).unwrap_or_default();
        let installed = GuardedHandler::at(Place::Registered(linked.location), handler);
        groups.insert(linked.group, fanout.with_installed(installed));
    }
    groups.into_iter().map(|(group, fanout)| (group, GuardedHandler::new(Arc::new(fanout)))).collect()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::handler::MemoryHandler;

    /// Set for the process in which nothing else has prepared the clock.
    const CHILD: &str = "PROF_TEST_LINKED";

    #[test]
    fn a_program_with_linked_handlers_alone_has_the_fast_clock() {
        if std::env::var_os(CHILD).is_some() {
            static LINKED: LinkedHandler = LinkedHandler::new(None, || Arc::new(MemoryHandler::new()), "here");
            assert_eq!(make([]).len(), 0);
            assert!(!clock::is_prepared(), "who has no handlers does not wait for the clock");
            assert_eq!(make([&LINKED]).len(), 1);
            assert!(clock::is_prepared());
            return;
        }
        let name = concat!(module_path!(), "::a_program_with_linked_handlers_alone_has_the_fast_clock");
        let (_crate, name) = name.split_once("::").unwrap();
        let program = std::env::current_exe().unwrap();
        let child = Command::new(program).args(["--exact", name]).env(CHILD, "1").output().unwrap();
        assert!(child.status.success() && String::from_utf8_lossy(&child.stdout).contains("1 passed"), "{child:?}");
    }
}
