//! Where metrics go: which handler, for which group, and how a call site finds out.
//!
//! The configuration is rebuilt under a lock whenever a handler is installed, and published in two forms: every call
//! site that was called holds a [`Route`], one word that says what to do with a call; every group, and the whole,
//! hold a [`Target`], the handlers themselves, which readers take without a lock.

#[cfg(all(test, loom))]
mod model;
mod published;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use arc_swap::ArcSwap;

use crate::aggregator::Aggregator;
use crate::bound;
use crate::callsite::Callsite;
use crate::clock;
use crate::exit;
use crate::fanout::FanoutHandler;
use crate::handler::{FlushError, IntoHandler, MetricHandler, Shortcut};
use crate::link::LinkedHandler;
use crate::local::{self, lock};
use crate::panics::caught;
use crate::registry;
use crate::stderr;

pub(crate) use self::published::Published;

/// What [`Published`] is made of.
mod atomics {
    pub(super) use arc_swap::ArcSwapOption as Slot;
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};
}

impl Published {
    /// Of a site that was not called.
    pub(crate) const fn new() -> Self {
        Self { route: AtomicU64::new(Route::UNRESOLVED.word()), target: atomics::Slot::const_empty() }
    }
}

/// What a call site does with a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Route(u64);

impl Route {
    /// Nothing listens: neither read the clock nor count.
    pub(crate) const OFF: Self = Self(0);
    /// The site was not called since it was loaded; ask for its route.
    pub(crate) const UNRESOLVED: Self = Self(1);
    /// There are scoped handlers, on some thread: look for one of this thread before the site's target.
    pub(crate) const SCOPED: Self = Self(2);

    /// Count the call in this aggregator, which is all that listens.
    pub(crate) const fn to_aggregator(id: u64) -> Self {
        Self(2 * id + 3)
    }

    /// Hand the call's record to the handlers of this target.
    const fn to_target(id: u64) -> Self {
        Self(2 * id + 4)
    }

    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    pub(crate) const fn from_word(word: u64) -> Self {
        Self(word)
    }
}

/// An installed handler.
pub(crate) struct Installed {
    /// There until it is dropped.
    handler: Option<Arc<dyn MetricHandler>>,
    panics: AtomicU32,
    /// Switched off after too many panics.
    is_off: AtomicBool,
}

impl fmt::Debug for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Installed").field("panics", &self.panics).field("is_off", &self.is_off).finish_non_exhaustive()
    }
}

/// How many panics switch a handler off.
const MAX_PANICS: u32 = 3;

impl Installed {
    pub(crate) fn new(handler: Arc<dyn MetricHandler>) -> Arc<Self> {
        Arc::new(Self { handler: Some(handler), panics: AtomicU32::new(0), is_off: AtomicBool::new(false) })
    }

    fn aggregator(&self) -> Option<&Aggregator> {
        match self.handler.as_ref()?.shortcut() {
            Shortcut::Aggregator(aggregator) => Some(aggregator),
            _ => None,
        }
    }

    /// Runs `f` on the handler, unless it is switched off. A panic stops here.
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&dyn MetricHandler) -> R) -> Option<R> {
        if self.is_off.load(Ordering::Relaxed) {
            return None;
        }
        let handler = self.handler.as_deref()?;
        let result = caught(|| f(handler));
        if result.is_none() {
            self.count_panic();
        }
        result
    }

    /// Flushes the handler; one that is switched off has nothing to write.
    pub(crate) fn flush(&self) -> Result<(), FlushError> {
        let panics = self.panics.load(Ordering::Relaxed);
        match self.with(|handler| handler.flush()) {
            Some(result) => result,
            None if self.panics.load(Ordering::Relaxed) > panics => Err(FlushError::Panicked),
            None => Ok(()),
        }
    }

    #[cold]
    fn count_panic(&self) {
        let panics = self.panics.fetch_add(1, Ordering::Relaxed) + 1;
        if panics == MAX_PANICS {
            self.is_off.store(true, Ordering::Relaxed);
            stderr::line(format_args!("prof: a metric handler panicked {panics} times and is switched off"));
            reconfigure(|_| ());
        }
    }
}

impl Drop for Installed {
    /// May happen at the end of an annotated call, by the last thread that knows a replaced handler.
    fn drop(&mut self) {
        let handler = self.handler.take();
        caught(|| drop(handler));
    }
}

/// The handlers that metrics go to.
pub(crate) struct Target {
    /// What leads here.
    route: Route,
    handlers: Vec<Arc<Installed>>,
}

impl Target {
    fn new(handlers: Vec<Arc<Installed>>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let route = match &handlers[..] {
            [] => Route::OFF,
            [only] if let Some(aggregator) = only.aggregator() => aggregator.route(),
            _ => Route::to_target(NEXT.fetch_add(1, Ordering::Relaxed)),
        };
        Self { route, handlers }
    }

