//! Where metrics go: which handler, for which group, and how a call site finds out.
//!
//! The configuration is rebuilt under a lock whenever a handler is installed, and published in two forms: every call
//! site that was called holds a [`Route`], one word that says what to do with a call; every group has a [`Handlers`],
//! the handlers themselves, which a thread takes without a lock when it has none cached that the route leads to. Either
//! may be newer than the other: a call then goes to the handlers before the change or to those after it, but to one of
//! them, and once.
//!
//! Scoped handlers belong to threads and change nothing here, except that the first of the program leaves no site
//! [off](Route::OFF).

mod linked;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use arc_swap::ArcSwap;

use crate::aggregate::{Aggregator, take_locks};
use crate::base::bound;
use crate::base::clock;
use crate::base::exit;
use crate::base::forks;
use crate::base::stderr;
use crate::base::{inside, is_inside, lock};
use crate::handler::{FastPath, FlushFailures, GuardedHandler, IntoHandler, MetricHandler};
use crate::site::{Callsite, Route, registry};
use crate::thread::local::Handlers;

/// Makes the handlers of a group: these, and those of the fan-outs among them.
fn handlers_of<'a>(installed: impl Iterator<Item = &'a Arc<GuardedHandler>>) -> Arc<Handlers> {
    Arc::new(Handlers::gather(|handlers| installed.for_each(|handler| add(handlers, handler))))
}

fn add(handlers: &mut Handlers, handler: &Arc<GuardedHandler>) {
    if handler.is_off() {
        return;
    }
    match handler.fast_path() {
        FastPath::Off => {}
        FastPath::Counts(aggregator) => match aggregator.downcast_ref::<Aggregator>() {
            Some(aggregator) => handlers.add_aggregator(handler, aggregator.counts()),
            None => handlers.add(handler),
        },
        FastPath::Fanout(fanout) => fanout.handlers().iter().for_each(|handler| add(handlers, handler)),
        FastPath::None => handlers.add(handler),
    }
}

/// The published form of the configuration.
struct Targets {
    default: Arc<Handlers>,
    /// Of the groups that have a handler of their own.
    groups: HashMap<String, Arc<Handlers>>,
    /// Of the groups of call sites, by their slots.
    slots: Vec<Arc<Handlers>>,
}

impl Targets {
    fn of(&self, group: &str) -> &Arc<Handlers> {
        self.groups.get(group).unwrap_or(&self.default)
    }

    /// Whether a handler was switched off since they were published.
    fn have_one_off(&self) -> bool {
        self.groups.values().chain([&self.default]).any(|handlers| handlers.have_one_off())
    }
}

/// What was asked for.
#[derive(Default)]
struct Config {
    default: Option<Arc<GuardedHandler>>,
    /// The program has chosen the default, if only by [`NullHandler`](crate::NullHandler).
    is_default_chosen: bool,
    /// `None` for a group that is switched off whatever the default is.
    groups: HashMap<String, Option<Arc<GuardedHandler>>>,
    /// Listen to everything, beside the handlers: the reports.
    observers: Vec<Arc<GuardedHandler>>,
    /// Some thread had a scoped handler: every call has to look for one from then on.
    has_scopes: bool,
    /// Every call site that was called.
    sites: Vec<&'static Callsite>,
    /// The slot of each group of those.
    group_slots: HashMap<&'static str, u32>,
}

static CONFIG: LazyLock<Mutex<Config>> = LazyLock::new(Mutex::default);
static TARGETS: LazyLock<ArcSwap<Targets>> = LazyLock::new(|| {
    let nowhere = handlers_of([].iter());
    ArcSwap::from_pointee(Targets { default: nowhere, groups: HashMap::new(), slots: Vec::new() })
});

impl Config {
    fn target(&self, group: Option<&str>) -> Arc<Handlers> {
        let own = group.and_then(|group| self.groups.get(group));
        let handler = own.unwrap_or(&self.default);
        handlers_of(handler.iter().chain(&self.observers))
    }

