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
