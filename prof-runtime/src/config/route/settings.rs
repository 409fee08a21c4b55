//! What the program asked for: its handlers by group, its observers, and the call sites that follow them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::linked;
use super::published::{HandlersByGroup, handlers_of};
use crate::handler::GuardedHandler;
use crate::site::{Callsite, Route};
use crate::thread::Handlers;

/// What the program asked for. It is [published](Self::publish) after each change.
#[derive(Default)]
pub(in crate::config) struct Settings {
    default: Option<Arc<GuardedHandler>>,
    /// Whether the program has chosen the default, even if it is a [`NullHandler`](crate::NullHandler).
    is_default_chosen: bool,
    /// The handlers of groups that have one of their own; `None` for a group that is switched off.
    groups: HashMap<String, Option<Arc<GuardedHandler>>>,
    /// Receive the metrics of all groups, beside the handlers.
    observers: Vec<Arc<GuardedHandler>>,
    /// Whether a thread had a scoped handler: from then on, every call has to look for one.
    has_scopes: bool,
    /// Every call site that was called.
    sites: Vec<&'static Callsite>,
    /// The slots of the groups of these sites.
    group_slots: HashMap<&'static str, u32>,
}

/// A handler that a change takes out, to be flushed and dropped when the lock is released.
pub(in crate::config) type Replaced = Option<Arc<GuardedHandler>>;

impl Settings {
    pub(in crate::config) fn set_default(&mut self, handler: Option<Arc<GuardedHandler>>) -> Replaced {
        self.is_default_chosen = true;
        std::mem::replace(&mut self.default, handler)
    }

    /// Returns whether there was a default, and the handler that it had.
    pub(in crate::config) fn unset_default(&mut self) -> (bool, Replaced) {
        let was_set = std::mem::take(&mut self.is_default_chosen) || self.default.is_some();
        (was_set, self.default.take())
    }

    pub(in crate::config) fn set_group(&mut self, group: String, handler: Option<Arc<GuardedHandler>>) -> Replaced {
        self.groups.insert(group, handler).flatten()
    }

    /// Returns whether the group had an entry of its own, and the handler that it had.
    pub(in crate::config) fn unset_group(&mut self, group: &str) -> (bool, Replaced) {
        let removed = self.groups.remove(group);
        (removed.is_some(), removed.flatten())
    }

    pub(in crate::config) fn add_observer(&mut self, observer: &Arc<GuardedHandler>) {
        self.observers.push(Arc::clone(observer));
    }

    /// Removes observers, and returns them, to be dropped when the lock is released.
    pub(in crate::config) fn remove_observers(&mut self, removed: &[Arc<GuardedHandler>]) -> Vec<Arc<GuardedHandler>> {
        let is_removed = |observer: &mut Arc<GuardedHandler>| removed.iter().any(|one| Arc::ptr_eq(observer, one));
        self.observers.extract_if(.., is_removed).collect()
    }

    /// Installs handlers that crates registered, where the program has chosen none. Returns the others.
    pub(super) fn add_linked(&mut self, made: Vec<linked::Made>) -> Vec<Arc<GuardedHandler>> {
        let install = |(group, handler): linked::Made| match group {
            None if self.is_default_chosen => Some(handler),
            None => self.default.replace(handler),
            Some(group) => match self.groups.entry(group.to_owned()) {
                Entry::Occupied(_) => Some(handler),
                Entry::Vacant(entry) => {
                    entry.insert(Some(handler));
                    None
                }
            },
        };
        made.into_iter().filter_map(install).collect()
    }

    pub(super) fn look_for_scopes(&mut self) {
        self.has_scopes = true;
    }

    /// Returns every handler and observer.
    pub(in crate::config) fn handlers(&self) -> Vec<Arc<GuardedHandler>> {
        self.default.iter().chain(self.groups.values().flatten()).chain(&self.observers).cloned().collect()
    }

    /// Returns the handlers of a group, or those of groups without a handler of their own.
    fn handlers_of_group(&self, group: Option<&str>) -> Arc<Handlers> {
        let own = group.and_then(|group| self.groups.get(group));
        let handler = own.unwrap_or(&self.default);
        handlers_of(handler.iter().chain(&self.observers))
    }

    /// Publishes the settings: the handlers, and the route of every call site. Returns the handlers that were published
    /// before, to be dropped when the lock is released, since dropping a handler runs the user's code.
    pub(super) fn publish(&self) -> Arc<HandlersByGroup> {
        let groups = self.groups.keys().map(|group| (group.clone(), self.handlers_of_group(Some(group)))).collect();
        let published = HandlersByGroup::new(self.handlers_of_group(None), groups, &self.group_slots);
        let replaced = HandlersByGroup::publish(published);
        self.sites.iter().for_each(|site| self.publish_to(site));
        replaced
    }

    /// Writes the route of one call site.
    pub(super) fn publish_to(&self, site: &Callsite) {
        let route = HandlersByGroup::published().of_slot(site.group_slot()).route();
        site.set_route(if route == Route::OFF && self.has_scopes { Route::SCOPED_ONLY } else { route });
    }

    /// Gives its numbers to a site that was not called before.
    pub(super) fn introduce(&mut self, site: &'static Callsite) {
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
        // The handlers stay the same, so that the replaced table does not hold the last reference to any of them.
        HandlersByGroup::publish(HandlersByGroup::published().with_slots(&self.group_slots));
        slot
    }
}