    /// Publishes the configuration. Returns what it replaces, to be dropped when the lock is released, since dropping
    /// a handler runs the user's code.
    fn publish(&self) -> Arc<Targets> {
        let groups = self.groups.keys().map(|group| (group.clone(), self.target(Some(group))));
        let (default, groups) = (self.target(None), groups.collect());
        let replaced = TARGETS.swap(Arc::new(self.with_slots(default, groups)));
        self.sites.iter().for_each(|site| self.publish_to(site));
        replaced
    }

    /// Gives the groups of call sites their slots.
    fn with_slots(&self, default: Arc<Handlers>, groups: HashMap<String, Arc<Handlers>>) -> Targets {
        let mut targets = Targets { slots: vec![Arc::clone(&default); self.group_slots.len()], default, groups };
        for (group, slot) in &self.group_slots {
            targets.slots[*slot as usize] = Arc::clone(targets.of(group));
        }
        targets
    }

    /// Enters a site that was not called before.
    fn introduce(&mut self, site: &'static Callsite) {
        let slot = match self.group_slots.get(site.group()) {
            Some(slot) => *slot,
            None => self.add_group(site.group()),
        };
        site.introduce(self.sites.len(), slot);
        self.sites.push(site);
    }

    fn add_group(&mut self, group: &'static str) -> u32 {
        // Far fewer than 2^32: each is a string of the program.
        #[allow(clippy::cast_possible_truncation)]
        let slot = self.group_slots.len() as u32;
        self.group_slots.insert(group, slot);
        let targets = TARGETS.load();
        // The targets are the same, so that what is replaced holds the last handle to none of them.
        TARGETS.store(Arc::new(self.with_slots(Arc::clone(&targets.default), targets.groups.clone())));
        slot
    }

    fn publish_to(&self, site: &Callsite) {
        let route = TARGETS.load().slots[site.group_slot()].route();
        site.set_route(if route == Route::OFF && self.has_scopes { Route::SCOPED_ONLY } else { route });
    }
}

/// Installs the handlers that crates registered, where the program has chosen none meanwhile.
fn install_linked(made: Vec<linked::Made>) {
    if made.is_empty() {
        return;
    }
    exit::flush_by(flush_quietly);
    let not_wanted = reconfigure(|config| {
        let install = |(group, handler): linked::Made| match group {
            None if config.is_default_chosen => Some(handler),
            None => config.default.replace(handler),
            Some(group) => match config.groups.entry(group.to_owned()) {
                Entry::Occupied(_) => Some(handler),
                Entry::Vacant(entry) => {
                    entry.insert(Some(handler));
                    None
                }
            },
        };
        made.into_iter().filter_map(install).collect::<Vec<_>>()
    });
    drop(not_wanted);
}

/// Changes the configuration and publishes it.
///
/// What it replaces is dropped after the lock is released, and so is what `change` takes out, which is returned.
fn reconfigure<R>(change: impl FnOnce(&mut Config) -> R) -> R {
    linked::ensure(install_linked);
    // Before anything can be measured.
    clock::prepare();
    forks::take_locks_by(take_locks);
    let (taken, replaced) = {
        let mut config = lock(&CONFIG);
        let taken = change(&mut config);
        (taken, config.publish())
    };
    drop(replaced);
    taken
}

/// Publishes the configuration anew, as a handler in it was switched off.
#[cold]
pub(crate) fn republish() {
    reconfigure(|_| ());
}

/// What a handler held back must not wait for the last thread that knows it, which may be this one.
fn flush_replaced(replaced: Option<Arc<GuardedHandler>>) {
    bound::one(|| {
        if let Err(error) = replaced.as_deref().map_or(Ok(()), GuardedHandler::flush) {
            stderr::line(format_args!("prof: a handler was replaced, and could not be flushed: {error}"));
        }
        drop(replaced);
    });
}

