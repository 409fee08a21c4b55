//! Counters of items that were lost on their way to a target.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::base::lock;
use crate::base::text::Foreign;

/// A list of loss counters by target and unit. Exporters publish it beside the other metrics.
///
/// A clone is a handle to the same list.
///
/// # Examples
///
/// ```
/// use prof_runtime::export::{LossUnit, Losses};
///
/// let losses = Losses::new();
/// let counter = losses.counter("statsd", LossUnit::DataPoints);
/// counter.add(3);
/// losses.counter("statsd", LossUnit::Calls).add(1);
/// assert_eq!(losses.get("statsd"), 4);
/// assert_eq!(losses.to_string(), "1 call and 3 data points were lost on their way to statsd");
/// ```
#[derive(Clone, Default)]
pub struct Losses {
    counts: Arc<Mutex<Vec<Arc<Count>>>>,
}

/// The number of items of one unit that were lost on their way to a target.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// The target, such as `statsd:127.0.0.1:8125`.
    pub target: String,
    /// The unit.
    pub unit: LossUnit,
    /// How many items were lost; may be 0.
    pub count: u64,
}

impl fmt::Debug for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loss")
            .field("target", &Foreign(&self.target))
            .field("unit", &self.unit)
            .field("count", &self.count)
            .finish()
    }
}

/// The unit that a [`LossCounter`] counts in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum LossUnit {
    /// Calls of annotated functions; one call is one, although it has several data points.
    Calls,
    /// Data points of `put_metric`, or single data points of a call.
    DataPoints,
    /// Records of contexts.
    Records,
    /// Snapshots: the numbers of all functions since the last snapshot that arrived.
    Snapshots,
}

impl LossUnit {
    /// Returns the name for labels and attributes: `calls`, `data_points`, `records` or `snapshots`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::DataPoints => "data_points",
            Self::Records => "records",
            Self::Snapshots => "snapshots",
        }
    }

    /// The singular, for a sentence.
    const fn singular(self) -> &'static str {
        match self {
            Self::Calls => "call",
            Self::DataPoints => "data point",
            Self::Records => "record",
            Self::Snapshots => "snapshot",
        }
    }
}

impl Losses {
    /// Creates an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a counter of lost items of a unit on their way to `target`, and lists it. Counters of the same target
    /// and unit share one entry of the list, but each has its own [count](LossCounter::get).
    pub fn counter(&self, target: &str, unit: LossUnit) -> LossCounter {
        let mut counts = lock(&self.counts);
        let known = counts.iter().find(|count| count.target == target && count.unit == unit);
        let listed = known.cloned().unwrap_or_else(|| {
            let count = Arc::new(Count::new(target, unit));
            counts.push(Arc::clone(&count));
            count
        });
        LossCounter { listed, own: Arc::default() }
    }

    /// Returns how many items were lost on their way to one target, over all units; 0 if it is not listed.
    pub fn get(&self, target: &str) -> u64 {
        self.list().iter().filter(|loss| loss.target == target).map(|loss| loss.count).fold(0, u64::saturating_add)
    }

    /// Returns how many items were lost on their way to all targets, over all units.
    pub fn total(&self) -> u64 {
        self.list().iter().map(|loss| loss.count).fold(0, u64::saturating_add)
    }

    /// Returns the count of every target and unit, in the order in which they were listed. Counts of 0 are among them.
    pub fn list(&self) -> Vec<Loss> {
        lock(&self.counts).iter().map(|count| count.loss()).collect()
    }

    /// Returns one sentence for each target that lost items.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let mut targets: BTreeMap<String, Tally> = BTreeMap::new();
        for loss in self.list() {
            targets.entry(loss.target).or_default().insert(loss.unit, loss.count);
        }
        targets.iter().filter_map(|(target, tally)| sentence(target, tally)).collect()
    }
}

/// Writes a sentence for each target that lost something, one to a line; nothing if none did.
impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentences().join("\n"))
    }
}

impl fmt::Debug for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = |loss: &Loss| Foreign(format!("{} {}", loss.target, loss.unit.as_str()));
        f.debug_map().entries(self.list().iter().map(|loss| (key(loss), loss.count))).finish()
    }
}

/// A count for each unit.
pub(crate) type Tally = BTreeMap<LossUnit, u64>;

/// Formats what one target lost: `1 snapshot was lost on its way to otlp`. `None` if it lost nothing.
fn sentence(target: &str, tally: &Tally) -> Option<String> {
    let target = Foreign(target);
    match tally.values().fold(0_u64, |sum, count| sum.saturating_add(*count)) {
        0 => None,
        1 => Some(format!("{} was lost on its way to {target}", amounts(tally))),
        _ => Some(format!("{} were lost on their way to {target}", amounts(tally))),
    }
}

/// Formats the count of each unit: `1 call and 2 data points`.
pub(crate) fn amounts(tally: &Tally) -> String {
    let amount = |(unit, count): (&LossUnit, &u64)| match count {
        1 => format!("1 {}", unit.singular()),
        _ => format!("{count} {}s", unit.singular()),
    };
    listed(tally.iter().filter(|(_, count)| **count > 0).map(amount).collect())
}

/// Joins words as in a sentence: `a`, `a and b`, `a, b and c`.
fn listed(mut words: Vec<String>) -> String {
    match words.pop() {
        None => String::new(),
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} and {last}", words.join(", ")),
    }
}

