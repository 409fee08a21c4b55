//! Calls and data points for the `metrics` facade, and so for every exporter that there is for it.

use std::fmt;

use metrics::{Label, counter, gauge, histogram};

use crate::{CallRecord, Callsite, MetricData, MetricHandler, MetricValue, Outcome, RecordedNumber, UntimedCall};

/// Forwards to the recorder of the `metrics` facade: each call to the counter `prof_calls_total`, with the labels
/// `function`, `group` and `outcome`, and the histogram `prof_call_duration_seconds`, with `function` and `group`.
///
/// A data point of [`put_metric`](fn@crate::put_metric) keeps its name and has the label `group`: a count is a counter,
/// a gauge a gauge, a duration a histogram in seconds. A number of a [`Distribution`](crate::Distribution) is one of a
/// histogram. The number of names is not
/// bounded here, but by the recorder.
///
/// # Examples
///
/// ```
/// use prof_runtime::export::MetricsFacadeHandler;
/// use prof_runtime::{prof, scoped};
///
/// #[prof]
/// fn work() {}
///
/// let _scope = scoped(MetricsFacadeHandler::new());
/// work(); // Goes to the recorder that is installed.
/// ```
#[derive(Clone, Default)]
pub struct MetricsFacadeHandler(());

impl MetricsFacadeHandler {
    /// Creates a handler that forwards.
    pub fn new() -> Self {
        Self::default()
    }
}

impl MetricHandler for MetricsFacadeHandler {
    fn emit(&self, data: &MetricData<'_>) {
        let name = data.name.clone().into_owned();
        let labels = vec![Label::new("group", data.group_name.clone().into_owned())];
        match data.value {
            MetricValue::Count(count) => counter!(name, labels).increment(count),
            MetricValue::Gauge(value) => gauge!(name, labels).set(value),
            MetricValue::Duration(duration) => histogram!(name, labels).record(duration),
        }
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        count(call.callsite(), call.outcome());
        let (function, group) = (call.callsite().name(), call.callsite().group());
        histogram!("prof_call_duration_seconds", "function" => function, "group" => group).record(call.duration());
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        count(call.callsite(), call.outcome());
    }

    #[allow(clippy::cast_precision_loss)] // Numbers beyond 2^53 lose their last bits, as any float does.
    fn record_number(&self, number: &RecordedNumber<'_>) {
        histogram!(number.name(), "group" => number.group()).record(number.number() as f64);
    }
}

fn count(callsite: &'static Callsite, outcome: Outcome) {
    // Names of functions live as long as the program.
    let (function, group) = (callsite.name(), callsite.group());
    counter!("prof_calls_total", "function" => function, "group" => group, "outcome" => outcome.as_str()).increment(1);
}

impl fmt::Debug for MetricsFacadeHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsFacadeHandler").finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use metrics::{
        Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString,
        Unit, with_local_recorder,
    };

    use super::*;

    /// Writes down what it receives.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<String>>>);

    struct One(Written, String);

    impl Written {
        fn one(&self, kind: &str, key: &Key) -> Arc<One> {
            let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            Arc::new(One(self.clone(), format!("{kind} {} {}", key.name(), labels.join(","))))
        }
    }

    impl One {
        fn write(&self, value: impl fmt::Display) {
            self.0.0.lock().unwrap().push(format!("{}: {value}", self.1));
        }
    }

    impl CounterFn for One {
        fn increment(&self, value: u64) {
            self.write(value);
        }

        fn absolute(&self, _: u64) {
            unreachable!("counts are added");
        }
    }

    impl GaugeFn for One {
        fn increment(&self, _: f64) {
            unreachable!("gauges are set");
        }

        fn decrement(&self, _: f64) {
            unreachable!("gauges are set");
        }

        fn set(&self, value: f64) {
            self.write(value);
        }
    }

    impl HistogramFn for One {
        fn record(&self, value: f64) {
            self.write(value);
        }
    }

    impl Recorder for Written {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            self.one("counter", key).into()
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            self.one("gauge", key).into()
        }

        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            self.one("histogram", key).into()
        }
    }

    #[test]
    fn calls_and_data_points_reach_the_recorder() {
        static LOAD: Callsite = Callsite::new("load", || "shop::store::load::item", "shop::store", file!(), line!());
        let written = Written::default();
        with_local_recorder(&written, || {
            let handler = MetricsFacadeHandler::new();
            handler.record_call(&CallRecord::new(&LOAD, Outcome::Cancelled, Duration::from_millis(1500)));
            handler.record_untimed_call(&UntimedCall::new(&LOAD, Outcome::Success));
            handler.emit(&MetricData::new("g", "pages", 3));
            handler.emit(&MetricData::new("g", "load", -0.5));
            handler.emit(&MetricData::new("g", "wait", Duration::from_millis(250)));
        });
        let expect = [
            "counter prof_calls_total function=store.load,group=shop,outcome=cancelled: 1",
            "histogram prof_call_duration_seconds function=store.load,group=shop: 1.5",
            "counter prof_calls_total function=store.load,group=shop,outcome=success: 1",
            "counter pages group=g: 3",
            "gauge load group=g: -0.5",
            "histogram wait group=g: 0.25",
        ];
        assert_eq!(*written.0.lock().unwrap(), expect);
    }
}
