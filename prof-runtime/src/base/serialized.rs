//! Numbers and times for which formats like JSON have no form of their own.

/// A float: where it is not finite, formats for people have it as the text `NaN`, `Infinity` or `-Infinity`.
pub(crate) mod float {
    use std::fmt;

    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;

    #[allow(clippy::trivially_copy_pass_by_ref)] // As it is called by what `serde` derives.
    pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            value if value.is_finite() || !serializer.is_human_readable() => serializer.serialize_f64(*value),
            value if value.is_nan() => serializer.serialize_str("NaN"),
            value if *value > 0.0 => serializer.serialize_str("Infinity"),
            _ => serializer.serialize_str("-Infinity"),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        match deserializer.is_human_readable() {
            true => deserializer.deserialize_any(FloatVisitor),
            false => deserializer.deserialize_f64(FloatVisitor),
        }
    }

    struct FloatVisitor;

    impl Visitor<'_> for FloatVisitor {
        type Value = f64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
        }

        fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
            Ok(value)
        }

        #[allow(clippy::cast_precision_loss)] // A whole number that a float was written as is one.
        fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
            Ok(value as f64)
        }

        #[allow(clippy::cast_precision_loss)]
        fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
            Ok(value as f64)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
            match text {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
            }
        }
    }
}

/// A time as `serde` has it, in seconds and nanoseconds since the Unix epoch; before that, which `serde` refuses, with
/// seconds below zero.
pub(crate) mod time {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use serde::de::{Deserialize, Deserializer, Error as _};
    use serde::ser::{Serialize as _, Serializer};

    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename = "SystemTime")]
    struct SinceEpoch {
        secs_since_epoch: i64,
        nanos_since_epoch: u32,
    }

    pub(crate) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let since = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => SinceEpoch { secs_since_epoch: seconds(after), nanos_since_epoch: after.subsec_nanos() },
            Err(error) => match error.duration() {
                before if before.subsec_nanos() == 0 => {
                    SinceEpoch { secs_since_epoch: -seconds(before), nanos_since_epoch: 0 }
                }
                // The nanoseconds count forward from the second before.
                before => SinceEpoch {
                    secs_since_epoch: (-seconds(before)).saturating_sub(1),
                    nanos_since_epoch: 1_000_000_000 - before.subsec_nanos(),
                },
            },
        };
        since.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        let SinceEpoch { secs_since_epoch, nanos_since_epoch } = SinceEpoch::deserialize(deserializer)?;
        let seconds = Duration::from_secs(secs_since_epoch.unsigned_abs());
        let start = match secs_since_epoch {
            0.. => UNIX_EPOCH.checked_add(seconds),
            _ => UNIX_EPOCH.checked_sub(seconds),
        };
        let time = start.and_then(|start| start.checked_add(Duration::from_nanos(nanos_since_epoch.into())));
        time.ok_or_else(|| D::Error::custom("a time that this system cannot represent"))
    }
}

