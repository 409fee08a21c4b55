//! The static record of an annotated function.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::base::sync;
use crate::base::table::home_slot;
use crate::model::{Objective, Outcome, metric_name};
use crate::site::registry::{self, Link};
use crate::site::{GaugeCells, Route};

/// The static record of an annotated function: its name, its place, and the route of its calls.
///
/// The attribute declares one per function, also for a generic function. [`callsites`] lists all that are linked into
/// the program, called or not.
pub struct Callsite {
    /// The function's own name, without `r#`.
    function: &'static str,
    /// The type name of an item inside the function.
    path: fn() -> &'static str,
    module_path: &'static str,
    file: &'static str,
    line: u32,
    given_name: Option<&'static str>,
    given_group: Option<&'static str>,
    /// One call in `sample` is timed; 1 if all are.
    sample: u32,
    /// Empty if none was declared.
    objective: Objective,
    /// `None` for an annotated function.
    instrument: Option<Instrument>,
    /// The word of the [`Route`]. Every call reads it, and a change of handlers writes it.
    route: AtomicU64,
    /// The slot of the site's group in the configuration. The first call sets it, under the configuration's lock.
    group_slot: AtomicU32,
    /// The home slot of the site in the tables of threads. The first call sets it, under the configuration's lock.
    slot: AtomicU32,
    /// Whether the configuration knows the site. Used under the configuration's lock only.
    is_known: AtomicBool,
    link: Link,
    /// Computed when first asked for.
    name: OnceLock<String>,
    /// Computed when a handler first asks for data points.
    metric_names: OnceLock<MetricNames>,
}

/// Not public API: the kind of a site that is no annotated function.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Instrument {
    /// A [`Counter`](crate::Counter).
    Counter,
    /// A [`Distribution`](crate::Distribution).
    Distribution,
    /// A [`Gauge`](crate::Gauge), and where its value is.
    Gauge(&'static GaugeCells),
}

/// The names of the data points of one function, in the order of [`Outcome::ALL`], and that of its duration.
struct MetricNames {
    outcomes: [String; 4],
    duration: String,
}

