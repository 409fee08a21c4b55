//! Our log-linear buckets as an exponential histogram.
//!
//! A bucket of scale `s` holds numbers above `2^(i / 2^s)` and up to `2^((i + 1) / 2^s)`. Our buckets cut a power of
//! two into 16 equal widths, exponential ones into equal ratios. So the middle of each of our buckets decides into
//! which exponential bucket its numbers go.

use crate::Histogram;

/// The finest scale: 8 buckets per power of two, each at least as wide as half of ours and at most twice as wide.
const MAX_SCALE: i32 = 3;

/// The numbers of a histogram, in the unit of the export: for OTLP, and as native histograms for Prometheus.
#[derive(Debug, PartialEq)]
pub(super) struct Exponential {
    pub(super) scale: i32,
    /// Numbers that are 0.
    pub(super) zero_count: u64,
    /// The index of the first bucket.
    pub(super) offset: i32,
    pub(super) counts: Vec<u64>,
}

/// Returns the index at [`MAX_SCALE`] of a number above 0. `per_unit` of these numbers are one unit of the export.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // A middle has few digits, an index is small.
fn index_of(middle: f64, per_unit: f64) -> i32 {
    let index = (middle / per_unit).log2() * f64::from(1 << MAX_SCALE);
    index.ceil() as i32 - 1
}

impl Exponential {
    /// Converts a histogram at the finest scale that needs no more than `max_buckets`, including empty ones in between.
    #[allow(clippy::cast_precision_loss)] // Half a bucket has few digits.
    /// `per_unit` of its numbers are one unit of the export: 1e9 where it counts nanoseconds and the unit is the
    /// second.
    pub(super) fn new(histogram: &Histogram, per_unit: f64, max_buckets: usize) -> Self {
        let mut zero_count = 0;
        let mut indexed: Vec<(i32, u64)> = Vec::new();
        for bucket in histogram.buckets() {
            match bucket.upper_ns {
                1 => zero_count += bucket.count,
                upper_ns => {
                    // Numbers are whole: the last one of a bucket is one less than its end.
                    let middle_ns = (bucket.lower_ns + upper_ns - 1) as f64 / 2.0;
                    indexed.push((index_of(middle_ns, per_unit), bucket.count));
                }
            }
        }
        let mut scale = MAX_SCALE;
        // Ascending, as the buckets are.
        while let (Some((first, _)), Some((last, _))) = (indexed.first(), indexed.last())
            && usize::try_from(last - first).is_ok_and(|span| span >= max_buckets)
        {
            scale -= 1;
            for (index, _) in &mut indexed {
                *index >>= 1;
            }
        }
        let offset = indexed.first().map_or(0, |(index, _)| *index);
        let mut counts = Vec::new();
        for (index, count) in indexed {
            let at = usize::try_from(index - offset).unwrap_or_default();
            counts.resize(counts.len().max(at + 1), 0);
            counts[at] += count;
        }
        Self { scale, zero_count, offset, counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::histogram::{BUCKETS, bucket_of};

    const MAX_BUCKETS: usize = 160;

    fn histogram(durations_ns: &[(u64, u64)]) -> Histogram {
        let mut counts = [0; BUCKETS];
        for (ns, count) in durations_ns {
            counts[bucket_of(*ns)] += count;
        }
        Histogram::from_counts(&counts)
    }

    /// The upper bound of the bucket that a share of the durations does not exceed, in seconds.
    fn quantile_s(exponential: &Exponential, quantile: f64) -> f64 {
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let mut rank = (exponential.counts.iter().sum::<u64>() as f64 * quantile).ceil() as i64;
        let mut index = exponential.offset;
        for count in &exponential.counts {
            rank -= i64::try_from(*count).unwrap();
            if rank <= 0 {
                break;
            }
            index += 1;
        }
        (f64::from(index + 1) / f64::from(1 << exponential.scale)).exp2()
    }

    #[test]
    fn nothing_is_empty() {
        let expect = Exponential { scale: 3, zero_count: 0, offset: 0, counts: vec![] };
        assert_eq!(Exponential::new(&Histogram::default(), 1e9, MAX_BUCKETS), expect);
        let expect = Exponential { zero_count: 4, ..expect };
        assert_eq!(Exponential::new(&histogram(&[(0, 4)]), 1e9, MAX_BUCKETS), expect);
    }

    #[test]
    fn every_duration_is_in_a_bucket_around_it() {
        for ns in (0..42).map(|bits| 1 << bits).flat_map(|ns| [ns, ns + ns / 3, ns + ns / 2]) {
            let exponential = Exponential::new(&histogram(&[(ns, 1)]), 1e9, MAX_BUCKETS);
            assert_eq!((exponential.scale, &*exponential.counts), (3, &[1][..]), "{ns}");
            #[allow(clippy::cast_precision_loss)]
            let seconds = ns as f64 / 1e9;
            let upper = quantile_s(&exponential, 1.0);
            // A bucket is 9 % wide, and half of ours 3 %.
            assert!(upper / 1.13 < seconds && seconds < upper * 1.04, "{ns} ns is in the bucket up to {upper} s");
        }
    }

    #[test]
    fn a_wide_range_has_coarser_buckets_and_loses_nothing() {
        let durations: Vec<(u64, u64)> = (0..42).map(|bits| (1 << bits, 10)).collect();
        let exponential = Exponential::new(&histogram(&durations), 1e9, MAX_BUCKETS);
        assert_eq!(exponential.scale, 1);
        assert!(exponential.counts.len() <= MAX_BUCKETS);
        assert_eq!(exponential.counts.iter().sum::<u64>(), 420);
        let median = quantile_s(&exponential, 0.5);
        assert!((0.001..0.004).contains(&median), "{median}");
        let all = Exponential::new(&histogram(&durations), 1e9, usize::MAX);
        assert_eq!((all.scale, all.counts.len()), (3, 41 * 8 + 2));
    }
}
