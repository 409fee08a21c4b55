//! The configuration: what the program asked for, and how a call site finds out.
//!
//! The [`Settings`] change under a lock, whenever a handler is installed or removed. Each change is published in two
//! forms: every call site that was called holds a [`Route`], one word that says what to do with a call; every group has
//! its [`Handlers`], which a thread takes without a lock when it has none cached for the route. Either form may be
//! newer than the other: a call then goes to the handlers before the change or to those after it, but to one of them,
//! and once.
//!
//! Scoped handlers belong to threads and change nothing here, except that the first of the program leaves no site
//! [off](Route::OFF).

mod linked;
mod published;
mod settings;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use self::published::HandlersByGroup;
pub(super) use self::settings::Settings;
use crate::aggregate::take_locks;
use crate::base::bound;
use crate::base::clock;
use crate::base::exit;
use crate::base::forks;
use crate::base::{inside, is_inside, lock};
use crate::handler::FlushFailures;
use crate::site::{Callsite, registry};
use crate::thread::Handlers;

static SETTINGS: LazyLock<Mutex<Settings>> = LazyLock::new(Mutex::default);

/// Installs the handlers that crates registered, unless that was done before.
fn ensure_linked() {
    linked::ensure(|made| {
        if made.is_empty() {
            return;
        }
        exit::flush_by(flush_quietly);
        drop(change(|settings| settings.add_linked(made)));
    });
}

/// Changes the settings and publishes them.
///
/// What it replaces is dropped after the lock is released, and so is what `change` takes out, which is returned.
pub(super) fn change<R>(change: impl FnOnce(&mut Settings) -> R) -> R {
    ensure_linked();
    // Before anything can be measured.
    clock::prepare();
    forks::take_locks_by(take_locks);
    let (taken, replaced) = {
        let mut settings = lock(&SETTINGS);
        let taken = change(&mut settings);
        (taken, settings.publish())
    };
    drop(replaced);
    taken
}

/// Publishes the settings anew, as a handler in them was switched off.
#[cold]
pub(crate) fn republish() {
    change(|_| ());
}

/// Flushes every installed handler, and adds up what they fail with.
pub(crate) fn flush(failures: &mut FlushFailures) {
    ensure_linked();
    let handlers = lock(&SETTINGS).handlers();
    bound::with_shared_start(|| handlers.iter().for_each(|handler| failures.add(handler.flush())));
    if inside(|| HandlersByGroup::published().have_one_off()) {
        republish();
    }
}

/// Flushes every installed handler at the end of the process. Nobody can act on an error anymore, and handlers count
/// their losses themselves.
pub(super) fn flush_quietly() {
    flush(&mut FlushFailures::default());
}

/// Has every call look for a scoped handler of its thread, from now on.
///
/// The first scope of the program rewrites the routes of its call sites. They stay that way: scopes come and go, often
/// one per request, and a call that finds none costs little (`prof-bench overhead`).
pub(crate) fn look_for_scopes() {
    static LOOKED_FOR: AtomicBool = AtomicBool::new(false);
    if LOOKED_FOR.load(Ordering::Acquire) {
        return;
    }
    change(Settings::look_for_scopes);
    // Not before: a thread that finds it set relies on the routes.
    LOOKED_FOR.store(true, Ordering::Release);
}

/// Finds the route of a site that is called for the first time, and keeps it up to date from now on.
#[cold]
pub(crate) fn resolve(site: &'static Callsite) {
    if is_inside() {
        // From within the runtime, such as an annotated allocator: left for the next call.
        return;
    }
    ensure_linked();
    let mut settings = lock(&SETTINGS);
    registry::list(site);
    if !site.is_known() {
        settings.introduce(site);
    }
    settings.publish_to(site);
}

/// The handlers of a site that is resolved.
pub(crate) fn handlers_of_site(site: &Callsite) -> Arc<Handlers> {
    // A thread's first look allocates.
    inside(|| Arc::clone(HandlersByGroup::published().of_slot(site.group_slot())))
}

/// The handlers of a group.
pub(crate) fn handlers(group: &str) -> Arc<Handlers> {
    ensure_linked();
    inside(|| Arc::clone(HandlersByGroup::published().of_group(group)))
}
