//! Deserializes the numbers of a function, and refuses numbers that contradict one another.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::FunctionStats;
use crate::base::text::Foreign;
use crate::counts::histogram::Histogram;

/// [`FunctionStats`] before they are checked.
#[derive(Deserialize)]
struct Unchecked {
    name: String,
    group: String,
    file: String,
    line: u32,
    /// Absent in snapshots that were written before there were samples.
    #[serde(default = "all")]
    sample: u32,
    success: u64,
    failure: u64,
    panic: u64,
    cancelled: u64,
    in_flight: u64,
    total_ns: u64,
    min_ns: Option<u64>,
    max_ns: Option<u64>,
    histogram: Histogram,
}

fn all() -> u32 {
    1
}

/// A contradiction. Counts and durations that do not add up are none: a snapshot is taken while calls go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
enum Contradiction {
    #[error("its `sample` is 0, and one call in so many is timed")]
    Sample,
    #[error("its outcomes are more calls than can be counted")]
    Overflow,
    #[error("it has one of `min_ns` and `max_ns`, and a call that was timed is in both")]
    HalfTimed,
    #[error("its `min_ns` is above its `max_ns`")]
    Extremes,
}

impl Unchecked {
    fn check(&self) -> Result<(), Contradiction> {
        if self.sample == 0 {
            return Err(Contradiction::Sample);
        }
        let outcomes = [self.success, self.failure, self.panic, self.cancelled];
        if outcomes.into_iter().try_fold(0, u64::checked_add).is_none() {
            return Err(Contradiction::Overflow);
        }
        match (self.min_ns, self.max_ns) {
            (Some(min), Some(max)) if min > max => Err(Contradiction::Extremes),
            (Some(_), Some(_)) | (None, None) => Ok(()),
            _ => Err(Contradiction::HalfTimed),
        }
    }
}

impl<'de> Deserialize<'de> for FunctionStats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let function = Unchecked::deserialize(deserializer)?;
        if let Err(contradiction) = function.check() {
            let name = Foreign(&function.name);
            return Err(D::Error::custom(format_args!("the numbers of `{name}` cannot be: {contradiction}")));
        }
        let Unchecked { name, group, file, line, sample, success, failure, panic, cancelled, .. } = function;
        let Unchecked { in_flight, total_ns, min_ns, max_ns, histogram, .. } = function;
        Ok(Self {
            name,
            group,
            file,
            line,
            sample,
            objectives: Vec::new(),
            success,
            failure,
            panic,
            cancelled,
            in_flight,
            total_ns,
            min_ns,
            max_ns,
            histogram,
        })
    }
}

