//! Snapshots of several aggregators or processes, added up.

use std::collections::btree_map::{BTreeMap, Entry};

use super::Snapshot;

impl Snapshot {
    /// Adds the numbers of `other`: a snapshot of another aggregator, or of another process.
    ///
    /// Functions and values that share group and name are added up, with their histograms, calls in flight and
    /// extremes; the rest is taken over. The latest value of a name is that of the snapshot that was taken later;
    /// counters add up. If the snapshots have values of different kinds under one name, the kind that comes first in
    /// this list stays, and the data points of the other are added to [`values_dropped`](Self::values_dropped): count,
    /// duration, gauge, distribution. The sum covers the time from the earlier start to the later end.
    ///
    /// Snapshots can be merged in any order. Both must not have counted the same calls.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use prof_runtime::{FunctionStats, Outcome, Snapshot};
    ///
    /// let of_process = |calls| {
    ///     let step = FunctionStats::named("train", "step").with_calls(Outcome::Success, calls);
    ///     Snapshot::empty(UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(calls)).with_function(step)
    /// };
    /// let mut all = of_process(3);
    /// all.merge(&of_process(4));
    /// assert_eq!(all.function_in("train", "step").unwrap().success, 7);
    /// assert_eq!(all.elapsed(), Duration::from_secs(4));
    /// ```
    pub fn merge(&mut self, other: &Self) {
        let is_later = other.taken_at > self.taken_at;
        self.started_at = self.started_at.min(other.started_at);
        self.taken_at = self.taken_at.max(other.taken_at);
        self.values_dropped = self.values_dropped.saturating_add(other.values_dropped);
        merge_named(
            &mut self.functions,
            &other.functions,
            |function| (function.group.clone(), function.name.clone()),
            super::FunctionStats::merge,
        );
        let mut dropped = 0_u64;
        merge_named(
            &mut self.values,
            &other.values,
            |value| (value.group.clone(), value.name.clone()),
            |value, other| dropped = dropped.saturating_add(value.merge_any(other, is_later)),
        );
        self.values_dropped = self.values_dropped.saturating_add(dropped);
    }
}

/// Merges `others` into `own`, which stay sorted by their keys.
fn merge_named<T: Clone>(
    own: &mut Vec<T>,
    others: &[T],
    key: impl Fn(&T) -> (String, String),
    mut merge: impl FnMut(&mut T, &T),
) {
    let mut named: BTreeMap<(String, String), T> = BTreeMap::new();
    for one in std::mem::take(own) {
        named.insert(key(&one), one);
    }
    for other in others {
        match named.entry(key(other)) {
            Entry::Occupied(mut entry) => merge(entry.get_mut(), other),
            Entry::Vacant(entry) => drop(entry.insert(other.clone())),
        }
    }
    own.extend(named.into_values());
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::counts::{FunctionStats, ValueStats};
    use crate::model::{MetricValue, Outcome};

    fn function() -> impl Strategy<Value = FunctionStats> {
        let durations = vec((0_u64..5000).prop_map(Duration::from_nanos), 0..4);
        ("[ab]", "[xy]", durations, 0_u64..3, 0_u64..3).prop_map(|(group, name, durations, failures, in_flight)| {
            FunctionStats::named(group, name)
                .with_timed_calls(Outcome::Success, durations)
                .with_calls(Outcome::Failure, failures)
                .with_in_flight(in_flight)
        })
    }

    fn value() -> impl Strategy<Value = ValueStats> {
        let number = prop_oneof![
            (0_u64..9).prop_map(MetricValue::Count),
            (-9_i32..9).prop_map(|gauge| MetricValue::Gauge(gauge.into())),
            (0_u64..9).prop_map(|ms| MetricValue::Duration(Duration::from_millis(ms))),
        ];
        let value = ("[ab]", "[xy]", number, 0_usize..3).prop_map(|(group, name, first, more)| {
            (0..more).fold(ValueStats::named(group, name, first), |value, _| value.with_value(first))
        });
        let numbers = vec(0_u64..5000, 0..4);
        let distribution =
            ("[ab]", "[xy]", numbers).prop_map(|(group, name, numbers)| ValueStats::distributed(group, name, numbers));
        prop_oneof![3 => value, 1 => distribution]
    }

    fn snapshot() -> impl Strategy<Value = Snapshot> {
        (0_u64..100, 0_u64..100, vec(function(), 0..4), vec(value(), 0..4)).prop_map(
            |(start, time, functions, values)| {
                let start = UNIX_EPOCH + Duration::from_secs(start);
                let empty = Snapshot::empty(start, start + Duration::from_secs(time));
                let with_functions = functions.into_iter().fold(empty, Snapshot::with_function);
                values.into_iter().fold(with_functions, Snapshot::with_value)
            },
        )
    }

    /// All but the latest values, which depend on the order if two snapshots were taken at one moment.
    fn shown(snapshot: &Snapshot) -> String {
        let mut snapshot = snapshot.clone();
        for value in &mut snapshot.values {
            value.last = match value.last {
                MetricValue::Count(_) => MetricValue::Count(0),
                MetricValue::Gauge(_) => MetricValue::Gauge(0.0),
                MetricValue::Duration(_) => MetricValue::Duration(Duration::ZERO),
            };
        }
        format!("{snapshot:?}")
    }

    fn merged(one: &Snapshot, other: &Snapshot) -> Snapshot {
        let mut all = one.clone();
        all.merge(other);
        all
    }

    proptest! {
        #[test]
        fn snapshots_merge_in_any_order(a in snapshot(), b in snapshot(), c in snapshot()) {
            prop_assert_eq!(shown(&merged(&a, &b)), shown(&merged(&b, &a)));
            prop_assert_eq!(shown(&merged(&merged(&a, &b), &c)), shown(&merged(&a, &merged(&b, &c))));
            let nothing = Snapshot::empty(a.started_at, a.taken_at);
            prop_assert_eq!(format!("{:?}", merged(&a, &nothing)), format!("{:?}", &a));
        }

        #[test]
        fn a_merged_snapshot_has_all_calls_and_all_data_points(a in snapshot(), b in snapshot()) {
            let all = merged(&a, &b);
            let calls = |snapshot: &Snapshot| snapshot.functions.iter().map(FunctionStats::calls).sum::<u64>();
            prop_assert_eq!(calls(&all), calls(&a) + calls(&b));
            let points = |snapshot: &Snapshot| snapshot.values.iter().map(|value| value.count).sum::<u64>();
            prop_assert_eq!(points(&all) + all.values_dropped, points(&a) + points(&b));
        }
    }

    #[test]
    fn the_latest_value_is_that_of_the_later_snapshot() {
        let at = |seconds, level: f64| {
            Snapshot::empty(UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(seconds))
                .with_value(ValueStats::named("g", "level", level))
        };
        for all in [merged(&at(1, 3.0), &at(2, 4.0)), merged(&at(2, 4.0), &at(1, 3.0))] {
            let level = all.value_in("g", "level").unwrap();
            assert_eq!((level.last, level.count, level.min, level.max), (4.0.into(), 2, Some(3.0), Some(4.0)));
        }
    }
}
