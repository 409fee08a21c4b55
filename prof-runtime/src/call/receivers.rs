//! Which handlers receive a call that begins.

use crate::base::{is_inside, is_scoped};
use crate::config::route;
use crate::site::{Callsite, Route};

/// The handlers that receive a call that begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receivers {
    /// No handler.
    None,
    /// The handlers of the site.
    Handlers,
    /// The scoped handler of this thread.
    Scope,
}

/// Returns whether no handler receives a call of `site` that begins on this thread, because the site is measured in
/// scopes only, and the thread has none.
///
/// The slow paths check this first and do the rest by a tail call: once a program has opened a scope, every call of a
/// site without handlers takes them.
#[inline(always)]
pub(super) fn is_for_other_threads(site: &'static Callsite) -> bool {
    // In this order, so that only the site is kept in a register while the thread-local is accessed.
    !is_scoped() && site.route() == Route::SCOPED_ONLY
}

/// Which handlers receive a call of `site` that begins on this thread. For calls without a cached site state.
#[inline]
pub(crate) fn receivers(site: &'static Callsite) -> Receivers {
    if is_inside() {
        return Receivers::None;
    }
    if site.route_with_slots() == Route::UNRESOLVED {
        route::resolve(site);
    }
    if is_scoped() {
        return Receivers::Scope;
    }
    match site.route() {
        Route::OFF | Route::SCOPED_ONLY => Receivers::None,
        _ => Receivers::Handlers,
    }
}
