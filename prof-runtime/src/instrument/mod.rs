//! Counters and gauges that a program declares once and changes often. Uses the rooms from `base` to `call`.
//!
//! An instrument is bound to its handlers as an annotated function is: its static is a [`Callsite`], which has a route,
//! and of which each thread keeps its share of an aggregator. So it needs no look-up by name, no lock and no locked
//! instruction that threads share.

mod counter;
mod gauge;

pub use self::counter::Counter;
pub use self::gauge::Gauge;
use crate::call::{self, Receivers, Report};
use crate::site::Callsite;
use crate::thread;

/// Reports to the handlers that the site is not bound to on this thread.
#[cold]
#[inline(never)]
fn report_slowly(site: &'static Callsite, change: impl Report) {
    match call::receivers(site) {
        Receivers::None => {}
        Receivers::Scope => call::report_scoped(site, change),
        Receivers::Handlers => {
            let is_reported = thread::find_unparked(site, |state| call::report(state, change))
                .or_else(|| thread::add(site, |state| call::report(state, change)));
            if is_reported.is_none() {
                // The thread is ending, and keeps nothing any more.
                call::report_slowly(site, change);
            }
        }
    }
}
