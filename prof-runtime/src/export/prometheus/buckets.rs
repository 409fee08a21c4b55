//! Classic histogram buckets, made of ours without cutting any of them.

use crate::histogram::{Histogram, bucket_of, lower_ns};

/// How many buckets a duration histogram has for each power of two, from 128 ns to 69 s.
///
/// Each divides exactly what the aggregator has counted, which knows 16. Every bucket is a time series of its own for each
/// function: 30 in all for [`One`](Self::One), 465 for [`Sixteen`](Self::Sixteen). A quantile that Prometheus computes is
/// off by at most the width of its bucket.
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
/// What the aggregator has per power of two.
const COUNTED: usize = 16;

impl Resolution {
    /// The upper bounds of the buckets, in nanoseconds, ascending; what is above all of them is not among them.
    pub(super) fn bounds(self) -> Vec<u64> {
        let step = COUNTED / self as usize;
        (bucket_of(SHORTEST_NS)..=bucket_of(LONGEST_NS)).step_by(step).map(lower_ns).collect()
    }
}

/// How many durations are in each bucket, in seconds, as `prometheus-client` wants them: not summed up.
///
/// A bucket of Prometheus ends with its bound, ours before it: a duration of exactly the bound counts as longer.
#[allow(clippy::cast_precision_loss)] // Bounds are below 2^53.
pub(super) fn classic(histogram: &Histogram, bounds: &[u64]) -> Vec<(f64, u64)> {
    let seconds = |ns: &u64| *ns as f64 / 1e9;
    let mut classic: Vec<_> = bounds.iter().map(seconds).chain([f64::INFINITY]).map(|bound| (bound, 0)).collect();
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
    use crate::histogram::BUCKETS;

    #[track_caller]
    fn check(resolution: Resolution, buckets: usize) {
        let bounds = resolution.bounds();
        assert_eq!(bounds.len(), buckets);
        assert_eq!((bounds[0], bounds[buckets - 1]), (SHORTEST_NS, LONGEST_NS));
        // One duration in each of ours; every bound has exactly those that are below it.
        let histogram = Histogram::from_counts(&[1; BUCKETS]);
        let mut below = 0;
        for ((bound_s, count), bound) in classic(&histogram, &bounds).into_iter().zip(&bounds) {
            below += count;
            assert_eq!(below, bucket_of(*bound) as u64, "below {bound_s} s");
        }
        assert_eq!(classic(&histogram, &bounds).iter().map(|(_, count)| count).sum::<u64>(), BUCKETS as u64);
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
    fn the_ends_are_open() {
        let mut counts = [0; BUCKETS];
        counts[0] = 3;
        counts[BUCKETS - 1] = 4;
        let classic = classic(&Histogram::from_counts(&counts), &Resolution::One.bounds());
        assert_eq!(classic[0], (1.28e-7, 3));
        assert_eq!(classic[30], (f64::INFINITY, 4));
    }
}
