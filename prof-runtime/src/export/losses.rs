//! What was lost on the way out, by where it was lost.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::local::lock;

/// How many metrics were lost, by where: a list of counters that exporters serve beside the numbers themselves.
///
/// A clone is a handle to the same list.
///
/// # Examples
///
/// ```
/// use prof_runtime::export::Losses;
///
/// let losses = Losses::new();
/// let socket = losses.counter("statsd");
/// socket.add(3);
/// assert_eq!(losses.get("statsd"), 3);
/// assert_eq!(losses.total(), 3);
/// ```
#[derive(Clone, Default)]
pub struct Losses {
    counters: Arc<Mutex<Vec<LossCounter>>>,
}

impl Losses {
    /// Creates an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the counter of one place, which is listed from now on; the same one if it is listed already.
    pub fn counter(&self, place: &str) -> LossCounter {
        let mut counters = lock(&self.counters);
        if let Some(known) = counters.iter().find(|counter| counter.place() == place) {
            return known.clone();
        }
        let counter = LossCounter::new(place);
        counters.push(counter.clone());
        counter
    }

    /// Returns how many metrics were lost at one place; 0 if it is not listed.
    pub fn get(&self, place: &str) -> u64 {
        self.counters().iter().find(|counter| counter.place() == place).map_or(0, LossCounter::get)
    }

    /// Returns how many metrics were lost at all places.
    pub fn total(&self) -> u64 {
        self.counters().iter().map(LossCounter::get).fold(0, u64::saturating_add)
    }

    /// Returns every counter, in the order in which they were listed.
    pub fn counters(&self) -> Vec<LossCounter> {
        lock(&self.counters).clone()
    }
}

impl fmt::Debug for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counters = self.counters();
        f.debug_map().entries(counters.iter().map(|counter| (counter.place(), counter.get()))).finish()
    }
}

/// Counts what is lost at one place. A clone is a handle to the same count.
#[derive(Clone)]
pub struct LossCounter(Arc<Count>);

struct Count {
    place: String,
    /// Guards no other data.
    lost: AtomicU64,
}

impl LossCounter {
    pub(crate) fn new(place: &str) -> Self {
        Self(Arc::new(Count { place: place.to_owned(), lost: AtomicU64::new(0) }))
    }

    /// Returns where it counts, such as `statsd`.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    /// Returns how many were lost so far.
    pub fn get(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Counts further ones.
    pub fn add(&self, lost: u64) {
        self.0.lost.fetch_add(lost, Ordering::Relaxed);
    }
}

impl fmt::Debug for LossCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LossCounter").field("place", &self.0.place).field("lost", &self.get()).finish()
    }
}
