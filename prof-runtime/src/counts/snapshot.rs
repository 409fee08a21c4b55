//! The numbers of an aggregator at one moment.

use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::time::{Duration, SystemTime};

use super::values::{Tally, Values, finite};
use super::{Totals, TotalsBySite};
use crate::base::clock;
use crate::counts::histogram::Histogram;
use crate::model::{MetricValue, Objective, Outcome};
use crate::site::{Callsite, Instrument, registry};

/// The numbers of an [`Aggregator`](crate::Aggregator) at one moment, or [between two](Self::since).
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// When counting began.
    #[cfg_attr(feature = "serde", serde(with = "crate::base::serialized::time"))]
    pub started_at: SystemTime,
    /// When the snapshot was taken.
    #[cfg_attr(feature = "serde", serde(with = "crate::base::serialized::time"))]
    pub taken_at: SystemTime,
    /// Every annotated function, also those that were not called, sorted by group and name. Functions that share both
    /// share an entry.
    pub functions: Vec<FunctionStats>,
    /// The values from [`put_metric`](fn@crate::put_metric), counters and gauges, sorted by group and name.
    pub values: Vec<ValueStats>,
    /// Data points that were dropped: there were too many names, or their name was first put with another kind of value.
    pub values_dropped: u64,
}

/// The numbers of one function.
///
/// Numbers that contradict one another, such as a longest duration below the shortest, are not deserialized.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FunctionStats {
    /// The function's name, such as `Store.load`.
    pub name: String,
    /// The function's group.
    pub group: String,
    /// The source file; that of one of them, where several functions share the entry.
    pub file: String,
    /// The line in it, counted from 1.
    pub line: u32,
    /// One call in so many was timed, chosen at random; 1 for all. Counts by outcome are of all calls.
    pub sample: u32,
    /// What the function promises of its calls; several if functions that share the entry promise different things, empty
    /// if none does. Not serialized.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub objectives: Vec<Objective>,
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
    /// In a snapshot [since](Snapshot::since) an earlier one, it is exact if it is the shortest of all time. Otherwise it is
    /// the shortest of the histogram's bucket that it fell into: up to 1/17 less than the exact one.
    pub min_ns: Option<u64>,
    /// The longest duration, in nanoseconds; `None` if no call was timed.
    ///
    /// In a snapshot since an earlier one, it is exact if it is the longest of all time, and otherwise the longest of its
    /// bucket: up to 1/16 more than the exact one.
    pub max_ns: Option<u64>,
    /// All durations that were timed. While calls go on, it may be one behind the counts for each thread that makes them.
    pub histogram: Histogram,
}

/// What became of the data points of one name.
///
/// In a snapshot [since](Snapshot::since) an earlier one, `count` and `sum` are of the data points in between; so are
/// `min` and `max` if there was one, or if they are extremes of all time. Otherwise these are those of all time, which say
/// only that none in between went beyond them.
///
/// A gauge that is not finite is counted and may be the latest, but is not in `sum`, `min` and `max`.
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
    /// Their sum; durations in milliseconds. It stops at the largest number that a float has.
    #[cfg_attr(feature = "serde", serde(with = "crate::base::serialized::float"))]
    pub sum: f64,
    /// The smallest; durations in milliseconds. `None` if no data point is finite, and for a [`Counter`](crate::Counter).
    pub min: Option<f64>,
    /// The largest; durations in milliseconds. `None` if no data point is finite, and for a [`Counter`](crate::Counter).
    pub max: Option<f64>,
    /// The latest, also if it came before the snapshot that this one is since; of a [`Counter`](crate::Counter), the sum of
    /// all time.
    pub last: MetricValue,
}

