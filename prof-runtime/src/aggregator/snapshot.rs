//! The numbers of an aggregator at one moment.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use super::values::Values;
use super::{Totals, TotalsBySite, totals_of};
use crate::callsite::{Callsite, callsites};
use crate::clock;
use crate::data::MetricValue;
use crate::histogram::Histogram;
use crate::local;
use crate::outcome::Outcome;

/// The numbers of an [`Aggregator`](crate::Aggregator) at one moment, or [between two](Self::since).
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// When counting began.
    pub started_at: SystemTime,
    /// When the snapshot was taken.
    pub taken_at: SystemTime,
    /// Every annotated function, also those that were not called, sorted by group and name. Functions that share both
    /// share an entry.
    pub functions: Vec<FunctionStats>,
    /// The values from [`put_metric`](fn@crate::put_metric), sorted by group and name.
    pub values: Vec<ValueStats>,
    /// Data points that were dropped because there were too many names.
    pub values_dropped: u64,
}

/// The numbers of one function.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct FunctionStats {
    /// The function's name, such as `Store.load`.
    pub name: String,
    /// The function's group.
    pub group: String,
    /// The source file.
    pub file: String,
    /// The line in it, counted from 1.
    pub line: u32,
    /// One call in so many was timed, chosen at random; 1 for all. Counts by outcome are of all calls.
    #[cfg_attr(feature = "serde", serde(default = "all"))]
    pub sample: u32,
    /// Calls that succeeded.
    pub success: u64,
    /// Calls that failed.
    pub failure: u64,
    /// Calls that unwound.
    pub panic: u64,
    /// Calls that were dropped before they ended.
    pub cancelled: u64,
    /// Calls that had begun and not ended, when the snapshot was taken.
    pub in_flight: u64,
    /// The sum of all durations that were timed, in nanoseconds.
    pub total_ns: u64,
    /// The shortest duration, in nanoseconds; `None` if no call was timed.
    ///
    /// In a snapshot [since](Snapshot::since) an earlier one, the shortest of all time, since extremes cannot be
    /// subtracted.
    pub min_ns: Option<u64>,
    /// The longest duration, in nanoseconds, likewise.
    pub max_ns: Option<u64>,
    /// All durations that were timed. While calls go on, it may be one behind the counts for each thread that makes them.
    pub histogram: Histogram,
}

/// What became of the data points of one name.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ValueStats {
    /// The name.
    pub name: String,
    /// The group.
    pub group: String,
    /// How many data points there were.
    pub count: u64,
    /// Their sum; durations in milliseconds.
    pub sum: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The latest.
    pub last: MetricValue,
}

impl Snapshot {
    pub(super) fn new(started_at: SystemTime, mut totals: TotalsBySite, values: &Values) -> Self {
        let mut functions: BTreeMap<(String, String), FunctionStats> = BTreeMap::new();
        let in_flight = local::in_flight_by_address();
        for site in callsites() {
            totals_of(&mut totals, site);
        }
        for (key, (site, totals)) in totals {
            let stats = FunctionStats::new(site, &totals, in_flight.get(&key).copied().unwrap_or(0));
            match functions.entry((stats.group.clone(), stats.name.clone())) {
                std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().merge(&stats),
                std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(stats)),
            }
        }
        let mut values_of_names: Vec<ValueStats> = values
            .iter()
            .map(|(group, name, value)| ValueStats {
                name: name.to_owned(),
                group: group.to_owned(),
                count: value.count,
                sum: value.sum,
                min: value.min,
                max: value.max,
                last: value.last,
            })
            .collect();
        values_of_names.sort_by(|a, b| (&a.group, &a.name).cmp(&(&b.group, &b.name)));
        Self {
            started_at,
            taken_at: clock::wall_time(),
            functions: functions.into_values().collect(),
            values: values_of_names,
            values_dropped: values.dropped,
        }
    }

    /// Returns the numbers of the function with this name; of several in different groups, the one that was called
    /// most.
    pub fn function(&self, name: &str) -> Option<&FunctionStats> {
        let named = self.functions.iter().filter(|function| function.name == name);
        named.max_by_key(|function| function.calls())
    }

    /// Returns the functions that were called and have ended at least once.
    pub fn called(&self) -> impl Iterator<Item = &FunctionStats> {
        self.functions.iter().filter(|function| function.calls() > 0)
    }

    /// Returns what was put under this name, in any group.
    pub fn value(&self, name: &str) -> Option<&ValueStats> {
        self.values.iter().find(|value| value.name == name)
    }

    /// Returns how long was counted.
    pub fn elapsed(&self) -> Duration {
        self.taken_at.duration_since(self.started_at).unwrap_or_default()
    }

    /// Returns what happened after `earlier`, an earlier snapshot of the same aggregator.
    ///
    /// # Examples
    ///
    /// ```
    /// use prof_runtime::{Aggregator, prof, scoped};
    ///
    /// #[prof(name = "tick")]
    /// fn tick() {}
    ///
    /// let aggregator = Aggregator::new();
    /// let _scope = scoped(aggregator.clone());
    /// tick();
    /// let earlier = aggregator.snapshot();
    /// tick();
    /// tick();
    /// let later = aggregator.snapshot();
    /// assert_eq!(later.since(&earlier).function("tick").unwrap().success, 2);
    /// ```
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut delta = self.clone();
        delta.started_at = earlier.taken_at;
        delta.values_dropped = self.values_dropped.saturating_sub(earlier.values_dropped);
        let before: HashMap<_, _> =
            earlier.functions.iter().map(|function| ((&function.group, &function.name), function)).collect();
        for function in &mut delta.functions {
            if let Some(before) = before.get(&(&function.group, &function.name)) {
                function.subtract(before);
            }
        }
        let before: HashMap<_, _> = earlier.values.iter().map(|value| ((&value.group, &value.name), value)).collect();
        for value in &mut delta.values {
            if let Some(before) = before.get(&(&value.group, &value.name)) {
                value.count = value.count.saturating_sub(before.count);
                value.sum -= before.sum;
            }
        }
        delta
    }
}

