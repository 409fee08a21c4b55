//! A call in progress: the hot path.
//!
//! Only [`enter`] and the test whether a call is measured are inlined into the annotated function; with nothing
//! listening, that is all that runs. The rest is one function call at either end.

use std::mem;

use crate::callsite::Callsite;
use crate::clock;
use crate::dispatch;
use crate::local;
use crate::outcome::Outcome;
use crate::route::{self, Route};

/// When a call began, and how: the clock's reading, shifted to make room for two flags; 0 if it is not measured.
#[derive(Clone, Copy)]
struct Start(u64);

impl Start {
    const UNMEASURED: Self = Self(0);
    /// Tells a measured call that began at 0 from one that is not measured.
    const MEASURED: u64 = 1;
    /// For a function: the thread was unwinding when it was called. For a future: it is being polled.
    const MARKED: u64 = 2;

    /// Two bits of 64 are lost: at 5 GHz, a counter lasts for 29 years.
    fn at(ticks: u64, is_marked: bool) -> Self {
        Self(ticks << 2 | Self::MEASURED | if is_marked { Self::MARKED } else { 0 })
    }

    fn ticks(self) -> u64 {
        self.0 >> 2
    }

    #[inline(always)]
    fn is_measured(self) -> bool {
        self.0 != 0
    }

    fn is_marked(self) -> bool {
        self.0 & Self::MARKED != 0
    }

    /// Marks or unmarks a measured call; one that is not measured stays so.
    #[inline(always)]
    fn mark(&mut self, marked: bool) {
        let mark = (self.0 & Self::MEASURED) << 1;
        self.0 = if marked { self.0 | mark } else { self.0 & !Self::MARKED };
    }
}

/// Begins a call of an annotated function.
#[inline(always)]
pub(crate) fn enter(site: &'static Callsite) -> Call {
    let start = match site.route() {
        Route::OFF => Start::UNMEASURED,
        _ => begin(site, None),
    };
    Call { site, start }
}

/// Counts the call and reads the clock, last.
#[inline(never)]
fn begin(site: &'static Callsite, marked: Option<bool>) -> Start {
    if site.route() == Route::UNRESOLVED && route::resolve(site) == Route::OFF {
        return Start::UNMEASURED;
    }
    if !local::begin(site) {
        return Start::UNMEASURED;
    }
    let marked = marked.unwrap_or_else(std::thread::panicking);
    Start::at(clock::ticks(), marked)
}

/// Reads the clock, first, and reports the call to whoever listens by now.
#[inline(never)]
fn end(site: &'static Callsite, start: Start, outcome: Outcome) {
    let end_ticks = clock::ticks();
    let duration_ns = clock::span_ns(start.ticks(), end_ticks);
    let route = site.route();
    let aggregator = route.aggregator();
    if local::end(site, aggregator, |stats| stats.record(outcome, duration_ns)) {
        return;
    }
    match aggregator {
        _ if route == Route::OFF => {}
        // The handlers may have changed since the route was read, in which case they decide.
        Some(id) => match site.target().as_ref().and_then(|target| target.aggregator(id)) {
            Some(aggregator) => aggregator.record(site, outcome, duration_ns),
            None => dispatch::call(site, outcome, end_ticks, duration_ns),
        },
        None => dispatch::call(site, outcome, end_ticks, duration_ns),
    }
}

/// A call in progress. Dropped without being finished, it was left early or unwound.
#[derive(Debug)]
#[must_use]
pub struct Call {
    site: &'static Callsite,
    start: Start,
}

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start").field("ticks", &self.ticks()).field("is_measured", &self.is_measured()).finish()
    }
}

impl Call {
    /// Finishes the call; `outcome` is only asked for if anyone listens.
    #[inline(always)]
    pub(crate) fn finish(self, outcome: impl FnOnce() -> Outcome) {
        let Self { site, start } = self;
        if start.is_measured() {
            let outcome = outcome();
            mem::forget(self);
            end(site, start, outcome);
        } else {
            mem::forget(self);
        }
    }

    pub(crate) fn is_measured(&self) -> bool {
        self.start.is_measured()
    }