impl Snapshot {
    pub(crate) fn new(
        started_at: SystemTime,
        mut totals: TotalsBySite,
        in_flight: &HashMap<usize, u64>,
        values: &Values,
    ) -> Self {
        let mut functions: BTreeMap<(String, String), FunctionStats> = BTreeMap::new();
        let mut named: BTreeMap<(String, String), ValueStats> = BTreeMap::new();
        for (group, name, tally) in values.iter() {
            named.insert((group.to_owned(), name.to_owned()), ValueStats::new(group, name, tally));
        }
        let mut values_dropped = values.dropped;
        for site in registry::listed() {
            match site.instrument() {
                None | Some(Instrument::Counter) => drop(totals.of(site)),
                // What was emitted here, as in a scope, is what this aggregator knows of the gauge.
                Some(Instrument::Gauge(cells)) => drop(
                    named
                        .entry((site.group().to_owned(), site.name().to_owned()))
                        .or_insert_with(|| ValueStats::named(site.group(), site.name(), cells.value())),
                ),
            }
        }
        for (key, (site, totals)) in totals.0 {
            if site.instrument().is_some() {
                values_dropped += add_counter(&mut named, site, &totals);
                continue;
            }
            let stats = FunctionStats::new(site, &totals, in_flight.get(&key).copied().unwrap_or(0));
            match functions.entry((stats.group.clone(), stats.name.clone())) {
                Entry::Occupied(mut entry) => entry.get_mut().merge(&stats),
                Entry::Vacant(entry) => drop(entry.insert(stats)),
            }
        }
        Self {
            started_at,
            taken_at: clock::wall_time(),
            functions: functions.into_values().collect(),
            values: named.into_values().collect(),
            values_dropped,
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

    /// Returns the wall-clock time that the snapshot covers; 0 if the clock was set back meanwhile.
    pub fn elapsed(&self) -> Duration {
        self.taken_at.duration_since(self.started_at).unwrap_or_default()
    }

    /// Returns what happened after `earlier`, an earlier snapshot of the same aggregator.
    ///
    /// Counts, sums and histograms are differences, which stop at 0. Extremes cannot be subtracted: see
    /// [`FunctionStats::min_ns`] and [`ValueStats`]. Calls in flight, and the latest value of each name, are those of `self`.
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
                value.subtract(before);
            }
        }
        delta
    }
}

/// Adds the numbers of a counter to those of its name. Returns how many data points that drops, as they are of another
/// kind than what has the name.
fn add_counter(named: &mut BTreeMap<(String, String), ValueStats>, site: &Callsite, totals: &Totals) -> u64 {
    let counter = ValueStats::of_counter(site.group(), site.name(), totals);
    match named.entry((counter.group.clone(), counter.name.clone())) {
        Entry::Vacant(entry) => drop(entry.insert(counter)),
        Entry::Occupied(mut entry) if entry.get().last.kind() == counter.last.kind() => {
            entry.get_mut().merge_counter(&counter);
        }
        Entry::Occupied(_) => return counter.count,
    }
    0
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
            objectives: site.objective().into_iter().collect(),
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
        // Not `clamp`, which panics where someone has set them the other way round.
        Some(estimate.max(self.min_ns.unwrap_or(0)).min(self.max_ns.unwrap_or(u64::MAX)))
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.sample = self.sample.max(other.sample);
        for objective in &other.objectives {
            if !self.objectives.contains(objective) {
                self.objectives.push(*objective);
            }
        }
        self.success = self.success.saturating_add(other.success);
        self.failure = self.failure.saturating_add(other.failure);
        self.panic = self.panic.saturating_add(other.panic);
        self.cancelled = self.cancelled.saturating_add(other.cancelled);
        self.in_flight = self.in_flight.saturating_add(other.in_flight);
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
        self.min_ns = [self.min_ns, other.min_ns].into_iter().flatten().min();
        self.max_ns = self.max_ns.max(other.max_ns);
        self.histogram.merge(&other.histogram);
    }

    /// Returns what happened after `earlier`, the numbers of the same function in an earlier snapshot: as
    /// [`Snapshot::since`] does, for exporters that remember each function by itself.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut delta = self.clone();
        delta.subtract(earlier);
        delta
    }

    /// Removes what an earlier snapshot has of the same function.
    fn subtract(&mut self, earlier: &Self) {
        self.success = self.success.saturating_sub(earlier.success);
        self.failure = self.failure.saturating_sub(earlier.failure);
        self.panic = self.panic.saturating_sub(earlier.panic);
        self.cancelled = self.cancelled.saturating_sub(earlier.cancelled);
        self.total_ns = self.total_ns.saturating_sub(earlier.total_ns);
        self.histogram.subtract(&earlier.histogram);
        let Some(bounds) = self.histogram.bounds_ns() else {
            (self.min_ns, self.max_ns) = (None, None);
            return;
        };
        let (min, max) = (self.min_ns.unwrap_or(0), self.max_ns.unwrap_or(u64::MAX));
        // An extreme that was not there before is one of the durations since.
        let is_new_min = earlier.min_ns.is_none_or(|earlier| min < earlier);
        let is_new_max = earlier.max_ns.is_none_or(|earlier| max > earlier);
        let min = if is_new_min { min } else { min.max(*bounds.start()) };
        let max = if is_new_max { max } else { max.min(*bounds.end()) };
        // A call that ended while the snapshot was taken may be in the histogram only.
        (self.min_ns, self.max_ns) = (Some(min), Some(max.max(min)));
    }
}

