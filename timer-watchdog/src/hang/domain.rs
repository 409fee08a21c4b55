//! A domain: the slots of threads and tasks that one watcher watches, and the time that their deadlines count on.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::attach;
use super::slot::Slot;
use super::task::TaskSlot;
use crate::time::Clock;

pub use super::attach::Entered;

/// The domain of every thread that has not entered another.
static GLOBAL: LazyLock<Domain> = LazyLock::new(|| Domain::new(Clock::monotonic()));

/// Threads and tasks that one watcher watches.
///
/// Programs use [`Domain::global`] and need not name it. Other domains are for tests, each with a mock clock and
/// without the scopes of others: a thread is in such a domain from [`enter`](Domain::enter) until the drop of the
/// result. A domain and its slots stay allocated until the program ends. It has as many slots as it ever had threads
/// and tasks at once.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::{MockClock, hang};
///
/// let mock = MockClock::new();
/// let domain = hang::Domain::new(mock.clock());
/// let mut detector = hang::HangConfig::new().detector(&domain)?;
/// let _here = domain.enter();
///
/// let _scope = hang::watch(Duration::from_millis(80));
/// mock.advance(Duration::from_millis(80));
/// let events = detector.pass();
/// assert!(matches!(&events[..], [timer_watchdog::Event::Stalled(stall)] if stall.level == hang::Level::Hard));
/// # Ok::<(), timer_watchdog::StartError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Domain {
    shared: &'static Shared,
}

/// Counts of guards that were not used as intended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct GuardStats {
    /// Guards that were dropped before a guard acquired later on the same thread.
    pub out_of_order: u64,
    /// Scopes that were live when their thread ended.
    pub leaked: u64,
    /// Scopes that ran unwatched because their thread nests more than 4096.
    pub too_deep: u64,
}

/// The state of a domain, which slots point to.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    /// The published time that deadlines count from. Zero while the watcher does not publish.
    published: AtomicU64,
    /// The sum of all gaps. The domain's time is the clock's time less this.
    credited_ns: AtomicU64,
    /// Whether there is a detector. At most one at a time.
    pub(super) is_watched: AtomicBool,
    registry: Mutex<Registry>,
    /// Changes when the registry allocates a slot.
    growth: AtomicU64,
    out_of_order: AtomicU64,
    leaked: AtomicU64,
    too_deep: AtomicU64,
}

/// All slots, and the free ones among them.
#[derive(Default)]
struct Registry {
    threads: Vec<&'static Slot>,
    free_threads: Vec<&'static Slot>,
    tasks: Vec<&'static TaskSlot>,
    free_tasks: Vec<&'static TaskSlot>,
}

impl Domain {
    /// Returns a new domain, whose deadlines count on `clock`.
    pub fn new(clock: Clock) -> Self {
        let shared = Shared {
            clock,
            published: AtomicU64::new(0),
            credited_ns: AtomicU64::new(0),
            is_watched: AtomicBool::new(false),
            registry: Mutex::default(),
            growth: AtomicU64::new(1),
            out_of_order: AtomicU64::new(0),
            leaked: AtomicU64::new(0),
            too_deep: AtomicU64::new(0),
        };
        Self { shared: Box::leak(Box::new(shared)) }
    }

    /// Returns the domain of every thread that has not entered another.
    pub fn global() -> Self {
        *GLOBAL
    }

    /// Puts the calling thread into this domain until the result is dropped.
    pub fn enter(&self) -> Entered {
        attach::enter(self.shared)
    }

    /// Returns the counts so far.
    pub fn guard_stats(&self) -> GuardStats {
        GuardStats {
            out_of_order: self.shared.out_of_order.load(Ordering::Relaxed),
            leaked: self.shared.leaked.load(Ordering::Relaxed),
            too_deep: self.shared.too_deep.load(Ordering::Relaxed),
        }
    }

    pub(super) fn shared(self) -> &'static Shared {
        self.shared
    }
}

impl Shared {
    /// Returns the time that a deadline counts from, in nanoseconds.
    ///
    /// While published, this is ahead of the true time by up to one pass: a deadline is late rather than early.
    #[inline]
    pub(crate) fn base(&self) -> u64 {
        match self.published.load(Ordering::Relaxed) {
            0 => self.now(),
            published => published,
        }
    }

    /// Returns the domain's time by the clock, in nanoseconds.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        let credited = self.credited_ns.load(Ordering::Relaxed);
        self.clock.now().as_nanos().saturating_sub(credited)
    }

    /// Sets the domain's time back by a gap. Only the detector calls it.
    pub(super) fn credit(&self, gap_ns: u64) {
        self.credited_ns.fetch_add(gap_ns, Ordering::Relaxed);
    }

    /// Publishes the time that deadlines count from. Zero ends the publication. Only the detector calls it.
    pub(super) fn publish(&self, base: u64) {
        self.published.store(base, Ordering::Relaxed);
    }

    /// Gives the calling thread a slot.
    pub(super) fn take_slot(&'static self) -> &'static Slot {
        let mut registry = self.registry();
        let slot = registry.free_threads.pop().unwrap_or_else(|| {
            let id = registry.threads.len() as u64 + 1;
            let slot: &'static Slot = Box::leak(Box::new(Slot::new(self, id)));
            registry.threads.push(slot);
            // So that its return, at the end of a thread, does not allocate.
            let all = registry.threads.len();
            registry.free_threads.reserve(all);
            self.growth.fetch_add(1, Ordering::Release);
            slot
        });
        drop(registry);
        slot.occupy();
        slot
    }

    /// Takes back a slot of the calling thread.
    pub(super) fn give_slot_back(&self, slot: &'static Slot) {
        let leaked = slot.vacate();
        self.leaked.fetch_add(leaked as u64, Ordering::Relaxed);
        self.registry().free_threads.push(slot);
    }

    pub(super) fn take_task_slot(&self) -> &'static TaskSlot {
        let mut registry = self.registry();
        registry.free_tasks.pop().unwrap_or_else(|| {
            let slot: &'static TaskSlot = Box::leak(Box::new(TaskSlot::new()));
            registry.tasks.push(slot);
            let all = registry.tasks.len();
            registry.free_tasks.reserve(all);
            self.growth.fetch_add(1, Ordering::Release);
            slot
        })
    }

    pub(super) fn give_task_slot_back(&self, slot: &'static TaskSlot) {
        self.registry().free_tasks.push(slot);
    }

    /// Returns a number that changes when there are more slots.
    pub(super) fn growth(&self) -> u64 {
        self.growth.load(Ordering::Acquire)
    }

    /// Returns all slots, the free ones included.
    pub(super) fn slots(&self) -> (Vec<&'static Slot>, Vec<&'static TaskSlot>) {
        let registry = self.registry();
        (registry.threads.clone(), registry.tasks.clone())
    }

    #[cold]
    pub(crate) fn count_out_of_order(&self) {
        self.out_of_order.fetch_add(1, Ordering::Relaxed);
    }

    #[cold]
    pub(crate) fn count_too_deep(&self) {
        self.too_deep.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the lock. Thread guards never do after the first one of a thread.
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domain")
            .field("clock", &self.shared.clock)
            .field("guard_stats", &self.guard_stats())
            .finish_non_exhaustive()
    }
}
