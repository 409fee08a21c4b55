//! The numbers of one value, counter or gauge.

use super::Totals;
use super::values::{Tally, finite};
use crate::model::{MetricValue, Outcome};

/// What became of the data points of one name.
///
/// In a snapshot [since](crate::Snapshot::since) an earlier one, `count` and `sum` are of the data points in between;
/// so are `min` and `max` if there was one, or if they are extremes of all time. Otherwise these are those of all time,
/// which say only that none in between went beyond them.
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
    /// The smallest; durations in milliseconds. `None` if no data point is finite, and for a
    /// [`Counter`](crate::Counter).
    pub min: Option<f64>,
    /// The largest; durations in milliseconds. `None` if no data point is finite, and for a
    /// [`Counter`](crate::Counter).
    pub max: Option<f64>,
    /// The latest, also if it came before the snapshot that this one is since; of a [`Counter`](crate::Counter), the
    /// sum of all time.
    pub last: MetricValue,
}

impl ValueStats {
    /// Returns what happened after `earlier`, the numbers of the same name in an earlier snapshot: as
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
        Self { name: name.into(), group: group.into(), count, sum, min, max, last }
    }

    /// Of a counter, `last` is the exact sum, and what one addition was is not known.
    #[allow(clippy::cast_precision_loss)] // Sums beyond 2^53 lose their last bits, as any float does.
    pub(super) fn of_counter(group: &str, name: &str, totals: &Totals) -> Self {
        let (count, last) = (totals.outcomes[Outcome::Success.index()], MetricValue::Count(totals.total_ns));
        let (group, name) = (group.to_owned(), name.to_owned());
        Self { name, group, count, sum: totals.total_ns as f64, min: None, max: None, last }
    }

    /// Adds those of a counter of the same name.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Counts add up to what is not negative.
    pub(super) fn merge_counter(&mut self, counter: &Self) {
        self.count = self.count.saturating_add(counter.count);
        self.sum = finite(self.sum + counter.sum);
        (self.min, self.max) = (None, None);
        self.last = MetricValue::Count(self.sum as u64);
    }

    /// The numbers of the name, as those of one that more data points may follow.
    pub(super) fn tally(&self) -> Tally {
        let (min, max) = (self.min.unwrap_or(f64::INFINITY), self.max.unwrap_or(f64::NEG_INFINITY));
        Tally { count: self.count, sum: self.sum, min, max, last: self.last }
    }

    pub(super) fn subtract(&mut self, earlier: &Self) {
        if self.last.kind() != earlier.last.kind() {
            return;
        }
        self.count = self.count.saturating_sub(earlier.count);
        self.sum = finite(self.sum - earlier.sum);
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