    /// Ends the call as if it had not been made, and returns its site.
    pub(crate) fn discard(self) -> &'static Callsite {
        let Self { site, start } = self;
        mem::forget(self);
        if start.is_measured() {
            local::end(site, None, |_| {});
        }
        site
    }
}

impl Drop for Call {
    #[inline(always)]
    fn drop(&mut self) {
        if self.start.is_measured() {
            abandoned(self.site, self.start);
        }
    }
}

/// A plain function that returned early succeeded; one that unwinds did not. A thread that was unwinding already, and
/// runs the function in a destructor, can only be told to have returned: a panic in there would have to be caught before
/// it left the destructor.
#[inline(never)]
fn abandoned(site: &'static Callsite, start: Start) {
    let unwinds = std::thread::panicking() && !start.is_marked();
    end(site, start, if unwinds { Outcome::Panic } else { Outcome::Success });
}

/// A call of a future in progress. Dropped without being finished, it unwound if it was being polled, and was cancelled
/// if it was not.
#[derive(Debug)]
pub(crate) struct AsyncCall {
    site: &'static Callsite,
    start: Start,
}

impl AsyncCall {
    /// A call that has not begun.
    pub(crate) fn idle(site: &'static Callsite) -> Self {
        Self { site, start: Start::UNMEASURED }
    }

    /// Begins the call.
    #[inline(always)]
    pub(crate) fn enter(site: &'static Callsite) -> Self {
        let mut call = Self::idle(site);
        call.begin();
        call
    }

    /// Begins a call that was idle.
    #[inline(always)]
    pub(crate) fn begin(&mut self) {
        if self.site.route() != Route::OFF {
            self.start = begin(self.site, Some(false));
        }
    }

    /// Says whether the future is being polled.
    #[inline(always)]
    pub(crate) fn set_polled(&mut self, is_polled: bool) {
        self.start.mark(is_polled);
    }

    /// Hands the call over to be finished.
    #[inline(always)]
    pub(crate) fn take(&mut self) -> Call {
        Call { site: self.site, start: mem::replace(&mut self.start, Start::UNMEASURED) }
    }
}

impl Drop for AsyncCall {
    #[inline(always)]
    fn drop(&mut self) {
        if self.start.is_measured() {
            dropped(self.site, self.start);
        }
    }
}

#[inline(never)]
fn dropped(site: &'static Callsite, start: Start) {
    end(site, start, if start.is_marked() { Outcome::Panic } else { Outcome::Cancelled });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregator::{Aggregator, FunctionStats};
    use crate::clock::mock;
    use crate::prof;
    use crate::scope::scoped;

    #[prof(name = "call.tests.take")]
    fn take(ticks: u64) {
        mock::set(mock::now() + ticks);
    }

    fn stats(aggregator: &Aggregator) -> FunctionStats {
        aggregator.snapshot().function("call.tests.take").unwrap().clone()
    }

    #[test]
    fn a_duration_is_what_the_clock_says() {
        mock::set(1 << 40);
        let aggregator = Aggregator::new();
        let _scope = scoped(aggregator.clone());
        take(250);
        take(750);
        let stats = stats(&aggregator);
        assert_eq!((stats.total_ns, stats.min_ns, stats.max_ns), (1000, Some(250), Some(750)));
        assert_eq!(stats.mean_ns(), Some(500));
    }

    #[test]
    fn a_clock_at_its_very_start_is_a_clock() {
        mock::set(0);
        let aggregator = Aggregator::new();
        let _scope = scoped(aggregator.clone());
        take(3);
        assert_eq!((stats(&aggregator).success, stats(&aggregator).total_ns), (1, 3));
    }

    #[test]
    fn marks_leave_the_reading_alone() {
        let mut start = Start::at(77, false);
        start.mark(true);
        assert!(start.is_marked());
        assert_eq!(start.ticks(), 77);
        start.mark(false);
        assert!(!start.is_marked() && start.is_measured());
        let mut unmeasured = Start::UNMEASURED;
        unmeasured.mark(true);
        assert!(!unmeasured.is_measured() && !unmeasured.is_marked());
    }
}
