//! The detector: examines all live scopes, and finds those that have exceeded a limit.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::config::{ClockMode, HangConfig};
use super::domain::{Domain, Shared};
use super::episode::{Episodes, Key};
use super::frame::{Entry, Frame, NEVER};
use super::slot::Slot;
use super::task::{Marks, TaskSlot};
use crate::report::{Activity, Event, Level, Origin, Stall};
use crate::thread::StartError;
use crate::thread::ThreadInfo;
use crate::time::{GapRule, Timestamp, nanos};

/// Finds the scopes of a [`Domain`] that have exceeded a limit, one [`pass`](Detector::pass) at a time.
///
/// A domain has at most one. [`HangConfig::start`] runs one on a thread.
pub struct Detector {
    shared: &'static Shared,
    soft_fraction: Option<f64>,
    max_interval: Duration,
    gaps: GapRule,
    clock_mode: ClockMode,
    /// Nothing is reported before this time.
    grace_ends: Timestamp,
    /// When the next pass is due. A later one means a gap.
    planned: Timestamp,
    /// All slots of the domain, as of `growth`.
    slots: Vec<&'static Slot>,
    tasks: Vec<&'static TaskSlot>,
    growth: u64,
    episodes: Episodes,
    passes: u64,
}

impl Detector {
    pub(super) fn new(domain: Domain, config: &HangConfig) -> Result<Self, StartError> {
        let shared = domain.shared();
        if shared.is_watched.swap(true, Ordering::AcqRel) {
            return Err(StartError::AlreadyWatched { name: String::from("hang-watcher") });
        }
        let now = shared.clock.now();
        let max_interval = config.settings.max_interval;
        let mut gaps = config.settings.gaps;
        if config.clock_mode == ClockMode::Published {
            // A guard acquired during a delay took a published time that was too old, so smaller delays count, too.
            gaps.credited_above = gaps.credited_above.min(max_interval / 2);
        }
        let mut detector = Self {
            shared,
            soft_fraction: config.soft_fraction,
            max_interval,
            gaps,
            clock_mode: config.clock_mode,
            grace_ends: now.after(config.grace),
            planned: now.after(max_interval),
            slots: Vec::new(),
            tasks: Vec::new(),
            growth: 0,
            episodes: Episodes::default(),
            passes: 0,
        };
        detector.plan(now, NEVER);
        detector.publish();
        Ok(detector)
    }

    /// Returns when the next pass is due.
    pub fn due(&self) -> Timestamp {
        self.planned
    }

    /// Examines all live scopes once. Returns what has changed.
    ///
    /// Call it when it is [`due`](Detector::due). A later call means a gap, which is charged to no scope.
    pub fn pass(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let clock_now = self.shared.clock.now();
        self.credit_gap(clock_now, &mut events);
        self.publish();
        self.passes += 1;
        let next_ns = if clock_now < self.grace_ends {
            let credited_ns = clock_now.as_nanos().saturating_sub(self.shared.now());
            self.grace_ends.as_nanos().saturating_sub(credited_ns)
        } else {
            self.examine_all(&mut events)
        };
        self.plan(clock_now, next_ns);
        events
    }

    /// Makes the domain's time stand still for a gap.
    fn credit_gap(&self, now: Timestamp, events: &mut Vec<Event>) {
        if let Some(gap) = self.gaps.in_wait(self.planned, self.planned, now) {
            self.shared.credit(nanos(gap.credited));
            if gap.is_told {
                events.push(Event::ObserverGap { gap: gap.credited });
            }
        }
    }

    fn publish(&self) {
        if self.clock_mode == ClockMode::Published {
            // One interval ahead: until the next pass the domain's time advances by no more than that.
            let ahead = self.shared.now().saturating_add(nanos(self.max_interval));
            self.shared.publish(ahead);
        }
    }

    /// Plans the next pass for the time `next_ns` of the domain, or for the end of the longest wait if that is earlier.
    fn plan(&mut self, clock_now: Timestamp, next_ns: u64) {
        let longest = match self.clock_mode {
            ClockMode::Read => self.max_interval,
            ClockMode::Published => self.max_interval / 2,
        };
        let wait = Duration::from_nanos(next_ns.saturating_sub(self.shared.now()));
        self.planned = clock_now.after(wait.min(longest));
    }

