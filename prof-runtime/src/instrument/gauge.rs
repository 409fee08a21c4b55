//! A number that goes up and down.

use std::fmt;

use crate::base::{is_inside, is_scoped};
use crate::config::{dispatch, route, scope};
use crate::model::{MetricData, MetricValue};
use crate::site::{Callsite, GaugeCells, Route};

/// A number that goes up and down, such as of open connections. [`gauge!`](crate::gauge!) makes one.
///
/// A gauge has one value in the whole program. It keeps the value even if no handler receives it, so that a handler
/// that is configured later finds it. Of several threads that [`set`](Self::set) a gauge, the last one wins. An
/// [`add`](Self::add) or [`sub`](Self::sub) of another thread is never lost; one that happens at the same time as a
/// `set` counts before or after it.
///
/// A snapshot of an [`Aggregator`](crate::Aggregator) that receives the group has the value at its moment, as one data
/// point. Other handlers, and scoped ones, receive a data point with the new value for each change.
///
/// # Examples
///
/// ```
/// use prof_runtime::{Aggregator, Gauge, configure_group, gauge};
///
/// static OPEN: Gauge = gauge!("connections.open", "server");
///
/// OPEN.set(7);
/// OPEN.add(3);
/// std::thread::spawn(|| OPEN.sub(2)).join().unwrap();
/// assert_eq!(OPEN.value(), 8.0);
///
/// let aggregator = Aggregator::new();
/// configure_group("server", aggregator.clone());
/// assert_eq!(aggregator.snapshot().value("connections.open").unwrap().last.as_f64(), 8.0);
/// ```
#[derive(Clone, Copy)]
pub struct Gauge {
    site: &'static Callsite,
    cells: &'static GaugeCells,
}

impl Gauge {
    /// Not public API: what [`gauge!`](crate::gauge!) calls.
    #[doc(hidden)]
    pub const fn at(site: &'static Callsite, cells: &'static GaugeCells) -> Self {
        Self { site, cells }
    }

    /// Sets the value; a duration in milliseconds.
    ///
    /// It is exact unless additions came before it, which leave a whole number exact up to 2^53.
    #[inline]
    pub fn set(self, value: impl Into<MetricValue>) {
        self.cells.set(value.into().as_f64());
        self.report();
    }

    /// Adds `by`, which may be negative.
    #[inline]
    pub fn add(self, by: i64) {
        self.cells.add(by);
        self.report();
    }

    /// Subtracts `by`, which may be negative.
    #[inline]
    pub fn sub(self, by: i64) {
        self.add(by.wrapping_neg());
    }

    /// Returns the value; 0 before the first change.
    pub fn value(&self) -> f64 {
        self.cells.value()
    }

    /// Returns the name.
    pub fn name(&self) -> &'static str {
        self.site.name()
    }

    /// Returns the group.
    pub fn group(&self) -> &'static str {
        self.site.group()
    }

    /// Passes the value to handlers that do not read it themselves.
    #[inline]
    fn report(self) {
        let route = self.site.route();
        if route != Route::OFF && (!route.is_to_aggregator() || is_scoped()) {
            self.emit();
        }
    }

    #[cold]
    #[inline(never)]
    fn emit(self) {
        if is_inside() {
            return;
        }
        if self.site.route_with_slots() == Route::UNRESOLVED {
            route::resolve(self.site);
        }
        let data = || MetricData::new(self.group(), self.name(), MetricValue::Gauge(self.value()));
        if let Some(scoped) = scope::current() {
            dispatch::to(&scoped, |handler| handler.emit(&data()));
            return;
        }
        let target = route::handlers_of_site(self.site);
        if target.has_others() {
            let data = data();
            dispatch::handlers(&target, |handler| handler.emit(&data));
        }
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Gauge");
        debug.field("name", &self.name()).field("group", &self.group()).field("value", &self.value());
        debug.finish_non_exhaustive()
    }
}

/// Makes a [`Gauge`](crate::Gauge) in the group of the crate that this is written in: `gauge!("connections.open")`. A
/// second argument names another group.
///
/// Name and group are constants. It stands where a static gets its value; each place is a gauge of its own.
#[macro_export]
macro_rules! gauge {
    ($name:expr $(,)?) => {
        $crate::gauge!($name, $crate::__private::crate_name($crate::__private::module_path!()))
    };
    ($name:expr, $group:expr $(,)?) => {{
        static __PROF_CELLS: $crate::__private::GaugeCells = $crate::__private::GaugeCells::new();
        static __PROF_SITE: $crate::__private::Callsite = $crate::__private::instrument(
            $name,
            $group,
            $crate::__private::Instrument::Gauge(&__PROF_CELLS),
            $crate::__private::module_path!(),
        );
        $crate::__private::list!(__PROF_SITE);
        $crate::Gauge::at(&__PROF_SITE, &__PROF_CELLS)
    }};
}
