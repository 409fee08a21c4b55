//! Classic histogram buckets, made of ours without cutting any of them.

use std::borrow::Cow;
use std::time::Duration;

use crate::{Bucket, FunctionStats, Histogram, Objective};

/// How many buckets a duration histogram has for each power of two, from 128 ns to 69 s.
///
/// Each divides exactly what the aggregator has counted, which knows 16. Every bucket is a time series of its own for
/// each function: 30 in all for [`One`](Self::One), 465 for [`Sixteen`](Self::Sixteen). A quantile that Prometheus
/// computes is off by at most the width of its bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Resolution {
    /// Buckets twice as long as the one before.
    #[default]
    One = 1,
    /// Two of them, 50 % wide at most.
    Two = 2,
    /// Four, 25 % wide at most.
    Four = 4,
    /// Eight, 12.5 % wide at most.
    Eight = 8,
    /// All that were counted, 6.25 % wide at most.
    Sixteen = 16,
}

/// Shorter durations share the first bucket: an annotated call costs about as much.
const SHORTEST_NS: u64 = 1 << 7;
/// Longer ones, from 69 s up, share the last.
const LONGEST_NS: u64 = 1 << 36;

impl Resolution {
    /// The upper bounds of the buckets, in nanoseconds, ascending; what is above all of them is not among them.
    pub(super) fn bounds(self) -> Vec<u64> {
        let parts = self as u64;
        let powers = (SHORTEST_NS.ilog2()..LONGEST_NS.ilog2()).map(|exponent| 1_u64 << exponent);
        let bounds = powers.flat_map(|power| (0..parts).map(move |part| power + power / parts * part));
        bounds.chain([LONGEST_NS]).collect()
    }
}

/// The bound that stands for a latency in the histograms of functions which promise it: the end of a counted bucket
/// that is nearest, in nanoseconds. It is off by at most half a bucket, 3.2 % of the latency, from 1 ns to an hour.
///
/// The server of a histogram and the rules that query its bucket take the bound from here.
pub(super) fn latency_bound_ns(threshold: Duration) -> u64 {
    let ns = u64::try_from(threshold.as_nanos()).unwrap_or(u64::MAX);
    let Bucket { lower_ns: lower, upper_ns: upper, .. } = Histogram::bucket_of_ns(ns);
    if ns - lower <= upper.saturating_sub(ns) { lower } else { upper }
}

/// A bound in seconds, as it is served.
#[allow(clippy::cast_precision_loss)] // Bounds are below 2^53.
pub(super) fn seconds(bound_ns: u64) -> f64 {
    bound_ns as f64 / 1e9
}

/// The upper bounds of the buckets of a distribution, ascending: the powers of 4 up to 2^42, from which on numbers
/// share a bucket.
pub(super) fn bounds_of_distributions() -> Vec<u64> {
    (0..=42).step_by(2).map(|exponent| 1 << exponent).collect()
}

/// A number of a distribution, as it is served.
#[allow(clippy::cast_precision_loss)] // Bounds are below 2^53.
pub(super) fn plain(bound: u64) -> f64 {
    bound as f64
}

/// The upper bounds of the buckets of a function, in nanoseconds, ascending: `common` ones, and those of the latencies
/// that it promises.
pub(super) fn bounds_of<'a>(common: &'a [u64], function: &FunctionStats) -> Cow<'a, [u64]> {
    let latencies = function.objectives.iter().filter_map(Objective::latency_threshold);
    let promised: Vec<u64> = latencies.map(latency_bound_ns).collect();
    if promised.is_empty() {
        return Cow::Borrowed(common);
    }
    let mut bounds = [common, &promised].concat();
    bounds.sort_unstable();
    bounds.dedup();
    Cow::Owned(bounds)
}

