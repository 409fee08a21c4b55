//! Snapshots that are put together by hand, for tests of exporters.

use std::time::{Duration, SystemTime};

use super::values::Tally;
use super::{FunctionStats, Snapshot, Totals, ValueStats};
use crate::counts::histogram::Histogram;
use crate::model::{MetricValue, Objective, Outcome};

impl Snapshot {
    /// Creates a snapshot without functions and values, of the time between two moments. An
    /// [`Aggregator`](crate::Aggregator) takes real snapshots; tests of exporters make theirs.
    ///
    /// # Examples
    ///
    /// ```
    /// use prof_runtime::{FunctionStats, Outcome, Snapshot, ValueStats};
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// let load = FunctionStats::named("store", "Store.load")
    ///     .with_timed_calls(Outcome::Success, [2, 4].map(Duration::from_millis))
    ///     .with_calls(Outcome::Cancelled, 1)
    ///     .with_in_flight(3);
    /// let snapshot = Snapshot::empty(UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(10))
    ///     .with_function(load)
    ///     .with_value(ValueStats::named("crawler", "pages", 3).with_value(4));
    ///
    /// let load = snapshot.function("Store.load").unwrap();
    /// assert_eq!((load.calls(), load.success, load.in_flight), (3, 2, 3));
    /// assert_eq!((load.total_ns, load.max_ns), (6_000_000, Some(4_000_000)));
    /// assert_eq!(snapshot.value("pages").unwrap().sum, 7.0);
    /// assert_eq!(snapshot.elapsed(), Duration::from_secs(10));
    /// ```
    pub fn empty(started_at: SystemTime, taken_at: SystemTime) -> Self {
        Self { started_at, taken_at, functions: Vec::new(), values: Vec::new(), values_dropped: 0 }
    }

    /// Adds a function, sorted by group and name. If the snapshot has a function with the same group and name, their
    /// numbers are added up.
    #[must_use]
    pub fn with_function(mut self, function: FunctionStats) -> Self {
        let key = (&function.group, &function.name);
        match self.functions.binary_search_by(|known| (&known.group, &known.name).cmp(&key)) {
            Ok(at) => self.functions[at].merge(&function),
            Err(at) => self.functions.insert(at, function),
        }
        self
    }

    /// Adds a value, sorted by group and name. It replaces a value with the same group and name.
    #[must_use]
    pub fn with_value(mut self, value: ValueStats) -> Self {
        let key = (&value.group, &value.name);
        match self.values.binary_search_by(|known| (&known.group, &known.name).cmp(&key)) {
            Ok(at) => self.values[at] = value,
            Err(at) => self.values.insert(at, value),
        }
        self
    }
}

impl FunctionStats {
    /// Creates the numbers of a function that was not called. It times all its calls, promises nothing, and has neither
    /// a file nor a line.
    pub fn named(group: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            group: group.into(),
            file: String::new(),
            line: 0,
            sample: 1,
            objectives: Vec::new(),
            success: 0,
            failure: 0,
            panic: 0,
            cancelled: 0,
            in_flight: 0,
            total_ns: 0,
            min_ns: None,
            max_ns: None,
            histogram: Histogram::default(),
        }
    }

    /// Adds calls that were not timed.
    #[must_use]
    pub fn with_calls(mut self, outcome: Outcome, calls: u64) -> Self {
        let count = match outcome {
            Outcome::Success => &mut self.success,
            Outcome::Failure => &mut self.failure,
            Outcome::Panic => &mut self.panic,
            Outcome::Cancelled => &mut self.cancelled,
        };
        *count = count.saturating_add(calls);
        self
    }

    /// Adds one call for each duration. A duration above 584 years counts as 584 years.
    #[must_use]
    pub fn with_timed_calls(mut self, outcome: Outcome, durations: impl IntoIterator<Item = Duration>) -> Self {
        let mut calls = 0;
        let durations: Histogram = durations
            .into_iter()
            .inspect(|duration| {
                let ns = saturating_ns(*duration);
                calls += 1;
                self.total_ns = self.total_ns.saturating_add(ns);
                self.min_ns = Some(self.min_ns.map_or(ns, |min| min.min(ns)));
                self.max_ns = self.max_ns.max(Some(ns));
            })
            .collect();
        self.histogram.merge(&durations);
        self.with_calls(outcome, calls)
    }

    /// Sets how many calls have begun and not ended.
    #[must_use]
    pub fn with_in_flight(mut self, calls: u64) -> Self {
        self.in_flight = calls;
        self
    }

    /// Adds an objective, as the attribute declares it.
    #[must_use]
    pub fn with_objective(mut self, objective: Objective) -> Self {
        self.objectives.push(objective);
        self
    }

    /// Sets where the function is: its file, and the line in it, counted from 1.
    #[must_use]
    pub fn with_source(mut self, file: impl Into<String>, line: u32) -> Self {
        self.file = file.into();
        self.line = line;
        self
    }

    /// Sets that one call in `sample` is timed; 0 counts as 1, which is all.
    #[must_use]
    pub fn with_sample(mut self, sample: u32) -> Self {
        self.sample = sample.max(1);
        self
    }
}

