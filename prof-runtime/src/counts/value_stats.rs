//! The numbers of one value, counter, gauge or distribution.

use super::Totals;
use super::histogram::Histogram;
use super::values::{Tally, finite};
use crate::model::{MetricValue, Outcome};

/// The numbers of the data points of one name.
///
/// In a snapshot [since](crate::Snapshot::since) an earlier one, `count` and `sum` are of the data points in between.
/// `min` and `max` are exact for them if there was one data point, or if the extremes are those of all time. Otherwise
/// they are the extremes of all time, which are bounds only. Those of a distribution are then bounds of its buckets.
///
/// A gauge that is not finite is counted and may be the latest, but is not in `sum`, `min` and `max`.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ValueStats {
    /// The name.
    pub name: String,
    /// The group.
    pub group: String,
    /// How many data points there were.
    pub count: u64,
    /// Their sum; durations in milliseconds. It stops at the largest number that a float has.
    #[cfg_attr(feature = "serde", serde(with = "crate::base::serialized::float"))]
    pub sum: f64,
    /// The smallest value; durations in milliseconds. `None` if no data point is finite, and for a
    /// [`Counter`](crate::Counter).
    pub min: Option<f64>,
    /// The largest value; durations in milliseconds. `None` if no data point is finite, and for a
    /// [`Counter`](crate::Counter).
    pub max: Option<f64>,
    /// The latest value, even if it is older than the snapshot that this one is since. For a
    /// [`Counter`](crate::Counter), it is the sum of all time; for a [`Distribution`](crate::Distribution), which keeps
    /// no latest number, the largest one, or 0 without any.
    pub last: MetricValue,
    /// The histogram of a [`Distribution`](crate::Distribution); `None` for other values. Its numbers are those that
    /// were recorded, where its methods say nanoseconds.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub distribution: Option<Histogram>,
}