impl Callsite {
    /// Not public API: called by the code that the attribute generates.
    #[doc(hidden)]
    pub const fn new(
        function: &'static str,
        path: fn() -> &'static str,
        module_path: &'static str,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self {
            function,
            path,
            module_path,
            file,
            line,
            given_name: None,
            given_group: None,
            sample: 1,
            objective: Objective::new(),
            instrument: None,
            route: AtomicU64::new(Route::UNRESOLVED.word()),
            group_slot: AtomicU32::new(0),
            slot: AtomicU32::new(0),
            is_known: AtomicBool::new(false),
            link: Link::new(),
            name: OnceLock::new(),
            metric_names: OnceLock::new(),
        }
    }

    /// Not public API: called by the code that the attribute generates.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_name(mut self, name: &'static str) -> Self {
        self.given_name = Some(name);
        self
    }

    /// Not public API: called by the code that the attribute generates.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_group(mut self, group: &'static str) -> Self {
        self.given_group = Some(group);
        self
    }

    /// Not public API: called by the code that the attribute generates.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_sample(mut self, sample: u32) -> Self {
        assert!(sample > 0, "`sample` must be 1 or more: one call in so many is timed");
        self.sample = sample;
        self
    }

    /// Not public API: called by the code that the attribute generates.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_objective(mut self, objective: Objective) -> Self {
        self.objective = objective;
        self
    }

    /// Not public API: called by the code that the macros for instruments generate.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_instrument(mut self, instrument: Instrument) -> Self {
        self.instrument = Some(instrument);
        self
    }

    /// Returns the kind of instrument; `None` for an annotated function.
    pub(crate) fn instrument(&self) -> Option<Instrument> {
        self.instrument
    }

    /// Returns the name of the function's metrics, such as `Store.load`: the attribute's `name`, else
    /// `Type.method`, `Trait.method` for a default method, `module.function` or `outer.inner`.
    pub fn name(&self) -> &str {
        match self.given_name {
            Some(name) => name,
            None => self.name.get_or_init(|| metric_name((self.path)(), self.function)),
        }
    }

    /// Returns the group: the attribute's `group`, else the name of the crate that the function is in.
    pub const fn group(&self) -> &'static str {
        match self.given_group {
            Some(group) => group,
            None => crate_name(self.module_path),
        }
    }

    /// Returns the attribute's `sample`, N: one call in N is timed, chosen at random; 1 if all are.
    pub const fn sample(&self) -> u32 {
        self.sample
    }

    /// Returns the attribute's `objective`, else that of the block around the function; `None` without either.
    pub fn objective(&self) -> Option<Objective> {
        (!self.objective.is_empty()).then_some(self.objective)
    }

    /// Returns the module that the function is in, as `module_path!()` gives it.
    pub const fn module_path(&self) -> &'static str {
        self.module_path
    }

    /// Returns the source file that the function is in, as `file!()` gives it.
    pub const fn file(&self) -> &'static str {
        self.file
    }

    /// Returns the line of the function's name in its file, counted from 1.
    pub const fn line(&self) -> u32 {
        self.line
    }

    /// The name of the data point for `outcome`: `NAME.success`, `NAME.failure` or `NAME.cancelled`.
    pub(crate) fn outcome_name(&self, outcome: Outcome) -> &str {
        &self.metric_names().outcomes[outcome.index()]
    }

    /// The name of the data point for the duration: `NAME.duration.ms`.
    pub(crate) fn duration_name(&self) -> &str {
        &self.metric_names().duration
    }

    fn metric_names(&self) -> &MetricNames {
        self.metric_names.get_or_init(|| {
            let name = self.name();
            let outcomes = Outcome::ALL.map(|outcome| match outcome {
                // Data points tell success and failure only; the record of the call tells a panic.
                Outcome::Panic => format!("{name}.failure"),
                outcome => format!("{name}.{outcome}"),
            });
            MetricNames { outcomes, duration: format!("{name}.duration.ms") }
        })
    }

    /// Returns the address of the site, which is its key in maps.
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    #[inline(always)]
    pub(crate) fn route(&self) -> Route {
        Route::from_word(sync::load_unmodeled(&self.route))
    }

    /// Returns the route, for code that also reads the slots that were set before it.
    pub(crate) fn route_with_slots(&self) -> Route {
        // Pairs with `set_route`: a thread that sees that the site is resolved sees its slots.
        Route::from_word(self.route.load(Ordering::Acquire))
    }

    pub(crate) fn set_route(&self, route: Route) {
        self.route.store(route.word(), Ordering::Release);
    }

    /// Returns the slot of the site's group, once the site is resolved.
    pub(crate) fn group_slot(&self) -> usize {
        self.route_with_slots();
        self.group_slot.load(Ordering::Relaxed) as usize
    }

    #[inline(always)]
    pub(crate) fn slot(&self) -> u32 {
        self.slot.load(Ordering::Relaxed)
    }

    /// Returns whether the configuration knows the site. To be called under the configuration's lock.
    pub(crate) fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Relaxed)
    }

    /// Marks the site as known, and gives it its numbers. To be called under the configuration's lock.
    pub(crate) fn introduce(&self, id: usize, group_slot: u32) {
        self.slot.store(home_slot(id), Ordering::Relaxed);
        self.group_slot.store(group_slot, Ordering::Relaxed);
        self.is_known.store(true, Ordering::Relaxed);
    }
}

/// Two call sites are equal if they are the same static: each annotated function has one. Their hash is their address,
/// so that they can be keys of maps although they hold atomics: `clippy::mutable_key_type` does not see this.
impl PartialEq for Callsite {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Callsite {}

impl Hash for Callsite {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl fmt::Debug for Callsite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callsite")
            .field("name", &self.name())
            .field("group", &self.group())
            .field("file", &self.file)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

/// Returns every annotated function that is linked into the program, called or not, in no particular order.
///
/// A dependency that the program never mentions is not linked, and lists nothing; `use dependency as _;` links it.
///
/// # Examples
///
/// ```
/// use prof_runtime::{callsites, prof};
///
/// #[prof(name = "never_called")]
/// fn never_called() {}
///
/// # never_called_is_used_here();
/// # fn never_called_is_used_here() { let _ = never_called; }
/// assert!(callsites().any(|callsite| callsite.name() == "never_called"));
/// ```
pub fn callsites() -> impl Iterator<Item = &'static Callsite> {
    registry::listed().filter(|site| site.instrument().is_none())
}

/// The first segment of a module path.
pub const fn crate_name(module_path: &str) -> &str {
    let bytes = module_path.as_bytes();
    let mut end = 0;
    while end < bytes.len() && bytes[end] != b':' {
        end += 1;
    }
    module_path.split_at(end).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_group_is_the_crate() {
        assert_eq!(crate_name("app::net::http"), "app");
        assert_eq!(crate_name("app"), "app");
        assert_eq!(crate_name(""), "");
    }
}