impl ValueStats {
    /// Returns what happened after `earlier`, the numbers of the same name in an earlier snapshot: as [`Snapshot::since`]
    /// does, for exporters that remember each name by itself.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut delta = self.clone();
        delta.subtract(earlier);
        delta
    }

    pub(super) fn new(group: impl Into<String>, name: impl Into<String>, tally: &Tally) -> Self {
        let Tally { count, sum, min, max, last } = *tally;
        let (min, max) = if min <= max { (Some(min), Some(max)) } else { (None, None) };
        Self { name: name.into(), group: group.into(), count, sum, min, max, last }
    }

    /// Of a counter, `last` is the exact sum, and what one addition was is not known.
    #[allow(clippy::cast_precision_loss)] // Sums beyond 2^53 lose their last bits, as any float does.
    fn of_counter(group: &str, name: &str, totals: &Totals) -> Self {
        let (count, last) = (totals.outcomes[Outcome::Success.index()], MetricValue::Count(totals.total_ns));
        let (group, name) = (group.to_owned(), name.to_owned());
        Self { name, group, count, sum: totals.total_ns as f64, min: None, max: None, last }
    }

    /// Adds those of a counter of the same name.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Counts add up to what is not negative.
    fn merge_counter(&mut self, counter: &Self) {
        self.count = self.count.saturating_add(counter.count);
        self.sum = finite(self.sum + counter.sum);
        (self.min, self.max) = (None, None);
        self.last = MetricValue::Count(self.sum as u64);
    }

    /// The numbers of the name, as those of one that more data points may follow.
    pub(super) fn tally(&self) -> Tally {
        let (min, max) = (self.min.unwrap_or(f64::INFINITY), self.max.unwrap_or(f64::NEG_INFINITY));
        Tally { count: self.count, sum: self.sum, min, max, last: self.last }
    }

    fn subtract(&mut self, earlier: &Self) {
        if self.last.kind() != earlier.last.kind() {
            return;
        }
        self.count = self.count.saturating_sub(earlier.count);
        self.sum = finite(self.sum - earlier.sum);
        // A gauge of the program is one data point in each snapshot.
        if self.count == 0 && matches!(self.last, MetricValue::Gauge(_)) && self.last != earlier.last {
            (self.count, self.sum) = (1, finite(self.last.as_f64()));
        }
        if self.count == 1 && self.min.is_some() {
            let only = Some(self.last.as_f64()).filter(|only| only.is_finite());
            (self.min, self.max) = (only, only);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::aggregate::Aggregator;
    use crate::handler::MetricHandler as _;
    use crate::model::MetricData;
    use crate::site::CallRecord;

    static SITE: Callsite = Callsite::new("f", || "differences::f::item", "differences", file!(), line!());

    fn call(aggregator: &Aggregator, ns: u64) {
        aggregator.record_call(&CallRecord::new(&SITE, Outcome::Success, Duration::from_nanos(ns)));
    }

    fn difference(before: &[u64], between: &[u64]) -> FunctionStats {
        let aggregator = Aggregator::new();
        for ns in before {
            call(&aggregator, *ns);
        }
        let earlier = aggregator.snapshot();
        for ns in between {
            call(&aggregator, *ns);
        }
        aggregator.snapshot().since(&earlier).function("differences.f").unwrap().clone()
    }

    #[test]
    fn extremes_of_a_difference_are_its_own() {
        let check = |before: &[u64], between: &[u64], expect| {
            let difference = difference(before, between);
            assert_eq!((difference.min_ns, difference.max_ns), expect, "{before:?}, then {between:?}");
        };
        check(&[5, 7], &[], (None, None));
        check(&[], &[5, 7], (Some(5), Some(7)));
        // New extremes are exact, others are those of their buckets: 1000 ns is in that from 992 to 1023 ns.
        check(&[1, 1_000_000], &[1000], (Some(992), Some(1023)));
        check(&[1000, 1001], &[1000, 5000], (Some(1000), Some(5000)));
        check(&[1000, 1001], &[1001], (Some(1000), Some(1001)));
        check(&[3], &[u64::MAX, 2], (Some(2), Some(u64::MAX)));
        check(&[1, u64::MAX], &[u64::MAX - 1], (Some((1 << 41) / 16 * 31), Some(u64::MAX)));
    }

    #[test]
    fn values_of_a_difference_are_its_own_where_they_can_be() {
        let aggregator = Aggregator::new();
        let put = |value: f64| aggregator.emit(&MetricData::new("g", "differences", value));
        put(1.0);
        put(9.0);
        let earlier = aggregator.snapshot();
        put(4.0);
        let one = aggregator.snapshot().since(&earlier);
        let value = one.value("differences").unwrap();
        assert_eq!((value.count, value.sum, value.min, value.max), (1, 4.0, Some(4.0), Some(4.0)));
        put(12.0);
        let two = aggregator.snapshot().since(&earlier);
        let value = two.value("differences").unwrap();
        assert_eq!(
            (value.count, value.sum, value.min, value.max),
            (2, 16.0, Some(1.0), Some(12.0)),
            "1 is of all time"
        );
    }

    #[test]
    fn a_value_that_is_not_finite_leaves_later_differences_alone() {
        for odd in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            let aggregator = Aggregator::new();
            let put = |value: f64| aggregator.emit(&MetricData::new("g", "odd", value));
            put(odd);
            put(1.0);
            let earlier = aggregator.snapshot();
            put(4.0);
            put(odd);
            let later = aggregator.snapshot();
            let value = later.value("odd").unwrap();
            assert_eq!((value.count, value.sum, value.min, value.max), (4, 5.0, Some(1.0), Some(4.0)));
            let between = later.since(&earlier);
            let value = between.value("odd").unwrap();
            assert_eq!((value.count, value.sum), (2, 4.0), "{odd}");
            put(odd);
            let between = aggregator.snapshot().since(&later);
            let value = between.value("odd").unwrap();
            assert_eq!((value.count, value.sum, value.min, value.max), (1, 0.0, None, None), "{odd}");
        }
        let aggregator = Aggregator::new();
        let put = |value: f64| aggregator.emit(&MetricData::new("g", "large", value));
        put(f64::MAX);
        let earlier = aggregator.snapshot();
        put(f64::MAX);
        let later = aggregator.snapshot();
        let sum = |snapshot: &Snapshot| Some(snapshot.value("large").unwrap().sum);
        assert_eq!((sum(&later), sum(&later.since(&earlier))), (Some(f64::MAX), Some(0.0)));
    }

    #[test]
    fn a_name_that_changes_its_kind_mixes_nothing() {
        let aggregator = Aggregator::new();
        aggregator.emit(&MetricData::new("g", "mixed", 3));
        aggregator.emit(&MetricData::new("g", "mixed", 0.5));
        aggregator.emit(&MetricData::new("g", "mixed", 4));
        let snapshot = aggregator.snapshot();
        let value = snapshot.value("mixed").unwrap();
        assert_eq!((value.count, value.sum, value.last), (2, 7.0, MetricValue::Count(4)));
        assert_eq!(snapshot.values_dropped, 1);
    }

    proptest! {
        #[test]
        fn extremes_of_a_difference_are_within_a_bucket(
            before in prop::collection::vec(1_u64..1 << 41, 0..20),
            between in prop::collection::vec(1_u64..1 << 41, 1..20),
        ) {
            let difference = difference(&before, &between);
            let (exact_min, exact_max) = (*between.iter().min().unwrap(), *between.iter().max().unwrap());
            let (min, max) = (difference.min_ns.unwrap(), difference.max_ns.unwrap());
            prop_assert!(min <= exact_min && exact_min - min <= exact_min / 17, "{min} for {exact_min}");
            prop_assert!(max >= exact_max && max - exact_max <= exact_max / 16, "{max} for {exact_max}");
            prop_assert!(before.iter().all(|ns| *ns > exact_min) <= (min == exact_min));
            prop_assert!(before.iter().all(|ns| *ns < exact_max) <= (max == exact_max));
            let quantiles = [0.0, 0.5, 1.0].map(|quantile| difference.quantile_ns(quantile).unwrap());
            prop_assert!(quantiles.is_sorted() && min <= quantiles[0] && quantiles[2] <= max, "{quantiles:?}");
        }
    }
}
