//! The numbers of one function.

use std::time::Duration;

use super::Totals;
use crate::counts::histogram::Histogram;
use crate::model::{Objective, Outcome};
use crate::site::Callsite;

/// The numbers of one function.
///
/// Numbers that contradict one another, such as a longest duration below the shortest, are not deserialized.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FunctionStats {
    /// The function's name, such as `Store.load`.
    pub name: String,
    /// The function's group.
    pub group: String,
    /// The source file. Where several functions share the entry, it is the file of one of them.
    pub file: String,
    /// The line in it, counted from 1.
    pub line: u32,
    /// One call in `sample` was timed, chosen at random; 1 if all were. Counts by outcome are of all calls.
    pub sample: u32,
    /// The objectives of the function; several if functions that share the entry have different ones, empty without
    /// any. Not serialized.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub objectives: Vec<Objective>,
    /// Calls that succeeded.
    pub success: u64,
    /// Calls that failed.
    pub failure: u64,
    /// Calls that unwound.
    pub panic: u64,
    /// Calls that were dropped before they ended.
    pub cancelled: u64,
    /// Calls that had begun and not ended, when the snapshot was taken.
    pub in_flight: u64,
    /// The sum of all durations that were timed, in nanoseconds.
    pub total_ns: u64,
    /// The shortest duration, in nanoseconds; `None` if no call was timed.
    ///
    /// In a snapshot [since](crate::Snapshot::since) an earlier one, it is exact if it is the shortest of all time.
    /// Otherwise it is the lower bound of its bucket in the histogram: up to 1/17 less than the exact one.
    pub min_ns: Option<u64>,
    /// The longest duration, in nanoseconds; `None` if no call was timed.
    ///
    /// In a snapshot since an earlier one, it is exact if it is the longest of all time. Otherwise it is the upper
    /// bound of its bucket: up to 1/16 more than the exact one.
    pub max_ns: Option<u64>,
    /// The histogram of the durations that were timed. While calls go on, it may lack one call of each thread that
    /// makes them.
    pub histogram: Histogram,
}

impl FunctionStats {
    pub(super) fn new(site: &Callsite, totals: &Totals, in_flight: u64) -> Self {
        let is_timed = totals.min_ns <= totals.max_ns;
        let [success, failure, panic, cancelled] = totals.outcomes;
        Self {
            name: site.name().to_owned(),
            group: site.group().to_owned(),
            file: site.file().to_owned(),
            line: site.line(),
            sample: site.sample(),
            objectives: site.objective().into_iter().collect(),
            success,
            failure,
            panic,
            cancelled,
            in_flight,
            total_ns: totals.total_ns,
            min_ns: is_timed.then_some(totals.min_ns),
            max_ns: is_timed.then_some(totals.max_ns),
            histogram: Histogram::from_counts(&totals.buckets[..]),
        }
    }

    /// Returns how many calls ended, over all outcomes; it stops at `u64::MAX`.
    pub fn calls(&self) -> u64 {
        [self.failure, self.panic, self.cancelled].into_iter().fold(self.success, u64::saturating_add)
    }

