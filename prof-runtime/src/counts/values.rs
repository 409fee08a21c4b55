//! Values from `put_metric`, summed up by group and name.

use std::collections::HashMap;

use crate::model::{MetricData, MetricValue};

/// The most names, over all groups, that have a sum of their own: the default limit of OpenTelemetry.
const MAX_NAMES: usize = 2000;

#[derive(Default)]
pub(crate) struct Values {
    groups: HashMap<String, HashMap<String, Value>>,
    names: usize,
    /// The number of data points that are in no sum, because there were too many names, or because they are of another
    /// kind than the first of their name.
    pub(crate) dropped: u64,
}

/// The data points of one name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    pub(crate) tally: Tally,
    /// Whether a data point of another kind was dropped before, and reported.
    is_mixed: bool,
}

/// The sum and the extremes of the data points of one name, which are all of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    /// The sum of the finite data points. The extremes are of these, too.
    pub(crate) sum: f64,
    /// Above `max` if no data point is finite.
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) last: MetricValue,
}

/// The result of adding a data point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Added {
    /// It was added, or dropped without a message.
    Quietly,
    /// It was dropped because its name has this kind of value, and it is the first one dropped for that.
    Refused { kind: &'static str },
}

impl Values {
    pub(crate) fn add(&mut self, data: &MetricData<'_>) -> Added {
        let known = self.groups.get_mut(&*data.group_name).and_then(|names| names.get_mut(&*data.name));
        match known {
            Some(value) if value.tally.last.kind() == data.value.kind() => value.tally.add(data.value),
            Some(value) => {
                self.dropped += 1;
                if !std::mem::replace(&mut value.is_mixed, true) {
                    return Added::Refused { kind: value.tally.last.kind() };
                }
            }
            None if self.names < MAX_NAMES => {
                self.names += 1;
                let group = self.groups.entry(data.group_name.as_ref().to_owned()).or_default();
                let value = Value { tally: Tally::new(data.value), is_mixed: false };
                group.insert(data.name.as_ref().to_owned(), value);
            }
            None => self.dropped += 1,
        }
        Added::Quietly
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, &Tally)> {
        self.groups.iter().flat_map(|(group, names)| {
            names.iter().map(move |(name, value)| (group.as_str(), name.as_str(), &value.tally))
        })
    }
}

impl Tally {
    pub(crate) fn new(first: MetricValue) -> Self {
        let mut tally = Self { count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, last: first };
        tally.add(first);
        tally
    }

    pub(crate) fn add(&mut self, value: MetricValue) {
        self.count = self.count.saturating_add(1);
        self.last = value;
        let number = value.as_f64();
        // A sum that is not finite would stay so for ever, and no difference of two such sums is a number.
        if number.is_finite() {
            self.sum = finite(self.sum + number);
            self.min = self.min.min(number);
            self.max = self.max.max(number);
        }
    }
}

/// Returns a sum or difference of finite numbers, which stops at the largest float.
pub(crate) fn finite(sum: f64) -> f64 {
    if sum.is_nan() { 0.0 } else { sum.clamp(f64::MIN, f64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_the_rest_is_counted() {
        let mut values = Values::default();
        for i in 0..MAX_NAMES + 5 {
            values.add(&MetricData::new("g", format!("n{i}"), 1));
        }
        values.add(&MetricData::new("g", "n0", 2));
        assert_eq!(values.iter().count(), MAX_NAMES);
        assert_eq!(values.dropped, 5);
        let (_, _, first) = values.iter().find(|(_, name, _)| *name == "n0").unwrap();
        assert_eq!((first.count, first.sum, first.min, first.max), (2, 3.0, 1.0, 2.0));
        assert_eq!(first.last, 2);
    }

    #[test]
    fn a_name_keeps_the_kind_of_its_first_data_point() {
        let mut values = Values::default();
        let mut put = |value: MetricValue| values.add(&MetricData::new("g", "n", value));
        assert_eq!(put(MetricValue::Count(3)), Added::Quietly);
        assert_eq!(put(MetricValue::Gauge(0.5)), Added::Refused { kind: "count" });
        assert_eq!(put(MetricValue::Gauge(0.5)), Added::Quietly, "one message is enough");
        assert_eq!(put(MetricValue::Count(4)), Added::Quietly);
        assert_eq!(values.dropped, 2);
        let (_, _, tally) = values.iter().next().unwrap();
        assert_eq!((tally.count, tally.sum, tally.last), (2, 7.0, MetricValue::Count(4)));
    }
}
