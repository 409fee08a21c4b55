//! Values from `put_metric`, summed up by group and name.

use std::collections::HashMap;

use crate::model::{MetricData, MetricValue};

/// How many names, over all groups, have a sum of their own: the default limit of OpenTelemetry.
const MAX_NAMES: usize = 2000;

#[derive(Default)]
pub(crate) struct Values {
    groups: HashMap<String, HashMap<String, Value>>,
    names: usize,
    /// Data points whose name came when there was no room left.
    pub(crate) dropped: u64,
}

/// The data points of one name.
#[derive(Clone, Copy)]
pub(crate) struct Value {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) last: MetricValue,
}

impl Values {
    pub(crate) fn add(&mut self, data: &MetricData<'_>) {
        let known = self.groups.get_mut(&*data.group_name).and_then(|names| names.get_mut(&*data.name));
        if let Some(value) = known {
            value.add(data.value);
        } else if self.names < MAX_NAMES {
            self.names += 1;
            let group = self.groups.entry(data.group_name.as_ref().to_owned()).or_default();
            group.insert(data.name.as_ref().to_owned(), Value::new(data.value));
        } else {
            self.dropped += 1;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.groups
            .iter()
            .flat_map(|(group, names)| names.iter().map(move |(name, value)| (group.as_str(), name.as_str(), value)))
    }
}

impl Value {
    fn new(value: MetricValue) -> Self {
        let number = value.as_f64();
        Self { count: 1, sum: number, min: number, max: number, last: value }
    }

    fn add(&mut self, value: MetricValue) {
        let number = value.as_f64();
        self.count += 1;
        self.sum += number;
        self.min = self.min.min(number);
        self.max = self.max.max(number);
        self.last = value;
    }
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
}