    /// Examines all frames. Returns when the next limit of one is reached.
    fn examine_all(&mut self, events: &mut Vec<Event>) -> u64 {
        let growth = self.shared.growth();
        if growth != self.growth {
            (self.slots, self.tasks) = self.shared.slots();
            self.growth = growth;
        }
        // Taken out meanwhile, because `examine` needs all of `self`.
        let slots = std::mem::take(&mut self.slots);
        let tasks = std::mem::take(&mut self.tasks);
        let now = self.shared.now();
        let mut next = NEVER;
        self.episodes.begin_pass();
        for slot in &slots {
            for frame in slot.frames() {
                let activity = || slot.owner().map(|thread| Activity::InScope { thread });
                next = next.min(self.examine(frame, now, activity, events));
            }
        }
        for task in &tasks {
            let activity = || Some(task_activity(task, &slots, now));
            next = next.min(self.examine(&task.frame, now, activity, events));
        }
        self.episodes.end_pass(now, events);
        (self.slots, self.tasks) = (slots, tasks);
        next
    }

    /// Compares one scope with its limits and returns when it reaches the next one.
    fn examine(
        &mut self,
        frame: &'static Frame,
        now: u64,
        activity: impl FnOnce() -> Option<Activity>,
        events: &mut Vec<Event>,
    ) -> u64 {
        let Some((ticket, entry)) = frame.read() else {
            return NEVER;
        };
        let key = Key::new(frame, ticket);
        let soft_at = self.soft_at(&entry);
        let level = match now {
            _ if entry.deadline == NEVER => None,
            _ if now >= entry.deadline => Some(Level::Hard),
            _ if now >= soft_at => Some(Level::Soft),
            _ => None,
        };
        let told = self.episodes.told(key, entry.deadline, now, events);
        if let Some(level) = level.filter(|level| Some(*level) > told) {
            let origin = Origin { scope: frame, ticket, deadline: entry.deadline };
            let stall = activity().map(|activity| stall(level, &entry, activity, origin, now));
            // The thread of the slot, or the scope, may have ended meanwhile.
            if let Some(stall) = stall.filter(|stall| !stall.is_over()) {
                let since_ns = entry.deadline.saturating_sub(entry.timeout_ns);
                self.episodes.tell(key, stall, since_ns, events);
            }
        }
        let limits = [soft_at, entry.deadline];
        limits.into_iter().find(|limit| *limit > now).unwrap_or(NEVER)
    }

    /// Returns when the entry reaches its soft limit.
    fn soft_at(&self, entry: &Entry) -> u64 {
        let Some(fraction) = self.soft_fraction else {
            return entry.deadline;
        };
        if entry.deadline == NEVER {
            return NEVER;
        }
        let timeout = Duration::from_nanos(entry.timeout_ns);
        let rest = timeout.saturating_sub(timeout.mul_f64(fraction));
        entry.deadline.saturating_sub(nanos(rest))
    }
}

fn stall(level: Level, entry: &Entry, activity: Activity, origin: Origin, now: u64) -> Stall {
    let since = entry.deadline.saturating_sub(entry.timeout_ns);
    Stall {
        level,
        scope: entry.scope.map(super::Scope::name),
        place: entry.place,
        activity,
        elapsed: Duration::from_nanos(now.saturating_sub(since)),
        timeout: Duration::from_nanos(entry.timeout_ns),
        origin,
    }
}

fn task_activity(task: &TaskSlot, slots: &[&'static Slot], now: u64) -> Activity {
    let since = |ns: u64| Duration::from_nanos(now.saturating_sub(ns));
    match task.marks() {
        Marks::NotATask => Activity::Owned,
        Marks::NeverPolled => Activity::NeverPolled,
        Marks::BetweenPolls { since_ns } => Activity::BetweenPolls { elapsed: since(since_ns) },
        Marks::InPoll { since_ns, slot_id } => {
            Activity::InPoll { thread: owner_of(slots, slot_id), elapsed: since(since_ns) }
        }
    }
}

fn owner_of(slots: &[&'static Slot], id: u64) -> Option<Arc<ThreadInfo>> {
    slots.iter().find(|slot| slot.id == id)?.owner()
}

impl Drop for Detector {
    fn drop(&mut self) {
        self.shared.publish(0);
        self.shared.is_watched.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detector")
            .field("due", &self.planned)
            .field("passes", &self.passes)
            .field("stalled", &self.episodes.len())
            .finish_non_exhaustive()
    }
}