/// The sample of what was written before there were samples.
#[cfg(feature = "serde")]
fn all() -> u32 {
    1
}

impl FunctionStats {
    fn new(site: &Callsite, totals: &Totals, in_flight: u64) -> Self {
        let is_timed = totals.min_ns <= totals.max_ns;
        let [success, failure, panic, cancelled] = totals.outcomes;
        Self {
            name: site.name().to_owned(),
            group: site.group().to_owned(),
            file: site.file().to_owned(),
            line: site.line(),
            sample: site.sample(),
            success,
            failure,
            panic,
            cancelled,
            in_flight,
            total_ns: totals.total_ns,
            min_ns: is_timed.then_some(totals.min_ns),
            max_ns: is_timed.then_some(totals.max_ns),
            histogram: Histogram::from_counts(&totals.buckets[..]),
        }
    }

    /// Returns how many calls ended, whatever the outcome; `u64::MAX` if they are more.
    pub fn calls(&self) -> u64 {
        [self.failure, self.panic, self.cancelled].into_iter().fold(self.success, u64::saturating_add)
    }

    /// Returns how many calls ended with this outcome.
    pub fn count(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Success => self.success,
            Outcome::Failure => self.failure,
            Outcome::Panic => self.panic,
            Outcome::Cancelled => self.cancelled,
        }
    }

    /// Returns the time that all calls took, in nanoseconds: the sum of all durations, or, of a
    /// [sampled](Self::sample) function, its estimate from those that were timed.
    pub fn estimated_total_ns(&self) -> u64 {
        match self.histogram.count() {
            timed if timed > 0 && self.sample > 1 => {
                let total = u128::from(self.total_ns) * u128::from(self.calls()) / u128::from(timed);
                u64::try_from(total).unwrap_or(u64::MAX)
            }
            _ => self.total_ns,
        }
    }

    /// Returns the mean duration, in nanoseconds; `None` if no call was timed.
    pub fn mean_ns(&self) -> Option<u64> {
        self.total_ns.checked_div(self.histogram.count())
    }

    /// Returns the duration, in nanoseconds, that a share of `quantile` of all calls does not exceed, within 3.2 %;
    /// `None` if no call was timed. `quantile` is clamped to `0.0..=1.0`.
    ///
    /// Never below the shortest nor above the longest duration.
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        let estimate = self.histogram.quantile_ns(quantile)?;
        Some(estimate.clamp(self.min_ns.unwrap_or(0), self.max_ns.unwrap_or(u64::MAX)))
    }

    fn merge(&mut self, other: &Self) {
        self.sample = self.sample.max(other.sample);
        self.success += other.success;
        self.failure += other.failure;
        self.panic += other.panic;
        self.cancelled += other.cancelled;
        self.in_flight += other.in_flight;
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
        self.min_ns = [self.min_ns, other.min_ns].into_iter().flatten().min();
        self.max_ns = self.max_ns.max(other.max_ns);
        self.histogram.merge(&other.histogram);
    }

    /// Removes what an earlier snapshot has of the same function.
    pub(crate) fn subtract(&mut self, earlier: &Self) {
        self.success = self.success.saturating_sub(earlier.success);
        self.failure = self.failure.saturating_sub(earlier.failure);
        self.panic = self.panic.saturating_sub(earlier.panic);
        self.cancelled = self.cancelled.saturating_sub(earlier.cancelled);
        self.total_ns = self.total_ns.saturating_sub(earlier.total_ns);
        self.histogram.subtract(&earlier.histogram);
    }
}
