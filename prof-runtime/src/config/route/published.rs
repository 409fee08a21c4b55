//! The handlers of every group, as threads find them without a lock.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;

use crate::aggregate::Aggregator;
use crate::handler::{FastPath, GuardedHandler};
use crate::thread::Handlers;

/// The handlers of every group, as the last change published them.
pub(super) struct HandlersByGroup {
    default: Arc<Handlers>,
    /// The handlers of groups that have one of their own.
    groups: HashMap<String, Arc<Handlers>>,
    /// The handlers of the groups of call sites, by the groups' slots.
    slots: Vec<Arc<Handlers>>,
}

static PUBLISHED: LazyLock<ArcSwap<HandlersByGroup>> = LazyLock::new(|| {
    ArcSwap::from_pointee(HandlersByGroup {
        default: handlers_of([].iter()),
        groups: HashMap::new(),
        slots: Vec::new(),
    })
});

impl HandlersByGroup {
    pub(super) fn new(
        default: Arc<Handlers>,
        groups: HashMap<String, Arc<Handlers>>,
        group_slots: &HashMap<&'static str, u32>,
    ) -> Self {
        let mut handlers = Self { slots: vec![Arc::clone(&default); group_slots.len()], default, groups };
        for (group, slot) in group_slots {
            handlers.slots[*slot as usize] = Arc::clone(handlers.of_group(group));
        }
        handlers
    }

    /// Returns the same handlers, with these slots.
    pub(super) fn with_slots(&self, group_slots: &HashMap<&'static str, u32>) -> Self {
        Self::new(Arc::clone(&self.default), self.groups.clone(), group_slots)
    }

    /// Publishes the handlers. Returns those that were published before.
    pub(super) fn publish(handlers: Self) -> Arc<Self> {
        PUBLISHED.swap(Arc::new(handlers))
    }

    /// Returns the handlers that are published. A thread's first call allocates.
    pub(super) fn published() -> arc_swap::Guard<Arc<Self>> {
        PUBLISHED.load()
    }

    pub(super) fn of_group(&self, group: &str) -> &Arc<Handlers> {
        self.groups.get(group).unwrap_or(&self.default)
    }

    pub(super) fn of_slot(&self, slot: usize) -> &Arc<Handlers> {
        &self.slots[slot]
    }

    /// Returns whether a handler was switched off since they were published.
    pub(super) fn have_one_off(&self) -> bool {
        self.groups.values().chain([&self.default]).any(|handlers| handlers.have_one_off())
    }
}

/// Makes the handlers of a group: these, and those of the fan-outs among them.
pub(super) fn handlers_of<'a>(installed: impl Iterator<Item = &'a Arc<GuardedHandler>>) -> Arc<Handlers> {
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