#[cfg(all(test, feature = "json", not(loom)))]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::aggregate::Aggregator;
    use crate::counts::Snapshot;
    use crate::handler::{ConsoleHandler, JsonLinesHandler, MetricHandler};
    use crate::model::{MetricData, Outcome};

    fn function() -> Value {
        json!({
            "name": "f", "group": "g", "file": "f.rs", "line": 1, "sample": 1,
            "success": 3, "failure": 0, "panic": 0, "cancelled": 0, "in_flight": 1,
            "total_ns": 15, "min_ns": 5, "max_ns": 5, "histogram": [[37, 3]],
        })
    }

    fn snapshot() -> Value {
        let time = |seconds| json!({ "secs_since_epoch": seconds, "nanos_since_epoch": 7 });
        let value = json!({
            "name": "v", "group": "g", "count": 2, "sum": 3.5, "min": -1.0, "max": 4.5, "last": { "gauge": 4.5 },
        });
        let distribution = json!({
            "name": "d", "group": "g", "count": 3, "sum": 15.0, "min": 5.0, "max": 5.0, "last": { "gauge": 5.0 },
            "distribution": [[37, 3]],
        });
        json!({
            "started_at": time(1000), "taken_at": time(2000), "values_dropped": 0,
            "functions": [function(), function()], "values": [value, distribution],
        })
    }

    #[track_caller]
    fn refused(change: Value, expect: &str) {
        let Value::Object(change) = change else { panic!("{change}") };
        let mut function = function();
        function.as_object_mut().unwrap().extend(change);
        let error = serde_json::from_value::<FunctionStats>(function).unwrap_err();
        assert!(error.to_string().starts_with(expect), "{error}");
    }

    #[test]
    fn numbers_that_contradict_one_another_are_refused_and_named() {
        serde_json::from_value::<FunctionStats>(function()).unwrap();
        let cannot_be = "the numbers of `f` cannot be: ";
        refused(json!({ "min_ns": 6 }), &format!("{cannot_be}its `min_ns` is above its `max_ns`"));
        refused(json!({ "min_ns": null }), &format!("{cannot_be}it has one of `min_ns` and `max_ns`"));
        refused(json!({ "max_ns": null }), &format!("{cannot_be}it has one of `min_ns` and `max_ns`"));
        refused(json!({ "sample": 0 }), &format!("{cannot_be}its `sample` is 0"));
        refused(json!({ "failure": u64::MAX }), &format!("{cannot_be}its outcomes are more calls than"));
        refused(json!({ "histogram": [[9999, 3]] }), "no duration falls into bucket 9999 of a histogram");
        refused(json!({ "name": "a\u{1b}b", "sample": 0 }), "the numbers of `a\\u{1b}b` cannot be: ");
    }

    #[test]
    fn what_was_written_before_there_were_samples_is_read() {
        let mut function = function();
        function.as_object_mut().unwrap().remove("sample");
        assert_eq!(serde_json::from_value::<FunctionStats>(function).unwrap().sample, 1);
    }

    /// JSON of any shape, with numbers at which something ends.
    fn any_json() -> impl Strategy<Value = Value> {
        let number = prop_oneof![
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            prop::sample::select(vec![0, 1, 672, 673, 65535, u64::from(u32::MAX), u64::MAX - 1, u64::MAX])
                .prop_map(Value::from),
        ];
        let leaf =
            prop_oneof![number, Just(Value::Null), any::<bool>().prop_map(Value::from), ".{0,9}".prop_map(Value::from)];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(
                    prop_oneof![".{0,4}", Just("count".to_owned()), Just("duration".to_owned())],
                    inner,
                    0..3
                )
                .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Every place in it that can be something else.
    fn places(value: &Value, path: &str) -> Vec<String> {
        let inner: Vec<String> = match value {
            Value::Array(values) => {
                let inner = values.iter().enumerate();
                inner.flat_map(|(at, value)| places(value, &format!("{path}/{at}"))).collect()
            }
            Value::Object(values) => values
                .iter()
                .flat_map(|(key, value)| {
                    places(value, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")))
                })
                .collect(),
            _ => Vec::new(),
        };
        std::iter::once(path.to_owned()).chain(inner).collect()
    }

    /// Calls every method of a snapshot.
    fn ask_everything(snapshot: &Snapshot, other: &Snapshot) {
        for function in &snapshot.functions {
            let _ = (function.calls(), function.estimated_total_ns(), function.mean_ns(), function.histogram.count());
            let _ = [Outcome::Success, Outcome::Cancelled].map(|outcome| function.count(outcome));
            for quantile in [-1.0, 0.0, 0.5, 1.0, f64::NAN, f64::INFINITY] {
                let _ = function.quantile_ns(quantile);
            }
        }
        for value in &snapshot.values {
            for quantile in [-1.0, 0.0, 0.5, 1.0, f64::NAN, f64::INFINITY] {
                let _ = value.quantile(quantile);
            }
        }
        let _ = (snapshot.elapsed(), snapshot.function("f"), snapshot.called().count(), snapshot.value("v"));
        let _ = (snapshot.function_in("g", "f"), snapshot.value_in("g", "d"));
        let mut merged = snapshot.clone();
        merged.merge(other);
        let text = serde_json::to_string(&merged).unwrap();
        let read = serde_json::from_str::<Snapshot>(&text);
        assert!(read.is_ok(), "{read:?} of {text}");
        let difference = snapshot.since(other);
        #[cfg(feature = "report")]
        let _ = (snapshot.to_table(), difference.to_table());
        let text = serde_json::to_string(&difference).unwrap();
        let read = serde_json::from_str::<Snapshot>(&text);
        assert!(read.is_ok(), "{read:?} of {text}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn a_snapshot_with_anything_in_it_is_refused_or_answers_everything(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any_json()), 0..4),
        ) {
            let mut json = snapshot();
            for (at, change) in changes {
                let places = places(&json, "");
                *json.pointer_mut(at.get::<String>(&places)).unwrap() = change;
            }
            let plain: Snapshot = serde_json::from_value(snapshot()).unwrap();
            if let Ok(read) = serde_json::from_str::<Snapshot>(&json.to_string()) {
                ask_everything(&read, &plain);
                ask_everything(&plain, &read);
                ask_everything(&read, &read);
            }
        }

        #[test]
        fn a_data_point_with_anything_in_it_is_refused_or_taken(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any_json()), 0..3),
            kind in prop::sample::select(vec![
                json!({ "count": 3 }), json!({ "gauge": -0.5 }), json!({ "duration": { "secs": 1, "nanos": 7 } }),
            ]),
        ) {
            let time = json!({ "secs_since_epoch": 1000, "nanos_since_epoch": 7 });
            let mut json = json!({ "timestamp": time, "group_name": "g", "name": "n", "value": kind });
            prop_assert!(serde_json::from_value::<MetricData<'static>>(json.clone()).is_ok());
            for (at, change) in changes {
                let places = places(&json, "");
                *json.pointer_mut(at.get::<String>(&places)).unwrap() = change;
            }
            if let Ok(data) = serde_json::from_value::<MetricData<'static>>(json) {
                let aggregator = Aggregator::new();
                for handler in [
                    &aggregator as &dyn MetricHandler, &ConsoleHandler::to(std::io::sink()), &JsonLinesHandler::to(std::io::sink()),
                ] {
                    handler.emit(&data);
                    handler.emit(&data);
                    prop_assert!(handler.flush().is_ok());
                }
                let snapshot = aggregator.snapshot();
                ask_everything(&snapshot, &snapshot);
                let _ = (data.value.to_string(), data.into_owned());
            }
        }

        #[test]
        fn anything_is_refused_or_answers_everything(json in any_json()) {
            if let Ok(read) = serde_json::from_str::<Snapshot>(&json.to_string()) {
                ask_everything(&read, &read);
            }
        }
    }
}