impl ValueStats {
    /// Returns the numbers since `earlier`, those of the same name in an earlier snapshot, as
    /// [`Snapshot::since`](crate::Snapshot::since) does, for exporters that remember each name by itself.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut delta = self.clone();
        delta.subtract(earlier);
        delta
    }

    pub(super) fn new(group: impl Into<String>, name: impl Into<String>, tally: &Tally) -> Self {
        let Tally { count, sum, min, max, last } = *tally;
        let (min, max) = if min <= max { (Some(min), Some(max)) } else { (None, None) };
        Self { name: name.into(), group: group.into(), count, sum, min, max, last, distribution: None }
    }

    /// Of a counter, `last` is the exact sum, and what one addition was is not known.
    #[allow(clippy::cast_precision_loss)] // Sums beyond 2^53 lose their last bits, as any float does.
    pub(super) fn of_counter(group: &str, name: &str, totals: &Totals) -> Self {
        let (count, last) = (totals.outcomes[Outcome::Success.index()], MetricValue::Count(totals.total_ns));
        let (group, name) = (group.to_owned(), name.to_owned());
        Self { name, group, count, sum: totals.total_ns as f64, min: None, max: None, last, distribution: None }
    }

    /// Those of a distribution, whose numbers are counted as durations are.
    #[allow(clippy::cast_precision_loss)] // Numbers beyond 2^53 lose their last bits, as any float does.
    pub(super) fn of_distribution(group: &str, name: &str, totals: &Totals) -> Self {
        let is_any = totals.min_ns <= totals.max_ns;
        Self {
            name: name.to_owned(),
            group: group.to_owned(),
            count: totals.outcomes[Outcome::Success.index()],
            sum: totals.total_ns as f64,
            min: is_any.then_some(totals.min_ns as f64),
            max: is_any.then_some(totals.max_ns as f64),
            last: MetricValue::Gauge(totals.max_ns as f64),
            distribution: Some(Histogram::from_counts(&totals.buckets[..])),
        }
    }

    /// Returns whether both are of one kind, so that they can be added up.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.last.kind() == other.last.kind() && self.distribution.is_some() == other.distribution.is_some()
    }

    /// Returns the number that a share of `quantile` of all numbers of a [`Distribution`](crate::Distribution) does not
    /// exceed, within 3.2 %; `None` for other values, and without any number.
    ///
    /// `quantile` is clamped to `0.0..=1.0`; not-a-number counts as 0.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // The extremes are whole and not negative.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let estimate = self.distribution.as_ref()?.quantile_ns(quantile)?;
        Some(estimate.max(self.min.unwrap_or(0.0) as u64).min(self.max.unwrap_or(f64::MAX) as u64))
    }

    /// Adds the numbers of `other`, which is [like](Self::is_like) this one. The latest is that of `other` if that
    /// `is_later`.
    pub(super) fn merge(&mut self, other: &Self, is_later: bool) {
        let is_counter = self.is_counter() || other.is_counter();
        self.last = match self.last {
            _ if is_counter => MetricValue::Count(self.total().saturating_add(other.total())),
            MetricValue::Gauge(largest) if self.distribution.is_some() => {
                MetricValue::Gauge(largest.max(other.last.as_f64()))
            }
            last if is_later || self.count == 0 => {
                if other.count > 0 {
                    other.last
                } else {
                    last
                }
            }
            last => last,
        };
        let smallest = [self.min, other.min].into_iter().flatten().reduce(f64::min);
        let largest = [self.max, other.max].into_iter().flatten().reduce(f64::max);
        (self.min, self.max) = if is_counter { (None, None) } else { (smallest, largest) };
        self.count = self.count.saturating_add(other.count);
        self.sum = finite(self.sum + other.sum);
        if let (Some(own), Some(others)) = (&mut self.distribution, &other.distribution) {
            own.merge(others);
        }
    }

    /// Returns whether the additions of a [`Counter`](crate::Counter) are among these numbers: it keeps no extremes.
    fn is_counter(&self) -> bool {
        matches!(self.last, MetricValue::Count(_)) && self.min.is_none()
    }

    /// Returns the sum of all time of counts.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Counts add up to what is not negative.
    fn total(&self) -> u64 {
        match self.last {
            MetricValue::Count(total) if self.is_counter() => total,
            _ => self.sum as u64,
        }
    }

    /// Returns the word for the kind of the value.
    pub(super) fn kind(&self) -> &'static str {
        if self.distribution.is_some() { "distribution" } else { self.last.kind() }
    }

    /// Returns where the kind of the value stands among all kinds.
    fn kind_order(&self) -> (bool, &'static str) {
        (self.distribution.is_some(), self.last.kind())
    }

    /// Merges with the numbers of the same name in another snapshot. Returns the number of data points that are left
    /// out, because they are of another kind: of two kinds, the first in a fixed order stays.
    pub(super) fn merge_any(&mut self, other: &Self, is_later: bool) -> u64 {
        if self.is_like(other) {
            self.merge(other, is_later);
            return 0;
        }
        if self.kind_order() < other.kind_order() {
            return other.count;
        }
        std::mem::replace(self, other.clone()).count
    }

    /// The numbers of the name, as those of one that more data points may follow.
    pub(super) fn tally(&self) -> Tally {
        let (min, max) = (self.min.unwrap_or(f64::INFINITY), self.max.unwrap_or(f64::NEG_INFINITY));
        Tally { count: self.count, sum: self.sum, min, max, last: self.last }
    }

    pub(super) fn subtract(&mut self, earlier: &Self) {
        if !self.is_like(earlier) {
            return;
        }
        self.count = self.count.saturating_sub(earlier.count);
        self.sum = finite(self.sum - earlier.sum);
        if let (Some(now), Some(before)) = (&mut self.distribution, &earlier.distribution) {
            now.subtract(before);
            (self.min, self.max) = extremes_since([self.min, self.max], [earlier.min, earlier.max], now);
            return;
        }
        // A gauge of the program is one data point in each snapshot.
        if self.count == 0 && matches!(self.last, MetricValue::Gauge(_)) && self.last != earlier.last {
            (self.count, self.sum) = (1, finite(self.last.as_f64()));
        }
        if self.count == 1 && self.min.is_some() {
            let only = Some(self.last.as_f64()).filter(|only| only.is_finite());
            (self.min, self.max) = (only, only);
        }
    }
}

/// The extremes of the numbers in `histogram`, of which `now` are those of all time and `earlier` those before: exact
/// if they are new, else the bounds of their buckets.
#[allow(clippy::cast_precision_loss)] // Numbers beyond 2^53 lose their last bits, as any float does.
fn extremes_since(
    [min, max]: [Option<f64>; 2],
    [earlier_min, earlier_max]: [Option<f64>; 2],
    histogram: &Histogram,
) -> (Option<f64>, Option<f64>) {
    let Some(bounds) = histogram.bounds_ns() else { return (None, None) };
    let is_new_min = earlier_min.is_none_or(|earlier| min.is_some_and(|min| min < earlier));
    let is_new_max = earlier_max.is_none_or(|earlier| max.is_some_and(|max| max > earlier));
    let min = min.map(|min| if is_new_min { min } else { min.max(*bounds.start() as f64) });
    let max = max.map(|max| if is_new_max { max } else { max.min(*bounds.end() as f64) });
    (min, max)
}
