//! `ContextRecord`: the result of a context.

use std::{collections::BTreeMap, time::Duration};

use super::{number::Number, outcome::ContextFailure, value::ContextValue};

/// The metrics that a context gathered from its start to its end: the argument of `on_exit`.
///
/// With the feature `serde` it can be serialized: numbers as numbers (those that are not
/// finite as the text `NaN`, `Infinity` or `-Infinity` in formats for people), sets as arrays, a top-n as an array of
/// `[key, value]` from the largest, and `error` as `null` or an object that says its `kind`.
///
/// # Examples
///
/// ```
/// use prof_runtime::context::MetricsContext;
///
/// let (records, reported) = std::sync::mpsc::channel();
/// let ctx = MetricsContext::new(move |record| records.send(record).unwrap());
/// let entered = ctx.enter();
/// entered.set("ratio", 0.5)?;
/// entered.set("file", "main.rs")?;
/// entered.increment("bytes", 512)?;
/// drop(entered);
///
/// let record = reported.recv().unwrap();
/// let numbers: Vec<_> = record.numbers().map(|(metric, number)| (metric, number.as_f64())).collect();
/// assert_eq!(numbers, [("bytes", 512.0), ("ratio", 0.5)]);
/// # Ok::<(), prof_runtime::context::ContextError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ContextRecord {
    /// When the outermost entry started (or the first increment came), in nanoseconds since the epoch.
    pub start_ns: u64,
    /// When the last entry ended, in nanoseconds since the epoch: never before `start_ns`, also when the wall clock
    /// was set back in between.
    pub end_ns: u64,
    /// All metrics, by name.
    pub metrics: BTreeMap<String, ContextValue>,
    /// Why the work failed; `None` if it did not.
    pub error: Option<ContextFailure>,
}

impl ContextRecord {
    /// Returns the time from start to end, by the monotonic clock.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.end_ns.saturating_sub(self.start_ns))
    }

    /// Iterates over the metrics that are integers or floats, by name.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, Number)> {
        self.metrics.iter().filter_map(|(metric, value)| Some((metric.as_str(), value.as_number()?)))
    }
}
