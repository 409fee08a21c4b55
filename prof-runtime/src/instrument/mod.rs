//! Counters, gauges and distributions that a program declares once and changes often. Uses the rooms from `base` to
//! `call`.
//!
//! An instrument is bound to its handlers as an annotated function is: its static is a [`Callsite`], which has a route,
//! and of which each thread keeps its share of an aggregator. So it needs no look-up by name, no lock and no locked
//! instruction that threads share.

#![allow(unsafe_code)]

mod counter;
mod distribution;
mod gauge;

pub use self::counter::Counter;
pub use self::distribution::Distribution;
pub use self::gauge::Gauge;
use crate::call::{self, Receivers, Report};
use crate::counts::Stats;
use crate::site::Callsite;
use crate::thread;

/// Returns this thread's share of the aggregator that is the only handler of the site, if it is cached.
#[inline(always)]
fn cached_stats<'a>(site: &'static Callsite) -> Option<&'a Stats> {
    let state = thread::cached(site)?;
    // SAFETY: a site's state stays at its address for as long as the thread can run this, and so do its stats; callers
    // use them at once.
    unsafe { state.as_ref() }.stats_on(site.route())
}

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
                // The thread is ending, and keeps nothing anymore.
                call::report_slowly(site, change);
            }
        }
    }
}
