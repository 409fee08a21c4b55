//! Data points: what a handler's `emit` receives.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

#[cfg(feature = "enabled")]
use crate::base::clock;
#[cfg(feature = "enabled")]
use crate::model::context::Number;

/// One data point: a value with a name, in a group, at a time.
///
/// # Examples
///
/// ```
/// use prof_runtime::{MetricData, MetricValue};
///
/// let data = MetricData::new("crawler", "pages", 3);
/// assert_eq!(data.group_name, "crawler");
/// assert_eq!(data.value, MetricValue::Count(3));
/// ```
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MetricData<'a> {
    /// When the value was measured, by the wall clock.
    #[cfg_attr(feature = "serde", serde(with = "crate::base::serialized::time"))]
    pub timestamp: SystemTime,
    /// The group: by default the name of the crate that emitted it.
    pub group_name: Cow<'a, str>,
    /// The name of the metric, such as `Store.load.duration.ms`.
    pub name: Cow<'a, str>,
    /// The value.
    pub value: MetricValue,
}

impl<'a> MetricData<'a> {
    /// Creates a data point with the current time.
    #[cfg(feature = "enabled")]
    pub fn new(
        group_name: impl Into<Cow<'a, str>>,
        name: impl Into<Cow<'a, str>>,
        value: impl Into<MetricValue>,
    ) -> Self {
        Self::at(clock::wall_time(), group_name, name, value)
    }

    /// Creates a data point with the given time.
    pub fn at(
        timestamp: SystemTime,
        group_name: impl Into<Cow<'a, str>>,
        name: impl Into<Cow<'a, str>>,
        value: impl Into<MetricValue>,
    ) -> Self {
        let (group_name, name, value) = (group_name.into(), name.into(), value.into());
        Self { timestamp, group_name, name, value }
    }

    /// Returns the same data point with owned names, so that it can be stored.
    pub fn into_owned(self) -> MetricData<'static> {
        MetricData {
            timestamp: self.timestamp,
            group_name: Cow::Owned(self.group_name.into_owned()),
            name: Cow::Owned(self.name.into_owned()),
            value: self.value,
        }
    }
}

/// The value of a data point.
///
/// Integers become a [`Count`](Self::Count), floats a [`Gauge`](Self::Gauge), a [`Duration`] a
/// [`Duration`](Self::Duration). An integer too large for a count is saturated; a negative one becomes a gauge.
///
/// A name has one kind of value, that of its first data point: an [`Aggregator`](crate::Aggregator) drops data points
/// of another kind, counts them and prints a line about the first. Pass a number that may be negative as a float.
///
/// Human-readable formats such as JSON contain a gauge that is not finite as the text `NaN`, `Infinity` or `-Infinity`.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum MetricValue {
    /// A number of things or events. Counts are summed.
    Count(u64),
    /// A level at the time of the data point.
    Gauge(#[cfg_attr(feature = "serde", serde(with = "crate::base::serialized::float"))] f64),
    /// A span of time.
    Duration(Duration),
}

impl MetricValue {
    /// Returns the kind of the value, for messages: a name keeps the kind of its first data point.
    #[cfg(feature = "enabled")]
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Count(_) => "count",
            Self::Gauge(_) => "gauge",
            Self::Duration(_) => "duration",
        }
    }

    /// Returns the value as a float; a duration in milliseconds, as the `.ms` in a duration's name says.
    #[allow(clippy::cast_precision_loss)] // A count beyond 2^53 loses its last bits, as any float does.
    pub fn as_f64(&self) -> f64 {
        match *self {
            Self::Count(count) => count as f64,
            Self::Gauge(value) => value,
            Self::Duration(duration) => duration_ms(duration),
        }
    }
}

/// Returns the milliseconds of a duration, as the nearest float, which is written with at most six decimals.
#[allow(clippy::cast_precision_loss)] // Beyond 104 days, nanoseconds are more than a float holds.
pub(crate) fn duration_ms(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

impl fmt::Display for MetricValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Gauge(value) => value.fmt(f),
            Self::Duration(_) => self.as_f64().fmt(f),
        }
    }
}

/// A count compares equal to its number, so that tests read well.
impl PartialEq<u64> for MetricValue {
    fn eq(&self, other: &u64) -> bool {
        *self == Self::Count(*other)
    }
}

macro_rules! from_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for MetricValue {
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, unused_comparisons)]
            fn from(value: $integer) -> Self {
                match u64::try_from(value) {
                    Ok(count) => Self::Count(count),
                    Err(_) if value < 0 => Self::Gauge(value as f64),
                    Err(_) => Self::Count(u64::MAX),
                }
            }
        }
    )*};
}

from_integer!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

impl From<f32> for MetricValue {
    fn from(value: f32) -> Self {
        Self::Gauge(value.into())
    }
}

impl From<f64> for MetricValue {
    fn from(value: f64) -> Self {
        Self::Gauge(value)
    }
}

#[cfg(feature = "enabled")]
impl From<Number> for MetricValue {
    fn from(value: Number) -> Self {
        match value {
            Number::Int(value) => value.into(),
            Number::Float(value) => value.into(),
        }
    }
}

impl From<bool> for MetricValue {
    fn from(value: bool) -> Self {
        Self::Count(value.into())
    }
}

impl From<Duration> for MetricValue {
    fn from(value: Duration) -> Self {
        Self::Duration(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: impl Into<MetricValue>, kind: MetricValue, as_f64: f64, display: &str) {
        let value = value.into();
        assert_eq!(value, kind);
        assert!((value.as_f64() - as_f64).abs() < 1e-9, "{} is not {as_f64}", value.as_f64());
        assert_eq!(value.to_string(), display);
    }

    #[test]
    fn values_keep_their_kind() {
        check(3, MetricValue::Count(3), 3.0, "3");
        check(-3, MetricValue::Gauge(-3.0), -3.0, "-3");
        check(2.5_f32, MetricValue::Gauge(2.5), 2.5, "2.5");
        check(true, MetricValue::Count(1), 1.0, "1");
        check(u128::MAX, MetricValue::Count(u64::MAX), 18_446_744_073_709_551_615.0, "18446744073709551615");
        let duration = Duration::from_nanos(1_500_250);
        check(duration, MetricValue::Duration(duration), 1.50025, "1.50025");
    }

    #[test]
    fn milliseconds_have_no_more_digits_than_nanoseconds() {
        for ns in (0..2_000_000).step_by(7).chain([2_090_044, 2_107_848, 2_072_050]) {
            let shown = duration_ms(Duration::from_nanos(ns)).to_string();
            let digits = shown.split_once('.').map_or(0, |(_, digits)| digits.len());
            assert!(digits <= 6, "{ns} ns are {shown} ms");
        }
    }
}
