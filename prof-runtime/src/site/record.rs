//! A finished call, whole.

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use crate::base::clock;
use crate::model::{MetricData, MetricValue, Outcome};
use crate::site::Callsite;

/// One finished call of an annotated function, as [`MetricHandler::record_call`](crate::MetricHandler::record_call)
/// receives it.
/// [`into_owned`](Self::into_owned) makes one that can be kept.
#[derive(Clone)]
pub struct CallRecord<'a> {
    callsite: &'static Callsite,
    outcome: Outcome,
    /// The clock's reading at the end of the call.
    end_ticks: u64,
    duration_ns: u64,
    /// Reserves the lifetime for fields that borrow.
    borrows: PhantomData<&'a ()>,
}

impl<'a> CallRecord<'a> {
    /// Creates the record of a call that ends now, for instance to test a handler.
    ///
    /// A duration beyond 2^64 ns (584 years) is saturated.
    pub fn new(callsite: &'static Callsite, outcome: Outcome, duration: Duration) -> Self {
        let duration_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self::at(callsite, outcome, clock::ticks(), duration_ns)
    }

    pub(crate) fn at(callsite: &'static Callsite, outcome: Outcome, end_ticks: u64, duration_ns: u64) -> Self {
        Self { callsite, outcome, end_ticks, duration_ns, borrows: PhantomData }
    }

    /// Returns a record that borrows nothing, for a handler that keeps calls or sends them to another thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use prof_runtime::{CallRecord, MetricData, MetricHandler, prof, scoped};
    ///
    /// #[derive(Default)]
    /// struct Calls(Mutex<Vec<CallRecord<'static>>>);
    ///
    /// impl MetricHandler for Calls {
    ///     fn emit(&self, _: &MetricData<'_>) {}
    ///
    ///     fn record_call(&self, call: &CallRecord<'_>) {
    ///         self.0.lock().unwrap().push(call.clone().into_owned());
    ///     }
    /// }
    ///
    /// #[prof(name = "fetch")]
    /// fn fetch() {}
    ///
    /// let calls = Arc::new(Calls::default());
    /// let scope = scoped(calls.clone());
    /// fetch();
    /// drop(scope);
    /// assert_eq!(calls.0.lock().unwrap()[0].callsite().name(), "fetch");
    /// ```
    pub fn into_owned(self) -> CallRecord<'static> {
        CallRecord::at(self.callsite, self.outcome, self.end_ticks, self.duration_ns)
    }

    /// Returns the function that was called.
    pub fn callsite(&self) -> &'static Callsite {
        self.callsite
    }

    /// Returns how the call ended.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Returns how long the call took: for a future, from its first poll to its end or drop.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.duration_ns)
    }

    /// Returns how long the call took, in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        self.duration_ns
    }

    /// Returns when the call ended, by the wall clock, which is read here and not per call.
    pub fn timestamp(&self) -> SystemTime {
        clock::wall_time_of(self.end_ticks)
    }

    /// Returns the call as two data points: `NAME.success`, `NAME.failure` or `NAME.cancelled` with the
    /// value 1, then `NAME.duration.ms`. A panic is a failure here.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use prof_runtime::{CallRecord, Outcome, callsites, prof};
    ///
    /// #[prof(name = "load", group = "store")]
    /// fn load() {}
    /// # load();
    ///
    /// let load = callsites().find(|callsite| callsite.name() == "load").unwrap();
    /// let record = CallRecord::new(load, Outcome::Success, Duration::from_micros(1500));
    /// let [outcome, duration] = record.data_points();
    /// assert_eq!((&*outcome.name, outcome.value.as_f64()), ("load.success", 1.0));
    /// assert_eq!((&*duration.name, duration.value.as_f64()), ("load.duration.ms", 1.5));
    /// assert_eq!(duration.group_name, "store");
    /// ```
    pub fn data_points(&self) -> [MetricData<'a>; 2] {
        let timestamp = self.timestamp();
        let group = self.callsite.group();
        let outcome = self.callsite.outcome_name(self.outcome);
        let duration = self.callsite.duration_name();
        [
            MetricData::at(timestamp, group, outcome, MetricValue::Count(1)),
            MetricData::at(timestamp, group, duration, MetricValue::Duration(self.duration())),
        ]
    }
}

/// One finished call that was not timed, since its function is sampled (`#[prof(sample = N)]`), as
/// [`MetricHandler::record_untimed_call`](crate::MetricHandler::record_untimed_call) receives it.
/// [`into_owned`](Self::into_owned) makes one that can be kept.
#[derive(Clone)]
pub struct UntimedCall<'a> {
    callsite: &'static Callsite,
    outcome: Outcome,
    /// When it ended, if that is not now.
    timestamp: Option<SystemTime>,
    borrows: PhantomData<&'a ()>,
}

impl<'a> UntimedCall<'a> {
    /// Creates the record of a call that ends now, for instance to test a handler.
    pub fn new(callsite: &'static Callsite, outcome: Outcome) -> Self {
        Self { callsite, outcome, timestamp: None, borrows: PhantomData }
    }

    /// Returns a record that borrows nothing and keeps its time, which is read here.
    pub fn into_owned(self) -> UntimedCall<'static> {
        let (callsite, outcome, timestamp) = (self.callsite, self.outcome, Some(self.timestamp()));
        UntimedCall { callsite, outcome, timestamp, borrows: PhantomData }
    }

    /// Returns the function that was called.
    pub fn callsite(&self) -> &'static Callsite {
        self.callsite
    }

    /// Returns how the call ended.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Returns when the call ended, by the wall clock, which is read here and not per call.
    pub fn timestamp(&self) -> SystemTime {
        self.timestamp.unwrap_or_else(clock::wall_time)
    }

    /// Returns the call as a data point: `NAME.success`, `NAME.failure` or `NAME.cancelled` with the value 1. A panic
    /// is a failure here.
    pub fn data_point(&self) -> MetricData<'a> {
        let name = self.callsite.outcome_name(self.outcome);
        MetricData::at(self.timestamp(), self.callsite.group(), name, MetricValue::Count(1))
    }
}

impl fmt::Debug for UntimedCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntimedCall")
            .field("function", &self.callsite.name())
            .field("group", &self.callsite.group())
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CallRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallRecord")
            .field("function", &self.callsite.name())
            .field("group", &self.callsite.group())
            .field("outcome", &self.outcome)
            .field("duration", &self.duration())
            .finish_non_exhaustive()
    }
}
