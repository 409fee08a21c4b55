//! Calls and data points as `tracing` events.

use std::fmt;

use tracing::{Level, event};

use crate::{CallRecord, MetricData, MetricHandler, MetricValue, Outcome, UntimedCall};

/// Emits an event of the target `prof` for each call, with `function`, `group`, `outcome` and `duration_ms`, and for
/// each data point, with `name`, `group` and `value`.
///
/// Calls that succeed and data points are of the level `DEBUG`, cancelled ones `INFO`, failures `WARN` and panics
/// `ERROR`. The event is emitted on the thread of the call, at its end, and so within the spans that the call was in.
///
/// # Examples
///
/// ```
/// use prof_runtime::export::TracingHandler;
/// use prof_runtime::{prof, scoped};
///
/// #[prof]
/// fn work() {}
///
/// let _scope = scoped(TracingHandler::new());
/// work(); // Goes to the subscriber that is installed.
/// ```
#[derive(Clone, Default)]
pub struct TracingHandler(());

impl TracingHandler {
    /// Creates a handler that emits events.
    pub fn new() -> Self {
        Self::default()
    }
}

/// An event of a level, which has to be a constant.
macro_rules! call_event {
    ($level:expr, $call:expr $(, $($duration:tt)*)?) => {
        event!(
            target: "prof",
            $level,
            function = $call.callsite().name(),
            group = $call.callsite().group(),
            outcome = $call.outcome().as_str(),
            $($($duration)*)?
        )
    };
}

/// An event of the level that an outcome has.
macro_rules! event_by_outcome {
    ($call:expr $(, $($duration:tt)*)?) => {
        match $call.outcome() {
            Outcome::Success => call_event!(Level::DEBUG, $call $(, $($duration)*)?),
            Outcome::Cancelled => call_event!(Level::INFO, $call $(, $($duration)*)?),
            Outcome::Failure => call_event!(Level::WARN, $call $(, $($duration)*)?),
            Outcome::Panic => call_event!(Level::ERROR, $call $(, $($duration)*)?),
        }
    };
}

impl MetricHandler for TracingHandler {
    fn emit(&self, data: &MetricData<'_>) {
        let (name, group) = (&*data.name, &*data.group_name);
        event!(target: "prof", Level::DEBUG, name, group, value = data.value.as_f64());
    }

    fn record_call(&self, call: &CallRecord<'_>) {
        event_by_outcome!(call, duration_ms = MetricValue::Duration(call.duration()).as_f64());
    }

    fn record_untimed_call(&self, call: &UntimedCall<'_>) {
        event_by_outcome!(call);
    }
}

impl fmt::Debug for TracingHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracingHandler").finish()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::subscriber::with_default;
    use tracing::{Event, Metadata, Subscriber};

    use super::*;
    use crate::site::Callsite;

    /// Writes down the events.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<String>>>);

    struct Fields(String);

    impl Visit for Fields {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            write!(self.0, " {}={value:?}", field.name()).unwrap();
        }
    }

    impl Subscriber for Written {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut fields = Fields(format!("{} {}", event.metadata().level(), event.metadata().target()));
            event.record(&mut fields);
            self.0.lock().unwrap().push(fields.0);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn calls_and_data_points_are_events() {
        static LOAD: Callsite = Callsite::new("load", || "shop::store::load::item", "shop::store", file!(), line!());
        let written = Written::default();
        with_default(written.clone(), || {
            let handler = TracingHandler::new();
            for outcome in Outcome::ALL {
                handler.record_call(&CallRecord::new(&LOAD, outcome, Duration::from_micros(1500)));
            }
            handler.record_untimed_call(&UntimedCall::new(&LOAD, Outcome::Failure));
            handler.emit(&MetricData::new("g", "pages", 3));
        });
        let call = |level, outcome| {
            format!("{level} prof function=\"store.load\" group=\"shop\" outcome=\"{outcome}\" duration_ms=1.5")
        };
        let expect = [
            call("DEBUG", "success"),
            call("WARN", "failure"),
            call("ERROR", "panic"),
            call("INFO", "cancelled"),
            "WARN prof function=\"store.load\" group=\"shop\" outcome=\"failure\"".to_owned(),
            "DEBUG prof name=\"pages\" group=\"g\" value=3.0".to_owned(),
        ];
        assert_eq!(*written.0.lock().unwrap(), expect);
    }
}