/// Counts lost items of one unit on their way to one target. A clone is a handle to the same count.
#[derive(Clone)]
pub struct LossCounter {
    /// The entry in a list, which other counters may share.
    listed: Arc<Count>,
    /// The items that this counter and its clones counted.
    own: Arc<AtomicU64>,
}

struct Count {
    target: String,
    unit: LossUnit,
    /// Relaxed: orders no other data.
    lost: AtomicU64,
}

impl Count {
    fn new(target: &str, unit: LossUnit) -> Self {
        Self { target: target.to_owned(), unit, lost: AtomicU64::new(0) }
    }

    fn loss(&self) -> Loss {
        Loss { target: self.target.clone(), unit: self.unit, count: self.lost.load(Ordering::Relaxed) }
    }
}

impl LossCounter {
    /// Creates a counter that is in no list.
    pub fn new(target: &str, unit: LossUnit) -> Self {
        Self { listed: Arc::new(Count::new(target, unit)), own: Arc::default() }
    }

    /// Returns the target, such as `statsd`.
    pub fn target(&self) -> &str {
        &self.listed.target
    }

    /// Returns the unit.
    pub fn unit(&self) -> LossUnit {
        self.listed.unit
    }

    /// Returns how many lost items this counter and its clones have counted.
    pub fn get(&self) -> u64 {
        self.own.load(Ordering::Relaxed)
    }

    /// Adds lost items.
    pub fn add(&self, lost: u64) {
        self.own.fetch_add(lost, Ordering::Relaxed);
        self.listed.lost.fetch_add(lost, Ordering::Relaxed);
    }
}

impl fmt::Debug for LossCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LossCounter")
            .field("target", &Foreign(self.target()))
            .field("unit", &self.unit())
            .field("lost", &self.get())
            .finish()
    }
}

/// The loss counters of one handler, one for each unit that a handler receives.
#[derive(Clone, Debug)]
pub struct HandlerLosses {
    pub(crate) calls: LossCounter,
    pub(crate) data_points: LossCounter,
    pub(crate) records: LossCounter,
}

impl HandlerLosses {
    /// Creates counters that are in no list.
    pub fn new(target: &str) -> Self {
        Self::of(|unit| LossCounter::new(target, unit))
    }

    /// Creates counters that `losses` lists from now on, under `target`.
    pub fn listed(losses: &Losses, target: &str) -> Self {
        Self::of(|unit| losses.counter(target, unit))
    }

    fn of(counter: impl Fn(LossUnit) -> LossCounter) -> Self {
        let calls = counter(LossUnit::Calls);
        Self { calls, data_points: counter(LossUnit::DataPoints), records: counter(LossUnit::Records) }
    }

    /// Returns the target, such as `statsd`.
    pub fn target(&self) -> &str {
        self.calls.target()
    }

    fn counters(&self) -> [&LossCounter; 3] {
        [&self.calls, &self.data_points, &self.records]
    }

    /// Returns the counter of a unit. A handler receives no snapshots: they are counted as data points.
    pub fn of_unit(&self, unit: LossUnit) -> &LossCounter {
        match unit {
            LossUnit::Calls => &self.calls,
            LossUnit::Records => &self.records,
            LossUnit::DataPoints | LossUnit::Snapshots => &self.data_points,
        }
    }

    /// Returns how many items were lost, over all units.
    pub fn total(&self) -> u64 {
        self.counters().iter().map(|counter| counter.get()).fold(0, u64::saturating_add)
    }

    /// Returns the losses as a sentence; `None` without any.
    pub(crate) fn sentence(&self) -> Option<String> {
        sentence(self.target(), &self.counters().map(|counter| (counter.unit(), counter.get())).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_said_in_what_was_lost() {
        let check = |counts: &[(u64, LossUnit)], expect: &str| {
            let losses = Losses::new();
            for (count, unit) in counts {
                losses.counter("otlp", *unit).add(*count);
            }
            assert_eq!(losses.to_string(), expect);
        };
        check(&[(1, LossUnit::Snapshots)], "1 snapshot was lost on its way to otlp");
        check(&[(0, LossUnit::Snapshots)], "");
        check(&[(2, LossUnit::DataPoints)], "2 data points were lost on their way to otlp");
        check(
            &[(1, LossUnit::Records), (2, LossUnit::DataPoints), (1, LossUnit::Calls)],
            "1 call, 2 data points and 1 record were lost on their way to otlp",
        );
        check(&[(1, LossUnit::Calls), (0, LossUnit::Records)], "1 call was lost on its way to otlp");
    }

    #[test]
    fn counters_of_one_target_add_up_in_the_list_and_not_in_each_other() {
        let losses = Losses::new();
        let (one, other) = (losses.counter("json", LossUnit::Calls), losses.counter("json", LossUnit::Calls));
        one.add(1);
        one.clone().add(2);
        other.add(4);
        losses.counter("json", LossUnit::DataPoints).add(8);
        losses.counter("statsd", LossUnit::Calls).add(16);
        assert_eq!((one.get(), other.get(), losses.get("json"), losses.total()), (3, 4, 15, 31));
        assert_eq!(losses.list().len(), 3);
    }
}
