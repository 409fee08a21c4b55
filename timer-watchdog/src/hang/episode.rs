//! The stalls that have been reported, so that each is reported once.

use std::collections::HashMap;
use std::ptr;
use std::time::Duration;

use super::frame::Frame;
use crate::report::{Event, Level, Recovery, Stall};

/// Identifies a scope: the address of its frame, which never moves, and its ticket there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    frame: usize,
    ticket: u64,
}

impl Key {
    pub(super) fn new(frame: &'static Frame, ticket: u64) -> Self {
        Self { frame: ptr::from_ref(frame).addr(), ticket }
    }
}

/// The scopes that have been reported and have not recovered. Few, most often none.
#[derive(Debug, Default)]
pub(super) struct Episodes {
    open: HashMap<Key, Episode>,
    /// The number of the present pass.
    pass: u64,
}

/// A scope that has been reported.
#[derive(Debug)]
struct Episode {
    stall: Stall,
    /// The start of its limit, in nanoseconds of the domain's time.
    since_ns: u64,
    /// The pass that saw it last.
    seen: u64,
}

impl Episodes {
    /// Begins a pass.
    pub(super) fn begin_pass(&mut self) {
        self.pass += 1;
    }

    /// Returns which limit of a scope has been reported. A scope whose deadline has changed since has recovered.
    pub(super) fn told(&mut self, key: Key, deadline: u64, now: u64, events: &mut Vec<Event>) -> Option<Level> {
        if self.open.is_empty() {
            return None;
        }
        let episode = self.open.get_mut(&key)?;
        if episode.stall.origin.deadline == deadline {
            episode.seen = self.pass;
            return Some(episode.stall.level);
        }
        let episode = self.open.remove(&key)?;
        events.push(episode.recovered(now, false));
        None
    }

    /// Opens the episode of a scope, or raises its level, and reports it.
    pub(super) fn tell(&mut self, key: Key, stall: Stall, since_ns: u64, events: &mut Vec<Event>) {
        events.push(Event::Stalled(stall.clone()));
        let episode = Episode { stall, since_ns, seen: self.pass };
        self.open.insert(key, episode);
    }

    /// Closes the episodes of scopes that this pass has not seen: they have ended.
    pub(super) fn end_pass(&mut self, now: u64, events: &mut Vec<Event>) {
        let pass = self.pass;
        let ended = self.open.extract_if(|_, episode| episode.seen != pass);
        events.extend(ended.map(|(_, episode)| episode.recovered(now, true)));
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}

impl Episode {
    fn recovered(self, now: u64, has_ended: bool) -> Event {
        Event::Recovered(Recovery {
            elapsed: Duration::from_nanos(now.saturating_sub(self.since_ns)),
            stall: self.stall,
            has_ended,
        })
    }
}