impl ValueStats {
    /// Creates the numbers of a [`Distribution`](crate::Distribution) that has recorded these.
    ///
    /// # Examples
    ///
    /// ```
    /// use prof_runtime::ValueStats;
    ///
    /// let sizes = ValueStats::distributed("http", "response_bytes", [200, 300, 100_000]);
    /// assert_eq!((sizes.count, sizes.sum, sizes.min), (3, 100_500.0, Some(200.0)));
    /// assert_eq!(sizes.distribution.unwrap().count(), 3);
    /// ```
    pub fn distributed(
        group: impl Into<String>,
        name: impl Into<String>,
        numbers: impl IntoIterator<Item = u64>,
    ) -> Self {
        let mut totals = Totals::default();
        numbers.into_iter().for_each(|number| totals.add_call(Outcome::Success, Some(number)));
        Self::of_distribution(&group.into(), &name.into(), &totals)
    }

    /// Creates the numbers of a name from its first data point.
    pub fn named(group: impl Into<String>, name: impl Into<String>, first: impl Into<MetricValue>) -> Self {
        Self::new(group, name, &Tally::new(first.into()))
    }

    /// Adds a data point, as the latest one. An aggregator would drop a data point of another kind than the first; this
    /// adds it all the same.
    #[must_use]
    pub fn with_value(self, value: impl Into<MetricValue>) -> Self {
        let mut tally = self.tally();
        tally.add(value.into());
        Self::new(self.group, self.name, &tally)
    }
}

fn saturating_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::aggregate::Aggregator;
    use crate::handler::MetricHandler as _;
    use crate::model::MetricData;
    use crate::site::{CallRecord, Callsite};

    static SITE: Callsite = Callsite::new("f", || "constructed::f::item", "constructed", "f.rs", 7);

    #[test]
    fn a_constructed_snapshot_is_the_one_that_an_aggregator_takes_of_the_same_calls() {
        let durations = [0, 1, 15, 1000, 1001, 1 << 45].map(Duration::from_nanos);
        let aggregator = Aggregator::new();
        for duration in durations {
            aggregator.record_call(&CallRecord::new(&SITE, Outcome::Failure, duration));
        }
        for value in [4.0, 1.5] {
            aggregator.emit(&MetricData::new("constructed", "level", value));
        }
        let taken = aggregator.snapshot();
        let function = FunctionStats::named("constructed", "constructed.f")
            .with_source("f.rs", 7)
            .with_timed_calls(Outcome::Failure, durations);
        let made = Snapshot::empty(taken.started_at, taken.taken_at)
            .with_function(function)
            .with_value(ValueStats::named("constructed", "level", 4.0).with_value(1.5));
        let shown = |snapshot: &Snapshot| {
            format!("{:?} {:?}", snapshot.function("constructed.f").unwrap(), snapshot.value("level").unwrap())
        };
        assert_eq!(shown(&made), shown(&taken));
    }

    #[test]
    fn functions_are_sorted_and_those_that_share_a_name_are_added_up() {
        let named = |group: &str, name: &str| FunctionStats::named(group, name).with_calls(Outcome::Success, 2);
        let snapshot = Snapshot::empty(UNIX_EPOCH, UNIX_EPOCH)
            .with_function(named("b", "f"))
            .with_function(named("a", "z"))
            .with_function(named("b", "f"));
        let found: Vec<_> = snapshot.functions.iter().map(|one| (&*one.group, &*one.name, one.success)).collect();
        assert_eq!(found, [("a", "z", 2), ("b", "f", 4)]);
    }
}