    pub(crate) fn route(&self) -> Route {
        self.route
    }

    /// Runs `f` on every handler.
    #[inline(always)]
    pub(crate) fn each(&self, mut f: impl FnMut(&dyn MetricHandler)) {
        for installed in &self.handlers {
            installed.with(&mut f);
        }
    }

    /// The aggregator that the route leads to.
    pub(crate) fn aggregator(&self, route: Route) -> Option<&Aggregator> {
        self.handlers.iter().filter_map(|one| one.aggregator()).find(|aggregator| aggregator.route() == route)
    }
}

/// The published form of the configuration, for metrics that do not come from a call site.
struct Targets {
    default: Arc<Target>,
    groups: HashMap<String, Arc<Target>>,
}

impl Targets {
    fn of(&self, group: &str) -> &Arc<Target> {
        self.groups.get(group).unwrap_or(&self.default)
    }
}

/// What was asked for.
struct Config {
    default: Option<Arc<Installed>>,
    /// `None` for a group that is switched off whatever the default is.
    groups: HashMap<String, Option<Arc<Installed>>>,
    /// Listen to everything, beside the handlers: the reports.
    observers: Vec<Arc<Installed>>,
    /// How many scoped handlers there are, on any thread. While there are any, every call has to look for one.
    scopes: usize,
    /// Every call site that was called.
    sites: Vec<&'static Callsite>,
}

static CONFIG: LazyLock<Mutex<Config>> = LazyLock::new(|| {
    local::inside(|| {
        let config = Config::linked();
        config.publish();
        Mutex::new(config)
    })
});
static TARGETS: LazyLock<ArcSwap<Targets>> = LazyLock::new(|| {
    let nowhere = Arc::new(Target::new(Vec::new()));
    ArcSwap::from_pointee(Targets { default: nowhere, groups: HashMap::new() })
});

impl Config {
    /// The configuration at startup: the handlers that `register_handler!` linked in.
    fn linked() -> Self {
        let mut groups: HashMap<Option<&str>, FanoutHandler> = HashMap::new();
        for linked in inventory::iter::<LinkedHandler> {
            let Some(handler) = caught(linked.make) else {
                let location = linked.location;
                stderr::line(format_args!("prof: the handler registered at {location} panicked when it was made"));
                continue;
            };
            let fanout = groups.remove(&linked.group).unwrap_or_default();
            groups.insert(linked.group, fanout.with(handler));
        }
        let installed = |fanout: FanoutHandler| Installed::new(Arc::new(fanout));
        let mut config = Self {
            default: groups.remove(&None).map(installed),
            groups: HashMap::new(),
            observers: Vec::new(),
            scopes: 0,
            sites: Vec::new(),
        };
        for (group, fanout) in groups {
            config.groups.insert(group.unwrap_or_default().to_owned(), Some(installed(fanout)));
        }
        config
    }

    fn target(&self, group: Option<&str>) -> Arc<Target> {
        let own = group.and_then(|group| self.groups.get(group));
        let handler = own.unwrap_or(&self.default);
        let all = handler.iter().chain(&self.observers);
        let on = all.filter(|installed| !installed.is_off.load(Ordering::Relaxed));
        Arc::new(Target::new(on.cloned().collect()))
    }

    /// Publishes the configuration. Returns what it replaces, to be dropped when the lock is released, since dropping
    /// a handler runs the user's code.
    fn publish(&self) -> Garbage {
        let groups = self.groups.keys().map(|group| (group.clone(), self.target(Some(group))));
        let targets = Targets { default: self.target(None), groups: groups.collect() };
        let replaced = TARGETS.swap(Arc::new(targets));
        let of_sites = self.sites.iter().filter_map(|site| self.publish_to(site));
        Garbage { _targets: replaced, _of_sites: of_sites.collect() }
    }

    fn publish_to(&self, site: &Callsite) -> Option<Arc<Target>> {
        let target = Arc::clone(TARGETS.load().of(site.group()));
        let route = if self.scopes > 0 { Route::SCOPED } else { target.route() };
        site.published().publish(target, route)
    }
}

/// What may hold the last handle to a replaced handler.
struct Garbage {
    _targets: Arc<Targets>,
    _of_sites: Vec<Arc<Target>>,
}

/// Changes the configuration and publishes it.
///
/// What it replaces is dropped after the lock is released, and so is what `change` takes out, which is returned.
fn reconfigure<R>(change: impl FnOnce(&mut Config) -> R) -> R {
    let (taken, garbage) = local::inside(|| {
        // Before anything can be measured.
        clock::prepare();
        let mut config = lock(&CONFIG);
        let taken = change(&mut config);
        (taken, config.publish())
    });
    drop(garbage);
    taken
}