/// `None` for a handler that does nothing, so that nothing is done for it.
#[track_caller]
fn installed(handler: impl IntoHandler) -> Option<Arc<GuardedHandler>> {
    let handler = handler.into_handler();
    if matches!(handler.fast_path(), FastPath::Off) {
        return None;
    }
    exit::flush_by(flush_quietly);
    Some(GuardedHandler::new(handler))
}

/// Installs the handler of every group that has none of its own. It replaces the one before; calls that end meanwhile
/// go to either, and none is lost. The replaced handler is flushed. Threads that have called it hold on to it until
/// they call again or end, and it is dropped with the last of them.
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
#[track_caller]
pub fn configure(handler: impl IntoHandler) {
    let handler = installed(handler);
    let replaced = reconfigure(|config| {
        config.is_default_chosen = true;
        std::mem::replace(&mut config.default, handler)
    });
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
#[track_caller]
pub fn configure_group(group: impl Into<String>, handler: impl IntoHandler) {
    let (group, handler) = (group.into(), installed(handler));
    let replaced = reconfigure(|config| config.groups.insert(group, handler)).flatten();
    flush_replaced(replaced);
}

/// Flushes every installed handler, and adds up what they fail with.
pub(crate) fn flush(failures: &mut FlushFailures) {
    linked::ensure(install_linked);
    let handlers: Vec<Arc<GuardedHandler>> = {
        let config = lock(&CONFIG);
        config.default.iter().chain(config.groups.values().flatten()).chain(&config.observers).cloned().collect()
    };
    bound::one(|| handlers.iter().for_each(|handler| failures.add(handler.flush())));
    if inside(|| TARGETS.load().have_one_off()) {
        republish();
    }
}

/// Flushes every installed handler at an end: nobody can act on an error any more, and handlers count their losses
/// themselves.
pub(crate) fn flush_quietly() {
    flush(&mut FlushFailures::default());
}

/// Listens to everything that is not scoped, beside the handlers, until it is dropped.
pub(crate) struct Observer(Option<Arc<GuardedHandler>>);

impl Observer {
    pub(crate) fn new(handler: Arc<dyn MetricHandler>) -> Self {
        let observer = GuardedHandler::new(handler);
        reconfigure(|config| config.observers.push(Arc::clone(&observer)));
        Self(Some(observer))
    }

    /// Ends several at one moment: a call is handed to all of them, or to none.
    pub(crate) fn end(observers: impl IntoIterator<Item = Self>) {
        let ended: Vec<_> = observers.into_iter().filter_map(|mut observer| observer.0.take()).collect();
        if !ended.is_empty() {
            end_observers(&ended);
        }
    }
}

fn end_observers(ended: &[Arc<GuardedHandler>]) {
    let is_ended = |observer: &mut Arc<GuardedHandler>| ended.iter().any(|one| Arc::ptr_eq(observer, one));
    reconfigure(|config| config.observers.extract_if(.., is_ended).collect::<Vec<_>>());
}

impl Drop for Observer {
    fn drop(&mut self) {
        if let Some(observer) = self.0.take() {
            end_observers(&[observer]);
        }
    }
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
    reconfigure(|config| config.has_scopes = true);
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
    linked::ensure(install_linked);
    let mut config = lock(&CONFIG);
    registry::list(site);
    if !site.is_known() {
        config.introduce(site);
    }
    config.publish_to(site);
}

/// The handlers of a site that is resolved.
pub(crate) fn target_of(site: &Callsite) -> Arc<Handlers> {
    // A thread's first look allocates.
    inside(|| Arc::clone(&TARGETS.load().slots[site.group_slot()]))
}

/// The handlers of a group.
pub(crate) fn target(group: &str) -> Arc<Handlers> {
    linked::ensure(install_linked);
    inside(|| Arc::clone(TARGETS.load().of(group)))
}