    /// Returns how many calls ended with this outcome.
    pub fn count(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Success => self.success,
            Outcome::Failure => self.failure,
            Outcome::Panic => self.panic,
            Outcome::Cancelled => self.cancelled,
        }
    }

    /// Returns the time that all calls took, in nanoseconds: the sum of all durations. For a [sampled](Self::sample)
    /// function, it is an estimate from the calls that were timed.
    pub fn estimated_total_ns(&self) -> u64 {
        match self.histogram.count() {
            timed if timed > 0 && self.sample > 1 => {
                let total = u128::from(self.total_ns) * u128::from(self.calls()) / u128::from(timed);
                u64::try_from(total).unwrap_or(u64::MAX)
            }
            _ => self.total_ns,
        }
    }

    /// Returns the mean duration, in nanoseconds; `None` if no call was timed.
    pub fn mean_ns(&self) -> Option<u64> {
        self.total_ns.checked_div(self.histogram.count())
    }

    /// Returns the duration, in nanoseconds, that a share of `quantile` of all calls does not exceed, within 3.2 %;
    /// `None` if no call was timed. `quantile` is clamped to `0.0..=1.0`.
    ///
    /// It is never below the shortest duration nor above the longest.
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        let estimate = self.histogram.quantile_ns(quantile)?;
        // Not `clamp`, which panics if a program has set the shortest above the longest.
        Some(estimate.max(self.min_ns.unwrap_or(0)).min(self.max_ns.unwrap_or(u64::MAX)))
    }

    /// Returns how long all finished and timed calls took together: [`total_ns`](Self::total_ns) as a duration.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.total_ns)
    }

    /// Returns the mean duration of the timed calls; `None` without any.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use prof_runtime::{FunctionStats, Outcome};
    ///
    /// let durations = [10, 20, 60].map(Duration::from_millis);
    /// let query = FunctionStats::named("db", "query").with_timed_calls(Outcome::Success, durations);
    /// assert_eq!(query.mean(), Some(Duration::from_millis(30)));
    /// assert_eq!((query.min(), query.max()), (Some(durations[0]), Some(durations[2])));
    /// assert_eq!(query.total(), Duration::from_millis(90));
    /// let median = query.quantile(0.5).unwrap();
    /// assert!(median.abs_diff(durations[1]) < durations[1] / 31);
    /// ```
    pub fn mean(&self) -> Option<Duration> {
        self.mean_ns().map(Duration::from_nanos)
    }

    /// Returns the shortest duration: [`min_ns`](Self::min_ns) as a duration.
    pub fn min(&self) -> Option<Duration> {
        self.min_ns.map(Duration::from_nanos)
    }

    /// Returns the longest duration: [`max_ns`](Self::max_ns) as a duration.
    pub fn max(&self) -> Option<Duration> {
        self.max_ns.map(Duration::from_nanos)
    }

    /// Returns the duration that a share of `quantile` of all timed calls does not exceed, as
    /// [`quantile_ns`](Self::quantile_ns) does.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        self.quantile_ns(quantile).map(Duration::from_nanos)
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let is_first = !other.file.is_empty() && (&other.file, other.line) < (&self.file, self.line);
        if self.file.is_empty() || is_first {
            (self.file, self.line) = (other.file.clone(), other.line);
        }
        self.sample = self.sample.max(other.sample);
        for objective in &other.objectives {
            if !self.objectives.contains(objective) {
                self.objectives.push(*objective);
            }
        }
        self.success = self.success.saturating_add(other.success);
        self.failure = self.failure.saturating_add(other.failure);
        self.panic = self.panic.saturating_add(other.panic);
        self.cancelled = self.cancelled.saturating_add(other.cancelled);
        self.in_flight = self.in_flight.saturating_add(other.in_flight);
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
        self.min_ns = [self.min_ns, other.min_ns].into_iter().flatten().min();
        self.max_ns = self.max_ns.max(other.max_ns);
        self.histogram.merge(&other.histogram);
    }

    /// Returns the numbers since `earlier`, those of the same function in an earlier snapshot. For exporters that
    /// remember each function by itself; [`Snapshot::since`](crate::Snapshot::since) does so for all.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut delta = self.clone();
        delta.subtract(earlier);
        delta
    }

    /// Subtracts the numbers of the same function in an earlier snapshot.
    pub(super) fn subtract(&mut self, earlier: &Self) {
        self.success = self.success.saturating_sub(earlier.success);
        self.failure = self.failure.saturating_sub(earlier.failure);
        self.panic = self.panic.saturating_sub(earlier.panic);
        self.cancelled = self.cancelled.saturating_sub(earlier.cancelled);
        self.total_ns = self.total_ns.saturating_sub(earlier.total_ns);
        self.histogram.subtract(&earlier.histogram);
        let Some(bounds) = self.histogram.bounds_ns() else {
            (self.min_ns, self.max_ns) = (None, None);
            return;
        };
        let (min, max) = (self.min_ns.unwrap_or(0), self.max_ns.unwrap_or(u64::MAX));
        // An extreme that was not there before is one of the durations since.
        let is_new_min = earlier.min_ns.is_none_or(|earlier| min < earlier);
        let is_new_max = earlier.max_ns.is_none_or(|earlier| max > earlier);
        let min = if is_new_min { min } else { min.max(*bounds.start()) };
        let max = if is_new_max { max } else { max.min(*bounds.end()) };
        // A call that ended while the snapshot was taken may be in the histogram only.
        (self.min_ns, self.max_ns) = (Some(min), Some(max.max(min)));
    }
}
