//! The numbers of an aggregator at one moment.

use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::time::{Duration, SystemTime};

use super::values::Values;
use super::{FunctionStats, Totals, TotalsBySite, ValueStats};
use crate::base::clock;
use crate::base::failing::{FailingCode, Times};
use crate::base::stderr;
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
    /// Every annotated function, called or not, sorted by group and name. Functions with the same group and name share
    /// an entry.
    pub functions: Vec<FunctionStats>,
    /// The values of [`put_metric`](fn@crate::put_metric), counters, gauges and distributions, sorted by group and
    /// name.
    pub values: Vec<ValueStats>,
    /// The number of data points that were dropped, because there were too many names, or because their name has
    /// another kind of value.
    pub values_dropped: u64,
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
                None | Some(Instrument::Counter | Instrument::Distribution) => drop(totals.of(site)),
                // An aggregator that received values of the gauge, as in a scope, keeps those.
                Some(Instrument::Gauge(cells)) => drop(
                    named
                        .entry((site.group().to_owned(), site.name().to_owned()))
                        .or_insert_with(|| ValueStats::named(site.group(), site.name(), cells.value())),
                ),
            }
        }
        for (key, (site, totals)) in totals.0 {
            if let Some(instrument) = site.instrument() {
                values_dropped += add_instrument(&mut named, site, instrument, &totals);
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

    /// Returns the numbers of the function with this name. Of several in different groups, it is the one that was
    /// called most.
    pub fn function(&self, name: &str) -> Option<&FunctionStats> {
        let named = self.functions.iter().filter(|function| function.name == name);
        named.max_by_key(|function| function.calls())
    }

    /// Returns the numbers of the function with this group and name.
    ///
    /// # Examples
    ///
    /// ```
    /// use prof_runtime::{Aggregator, prof, scoped};
    ///
    /// #[prof(name = "open", group = "files")]
    /// fn open() {}
    ///
    /// let aggregator = Aggregator::new();
    /// let _scope = scoped(aggregator.clone());
    /// open();
    /// let snapshot = aggregator.snapshot();
    /// assert_eq!(snapshot.function_in("files", "open").unwrap().success, 1);
    /// assert!(snapshot.function_in("sockets", "open").is_none());
    /// ```
    pub fn function_in(&self, group: &str, name: &str) -> Option<&FunctionStats> {
        self.functions.iter().find(|function| function.group == group && function.name == name)
    }

    /// Returns the functions that were called and have ended at least once.
    pub fn called(&self) -> impl Iterator<Item = &FunctionStats> {
        self.functions.iter().filter(|function| function.calls() > 0)
    }

    /// Returns the value, counter, gauge or distribution with this name, in any group.
    pub fn value(&self, name: &str) -> Option<&ValueStats> {
        self.values.iter().find(|value| value.name == name)
    }

    /// Returns the value, counter, gauge or distribution with this group and name.
    pub fn value_in(&self, group: &str, name: &str) -> Option<&ValueStats> {
        self.values.iter().find(|value| value.group == group && value.name == name)
    }

    /// Returns the wall-clock time that the snapshot covers; 0 if the clock was set back meanwhile.
    pub fn elapsed(&self) -> Duration {
        self.taken_at.duration_since(self.started_at).unwrap_or_default()
    }

    /// Returns the numbers since `earlier`, an earlier snapshot of the same aggregator.
    ///
    /// Counts, sums and histograms are differences, which stop at 0. Extremes cannot be subtracted: see
    /// [`FunctionStats::min_ns`] and [`ValueStats`]. Calls in flight, and the latest value of each name, are those of
    /// `self`.
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

/// Adds the numbers of a counter or a distribution to those of its group and name. Returns how many additions are left
/// out, because the name has another kind of value.
fn add_instrument(
    named: &mut BTreeMap<(String, String), ValueStats>,
    site: &'static Callsite,
    instrument: Instrument,
    totals: &Totals,
) -> u64 {
    let stats = match instrument {
        Instrument::Distribution => ValueStats::of_distribution(site.group(), site.name(), totals),
        Instrument::Counter | Instrument::Gauge(_) => ValueStats::of_counter(site.group(), site.name(), totals),
    };
    match named.entry((stats.group.clone(), stats.name.clone())) {
        Entry::Vacant(entry) => drop(entry.insert(stats)),
        Entry::Occupied(mut entry) if entry.get().is_like(&stats) => entry.get_mut().merge(&stats, true),
        Entry::Occupied(entry) => {
            if stats.count > 0 {
                print_mixed(site, &stats, entry.get());
            }
            return stats.count;
        }
    }
    0
}

/// Prints once that the numbers of an instrument are left out.
#[cold]
fn print_mixed(site: &'static Callsite, left_out: &ValueStats, kept: &ValueStats) {
    if FailingCode::named(site.name()).count() == Some(Times(1)) {
        let (name, group) = (site.name(), site.group());
        stderr::line(format_args!(
            "prof: the {} `{name}` of group `{group}` shares its name with a {}: what it counts is left out and counted as \
             dropped; give each of them a name of its own",
            left_out.kind(),
            kept.kind(),
        ));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::aggregate::Aggregator;
    use crate::handler::MetricHandler as _;
    use crate::model::{MetricData, MetricValue, Outcome};
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