/// How many numbers are in each bucket, whose bounds are converted by `unit`, as `prometheus-client` wants them: not
/// summed up.
///
/// A bucket of Prometheus ends with its bound, ours before it: a duration of exactly the bound counts as longer.
pub(super) fn classic(histogram: &Histogram, bounds: &[u64], unit: fn(u64) -> f64) -> Vec<(f64, u64)> {
    let in_unit = bounds.iter().map(|bound| unit(*bound));
    let mut classic: Vec<_> = in_unit.chain([f64::INFINITY]).map(|bound| (bound, 0)).collect();
    for bucket in histogram.buckets() {
        // None is cut in two: a bound that is not below its lower end is not below its upper end either.
        let at = bounds.partition_point(|bound| *bound < bucket.upper_ns);
        classic[at].1 += bucket.count;
    }
    classic
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::histogram::{BUCKETS, bucket_of, lower_ns};

    #[track_caller]
    fn check(resolution: Resolution, buckets: usize) {
        let bounds = resolution.bounds();
        assert_eq!(bounds.len(), buckets);
        assert_eq!((bounds[0], bounds[buckets - 1]), (SHORTEST_NS, LONGEST_NS));
        // One duration in each of ours; every bound has exactly those that are below it.
        let histogram = Histogram::from_counts(&[1; BUCKETS]);
        let mut below = 0;
        for ((bound_s, count), bound) in classic(&histogram, &bounds, seconds).into_iter().zip(&bounds) {
            below += count;
            assert_eq!(below, bucket_of(*bound) as u64, "below {bound_s} s");
        }
        assert_eq!(classic(&histogram, &bounds, seconds).iter().map(|(_, count)| count).sum::<u64>(), BUCKETS as u64);
    }

    #[test]
    fn no_bucket_is_cut() {
        check(Resolution::One, 30);
        check(Resolution::Two, 59);
        check(Resolution::Four, 117);
        check(Resolution::Eight, 233);
        check(Resolution::Sixteen, 465);
    }

    #[test]
    fn a_latency_has_the_nearest_bound() {
        let check = |threshold, expect| assert_eq!(latency_bound_ns(threshold), expect, "{threshold:?}");
        check(Duration::from_nanos(1), 1);
        check(Duration::from_nanos(31), 31);
        check(Duration::from_nanos(128), 128);
        check(Duration::from_nanos(132), 128);
        check(Duration::from_nanos(133), 136);
        check(Duration::from_millis(250), 251_658_240);
        check(Duration::from_secs(3600), 3_573_412_790_272);
    }

    #[test]
    fn a_bound_is_within_half_a_bucket_of_its_latency_and_cuts_none() {
        let mut threshold_ns = 1;
        while threshold_ns <= 3_600_000_000_000 {
            let bound = latency_bound_ns(Duration::from_nanos(threshold_ns));
            // Within 1/32, in whole numbers.
            assert!(bound.abs_diff(threshold_ns) * 32 <= threshold_ns, "{threshold_ns} has the bound {bound}");
            assert_eq!(lower_ns(bucket_of(bound)), bound, "{threshold_ns} has a bound within a bucket");
            threshold_ns += threshold_ns.div_ceil(100);
        }
    }

    #[test]
    fn functions_have_the_bounds_that_they_promise() {
        let promises = |latency| {
            FunctionStats::named("buckets", "promising").with_objective(Objective::new().latency(latency, 99.0))
        };
        let common = Resolution::One.bounds();
        let promising = promises(Duration::from_millis(250));
        let bounds = bounds_of(&common, &promising);
        assert_eq!(bounds.len(), 31);
        assert!(bounds.is_sorted() && bounds.contains(&251_658_240));
        // Beyond what others have a bucket for.
        let slow = bounds_of(&common, &promises(Duration::from_secs(1800))).into_owned();
        assert_eq!((slow.len(), slow[30]), (31, 1_786_706_395_136));
        assert_eq!(bounds_of(&common, &FunctionStats::named("buckets", "another")).len(), 30);
        assert_eq!(bounds_of(&Resolution::Sixteen.bounds(), &promising).len(), 465, "it is among them already");
    }

    #[test]
    fn the_ends_are_open() {
        let mut counts = [0; BUCKETS];
        counts[0] = 3;
        counts[BUCKETS - 1] = 4;
        let classic = classic(&Histogram::from_counts(&counts), &Resolution::One.bounds(), seconds);
        assert_eq!(classic[0], (1.28e-7, 3));
        assert_eq!(classic[30], (f64::INFINITY, 4));
    }
}