#[cfg(all(test, feature = "json"))]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use proptest::prelude::*;

    use crate::aggregate::Aggregator;
    use crate::context::{MetricsContext, publish};
    use crate::counts::Snapshot;
    use crate::export::{Exporter as _, SnapshotLines};
    use crate::handler::JsonLinesHandler;
    use crate::handler::MetricHandler as _;
    use crate::model::context::ContextRecord;
    use crate::model::{MetricData, MetricValue};
    use crate::stream::MetricStream;

    fn is_same(a: f64, b: f64) -> bool {
        a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
    }

    /// All kinds of floats, those that others trip over more often.
    fn float() -> impl Strategy<Value = f64> {
        let special =
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, f64::MIN_POSITIVE / 3.0, f64::MAX, 1e15, 0.1];
        prop_oneof![
            proptest::num::f64::ANY,
            any::<u64>().prop_map(f64::from_bits),
            prop::sample::select(special.to_vec())
        ]
    }

    fn time() -> impl Strategy<Value = SystemTime> {
        (any::<bool>(), 0_u64..1 << 40, 0_u32..1_000_000_000).prop_map(|(is_before, seconds, nanos)| {
            let since = Duration::new(seconds, nanos);
            if is_before { UNIX_EPOCH - since } else { UNIX_EPOCH + since }
        })
    }

    fn value() -> impl Strategy<Value = MetricValue> {
        prop_oneof![
            float().prop_map(MetricValue::Gauge),
            any::<u64>().prop_map(MetricValue::Count),
            any::<Duration>().prop_map(MetricValue::Duration),
        ]
    }

    fn is_same_value(a: MetricValue, b: MetricValue) -> bool {
        match (a, b) {
            (MetricValue::Gauge(a), MetricValue::Gauge(b)) => is_same(a, b),
            _ => a == b,
        }
    }

    proptest! {
        #[test]
        fn every_data_point_reads_back(timestamp in time(), name in "\\PC{0,5}", value in value()) {
            let data = MetricData::at(timestamp, "g", name, value);
            let text = serde_json::to_string(&data).unwrap();
            let read: MetricData<'_> = serde_json::from_str(&text).unwrap();
            prop_assert!(is_same_value(read.value, value), "{text}");
            prop_assert_eq!((read.timestamp, &read.name), (data.timestamp, &data.name));
        }

        #[test]
        fn every_line_of_snapshots_reads_back(values in prop::collection::vec((0..3_u8, value()), 1..9)) {
            let aggregator = Aggregator::new();
            for (name, value) in values {
                aggregator.emit(&MetricData::new("g", format!("n{name}"), value));
            }
            let (reader, writer) = std::io::pipe().unwrap();
            let snapshot = aggregator.snapshot();
            SnapshotLines::to(writer).export(&snapshot).unwrap();
            let text = std::io::read_to_string(reader).unwrap();
            let read: Snapshot = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read.values.len(), snapshot.values.len());
            for (read, value) in read.values.iter().zip(&snapshot.values) {
                prop_assert_eq!(read.count, value.count);
                prop_assert!(is_same(read.sum, value.sum), "{} in {text}", value.sum);
                prop_assert_eq!((read.min, read.max), (value.min, value.max));
                prop_assert!(is_same_value(read.last, value.last), "{text}");
            }
        }

        #[test]
        fn every_line_of_data_points_has_its_number(float in float()) {
            let (reader, writer) = std::io::pipe().unwrap();
            let json = JsonLinesHandler::to(writer);
            json.emit(&MetricData::new("g", "n", float));
            let context = MetricsContext::new(publish("c", MetricStream::new("g", json)));
            context.run(|context| context.set("float", float)).unwrap();
            drop(context);
            let text = std::io::read_to_string(reader).unwrap();
            let [gauge, record]: [serde_json::Value; 2] =
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>().try_into().unwrap();
            for value in [&gauge["gauge"], &record["metrics"]["float"]] {
                prop_assert!(is_same(super::float::deserialize(value).unwrap(), float), "{value} is not {float}");
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_text() {
        let check = |value: f64, expect: &str| {
            assert_eq!(serde_json::to_string(&MetricValue::Gauge(value)).unwrap(), format!("{{\"gauge\":{expect}}}"));
        };
        check(f64::NAN, "\"NaN\"");
        check(f64::INFINITY, "\"Infinity\"");
        check(f64::NEG_INFINITY, "\"-Infinity\"");
        check(-0.0, "-0.0");
        check(2.5, "2.5");
        let read = |text: &str| serde_json::from_str::<MetricValue>(text);
        assert_eq!(read("{\"gauge\":3}").unwrap(), MetricValue::Gauge(3.0));
        assert_eq!(read("{\"gauge\":-3}").unwrap(), MetricValue::Gauge(-3.0));
        let error = read("{\"gauge\":\"nan\"}").unwrap_err().to_string();
        let expect = "invalid value: string \"nan\", expected a number, \"NaN\", \"Infinity\" or \"-Infinity\"";
        assert!(error.starts_with(expect), "{error}");
        read("{\"gauge\":null}").unwrap_err();
    }

    #[test]
    fn a_record_with_numbers_that_are_not_finite_has_them_everywhere() {
        let record = std::sync::Arc::new(std::sync::Mutex::new(None::<ContextRecord>));
        let kept = std::sync::Arc::clone(&record);
        let context = MetricsContext::new(move |record| *kept.lock().unwrap() = Some(record));
        context
            .run(|context| {
                context.add_to_set("set", f64::NAN)?;
                context.set_key_value("map", "k", f64::INFINITY)?;
                context.add_top_n("top", "k", f64::NEG_INFINITY)
            })
            .unwrap();
        let text = serde_json::to_string(&record.lock().unwrap().take().unwrap().metrics).unwrap();
        assert_eq!(text, r#"{"map":{"k":"Infinity"},"set":["NaN"],"top":[["k","-Infinity"]]}"#);
    }

    #[test]
    fn a_time_before_the_epoch_does_not_cost_the_line() {
        let check = |time: SystemTime, seconds: i64, nanos: u32| {
            let text = serde_json::to_string(&MetricData::at(time, "g", "n", 1)).unwrap();
            let expect = format!("{{\"secs_since_epoch\":{seconds},\"nanos_since_epoch\":{nanos}}}");
            assert!(text.contains(&expect), "{text}");
        };
        check(UNIX_EPOCH, 0, 0);
        check(UNIX_EPOCH + Duration::new(1, 5), 1, 5);
        check(UNIX_EPOCH - Duration::new(1, 0), -1, 0);
        check(UNIX_EPOCH - Duration::new(1, 5), -2, 999_999_995);
        let time = |seconds| {
            format!(
                r#"{{"timestamp":{{"secs_since_epoch":{seconds},"nanos_since_epoch":0}},"group_name":"g","name":"n","value":{{"count":1}}}}"#
            )
        };
        serde_json::from_str::<MetricData<'_>>(&time("7")).unwrap();
        let error = serde_json::from_str::<MetricData<'_>>(&time("9223372036854775807")).map(|data| data.timestamp);
        assert!(
            error.is_ok() || error.unwrap_err().to_string().starts_with("a time that this system cannot represent")
        );
    }
}