/// What a handler held back must not wait for the last thread that knows it, which may be this one.
fn flush_replaced(replaced: Option<Arc<Installed>>) {
    bound::one(|| {
        let flushed = local::inside(|| replaced.as_deref().map_or(Ok(()), Installed::flush));
        if let Err(error) = flushed {
            stderr::line(format_args!("prof: a handler was replaced, and could not be flushed: {error}"));
        }
        drop(replaced);
    });
}

/// `None` for a handler that does nothing, so that nothing is done for it.
fn installed(handler: impl IntoHandler) -> Option<Arc<Installed>> {
    let handler = handler.into_handler();
    match handler.shortcut() {
        Shortcut::Off => None,
        _ => Some(Installed::new(handler)),
    }
}

/// Installs the handler of every group that has none of its own. It replaces the one before; calls that end meanwhile go
/// to either, and none is lost. The replaced handler is flushed. Threads that have called it hold on to it until they call
/// again or end, and it is dropped with the last of them.
///
/// Until then, metrics go nowhere, or to the handlers that linked crates [registered](crate::register_handler).
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, configure, put_metric};
///
/// let memory = MemoryHandler::new();
/// configure(memory.clone());
/// put_metric("pages", 3, "crawler");
/// assert_eq!(memory.value("pages"), Some(3.0));
/// ```
pub fn configure(handler: impl IntoHandler) {
    exit::flush_handlers();
    let handler = installed(handler);
    let replaced = reconfigure(|config| std::mem::replace(&mut config.default, handler));
    flush_replaced(replaced);
}

/// Installs the handler of one group, whatever the default is. The last one installed for a group is the one.
///
/// # Examples
///
/// ```
/// use prof_runtime::{MemoryHandler, NullHandler, configure, configure_group, put_metric};
///
/// let crawler = MemoryHandler::new();
/// configure(NullHandler);
/// configure_group("crawler", crawler.clone());
/// put_metric("pages", 3, "crawler");
/// put_metric("pages", 4, "indexer");
/// assert_eq!(crawler.value("pages"), Some(3.0));
/// ```
pub fn configure_group(group: impl Into<String>, handler: impl IntoHandler) {
    exit::flush_handlers();
    let (group, handler) = (group.into(), installed(handler));
    let replaced = reconfigure(|config| config.groups.insert(group, handler)).flatten();
    flush_replaced(replaced);
}

/// Flushes every installed handler.
///
/// # Errors
///
/// The first error, after all were flushed.
pub fn flush() -> Result<(), FlushError> {
    let handlers: Vec<Arc<Installed>> = {
        let config = lock(&CONFIG);
        config.default.iter().chain(config.groups.values().flatten()).chain(&config.observers).cloned().collect()
    };
    let mut result = Ok(());
    bound::one(|| {
        for handler in handlers {
            let flushed = handler.flush();
            result = result.and(flushed);
        }
        result
    })
}

/// Listens to everything that is not scoped, beside the handlers, until it is dropped.
pub(crate) struct Observer(Arc<Installed>);

impl Observer {
    pub(crate) fn new(handler: Arc<dyn MetricHandler>) -> Self {
        let observer = Installed::new(handler);
        reconfigure(|config| config.observers.push(Arc::clone(&observer)));
        Self(observer)
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        let is_it = |observer: &mut Arc<Installed>| Arc::ptr_eq(observer, &self.0);
        reconfigure(|config| config.observers.extract_if(.., is_it).collect::<Vec<_>>());
    }
}

/// Keeps every call looking for scoped handlers.
#[derive(Debug)]
pub(crate) struct ScopeCount(());

impl ScopeCount {
    pub(crate) fn new() -> Self {
        Self::change(|scopes| scopes + 1);
        Self(())
    }

    fn change(by: impl FnOnce(usize) -> usize) {
        local::inside(|| {
            clock::prepare();
            let mut config = lock(&CONFIG);
            let before = config.scopes;
            config.scopes = by(before);
            // Only the first and the last make a difference to the call sites.
            if (before == 0) != (config.scopes == 0) {
                // What is replaced is the same as what replaces it.
                config.sites.iter().for_each(|site| drop(config.publish_to(site)));
            }
        });
    }
}

impl Drop for ScopeCount {
    fn drop(&mut self) {
        Self::change(|scopes| scopes - 1);
    }
}

/// Finds the route of a site that is called for the first time, and keeps it up to date from now on.
#[cold]
pub(crate) fn resolve(site: &'static Callsite) -> Route {
    if local::is_inside() {
        // From within the runtime, such as an annotated allocator: left for the next call.
        return Route::OFF;
    }
    local::inside(|| {
        let mut config = lock(&CONFIG);
        registry::list(site);
        if site.introduce(config.sites.len()) {
            config.sites.push(site);
        }
        drop(config.publish_to(site));
    });
    site.route()
}

/// The handlers of a group.
pub(crate) fn target(group: &str) -> Arc<Target> {
    LazyLock::force(&CONFIG);
    Arc::clone(TARGETS.load().of(group))
}
