//! Durations in log-linear buckets.
//!
//! Each power of two is cut into 16 buckets of equal width, as in Gil Tene's `HdrHistogram` with four significant bits.
//! A value is reported as the middle of its bucket, so it is off by at most half a bucket's width, 1/32 of the value.
//!
//! The bucket of a value comes from its floating-point form: the exponent and the first four bits of the fraction. The
//! instruction that finds the highest set bit of an integer would do as well, but it waits for the old value of its
//! destination register, which on the hot path is the clock's reading.

#[cfg(feature = "serde")]
mod serialized;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Buckets per power of two, as a power of two.
const SUB_BITS: u32 = 4;
const SUB: usize = 1 << SUB_BITS;
/// Values from 2^42 ns, about 73 minutes, up fall beyond the last bucket.
#[cfg(not(loom))]
const MAX_BITS: u32 = 42;
/// A loom model reads every bucket many times.
#[cfg(loom)]
const MAX_BITS: u32 = 1;

/// The number of buckets: one for 0, then 16 for each power of two up to 2^42 ns. Below 16 ns, some of them stay empty.
/// Durations beyond the last bucket are counted in it.
pub(crate) const BUCKETS: usize = 1 + MAX_BITS as usize * SUB;

/// The last bucket, for the durations beyond it.
pub(crate) const LAST: usize = BUCKETS - 1;

/// The number of a float's lowest bits that do not matter to its bucket; and the number that the bits above them make
/// for 1.0, less the bucket of 1.
const DROPPED_BITS: u32 = f64::MANTISSA_DIGITS - 1 - SUB_BITS;
const BIAS: usize = (1023 << SUB_BITS) - 1;

/// Returns whether [`bucket_of_common`] has the bucket of a duration in nanoseconds: it is neither 0 nor beyond the
/// last bucket.
pub(crate) const fn is_common(ns: u64) -> bool {
    ns != 0 && ns >> MAX_BITS == 0
}

/// Returns the bucket of a duration that is [common](is_common), and a number beyond [`LAST`] for any other.
#[inline(always)]
#[allow(
    clippy::cast_possible_truncation, // 16 bits are left of the float.
    clippy::cast_possible_wrap, // A negative float is beyond the last bucket, too.
    clippy::cast_precision_loss, // What does not fit a float's fraction is beyond the last bucket by far.
)]
pub(crate) const fn bucket_of_common(ns: u64) -> usize {
    (((ns as i64 as f64).to_bits() >> DROPPED_BITS) as usize).wrapping_sub(BIAS)
}

/// Returns the bucket of any duration in nanoseconds.
pub(crate) const fn bucket_of(ns: u64) -> usize {
    match ns {
        0 => 0,
        _ if is_common(ns) => bucket_of_common(ns),
        _ => LAST,
    }
}

/// Returns the smallest duration of a bucket, in nanoseconds. A bucket into which no duration falls has that of the
/// next one.
pub(crate) const fn lower_ns(bucket: usize) -> u64 {
    if bucket == 0 {
        return 0;
    }
    let (exponent, sixteenths) = ((bucket - 1) / SUB, (bucket - 1) % SUB);
    (((SUB + sixteenths) as u64) << exponent).div_ceil(SUB as u64)
}

/// Returns the smallest duration above a bucket, in nanoseconds.
pub(crate) const fn upper_ns(bucket: usize) -> u64 {
    lower_ns(bucket + 1)
}

/// Counts of durations by bucket.
///
/// Buckets are log-linear, 16 to a power of two, so that a quantile is within 3.2 % of the exact one from 1 ns to an
/// hour. Longer durations share the last bucket. Histograms of the same program or of different ones merge without
/// loss, since the buckets are always the same.
///
/// It is serialized as a list of `[bucket, count]`. A list that is no histogram is not deserialized.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Histogram {
    counts: Counts,
}

/// `(bucket, count)`, ascending by bucket. Durations can fall into each of these buckets, and no count is 0. The sum of
/// the counts is at most `u64::MAX`, unless merging went beyond it.
type Counts = Vec<(u16, u64)>;

/// One bucket of a [`Histogram`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Bucket {
    /// The shortest duration in it, in nanoseconds.
    pub lower_ns: u64,
    /// The shortest duration above it, in nanoseconds.
    pub upper_ns: u64,
    /// The number of durations in it.
    pub count: u64,
}

impl Histogram {
    pub(crate) fn from_counts(counts: &[u64]) -> Self {
        let counts = (0_u16..).zip(counts.iter().copied()).filter(|(_, count)| *count > 0);
        Self { counts: counts.collect() }
    }

    /// Returns the bucket that a duration, in nanoseconds, falls into, with a count of 0. All durations from 2^42 ns
    /// (73 minutes) up share the last one.
    ///
    /// # Examples
    ///
    /// ```
    /// let bucket = prof_runtime::Histogram::bucket_of_ns(1000);
    /// assert_eq!((bucket.lower_ns, bucket.upper_ns), (992, 1024));
    /// ```
    pub const fn bucket_of_ns(ns: u64) -> Bucket {
        let bucket = bucket_of(ns);
        Bucket { lower_ns: lower_ns(bucket), upper_ns: upper_ns(bucket), count: 0 }
    }

    /// Returns how many durations were counted; it stops at `u64::MAX`.
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Returns the buckets that are not empty, from the shortest durations to the longest.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.counts.iter().map(|&(bucket, count)| Bucket {
            lower_ns: lower_ns(bucket.into()),
            upper_ns: upper_ns(bucket.into()),
            count,
        })
    }

    /// Returns the duration, in nanoseconds, that a share of `quantile` of all durations does not exceed: the middle of
    /// the bucket that it falls into. `None` if nothing was counted.
    ///
    /// `quantile` is clamped to `0.0..=1.0`; not-a-number counts as 0.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        let count = self.count();
        // The float is at most `count` and not negative; beyond 2^53 calls, a few ranks do not matter.
        let rank = ((quantile.clamp(0.0, 1.0) * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut below = 0;
        for bucket in self.buckets() {
            below = bucket.count.saturating_add(below);
            if below >= rank {
                return Some(bucket.lower_ns.midpoint(bucket.upper_ns - 1));
            }
        }
        None
    }

    /// Returns the shortest and the longest duration that the counted buckets allow; `None` if nothing was counted.
    pub(crate) fn bounds_ns(&self) -> Option<RangeInclusive<u64>> {
        let (first, last) = (self.counts.first()?.0.into(), self.counts.last()?.0.into());
        Some(lower_ns(first)..=if last == LAST { u64::MAX } else { upper_ns(last) - 1 })
    }

    /// Adds the durations of `other`. A count stops at `u64::MAX`.
    pub fn merge(&mut self, other: &Self) {
        self.combine(other, u64::saturating_add);
    }

    /// Removes the durations of `earlier`, which must be part of this histogram; otherwise counts stop at 0.
    pub fn subtract(&mut self, earlier: &Self) {
        self.combine(earlier, u64::saturating_sub);
    }

    fn combine(&mut self, other: &Self, with: fn(u64, u64) -> u64) {
        let mut merged: BTreeMap<u16, u64> = self.counts.iter().copied().collect();
        for &(bucket, count) in &other.counts {
            let entry = merged.entry(bucket).or_insert(0);
            *entry = with(*entry, count);
        }
        self.counts = merged.into_iter().filter(|(_, count)| *count > 0).collect();
    }
}

/// Counts durations. A duration above 584 years counts as 584 years.
impl FromIterator<Duration> for Histogram {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        let mut counts: BTreeMap<u16, u64> = BTreeMap::new();
        for duration in durations {
            let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
            // There are fewer than 2^16 buckets.
            #[allow(clippy::cast_possible_truncation)]
            let bucket = bucket_of(ns) as u16;
            *counts.entry(bucket).or_default() += 1;
        }
        Self { counts: counts.into_iter().collect() }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn buckets_tile_the_line() {
        for bucket in 0..BUCKETS {
            if lower_ns(bucket) < upper_ns(bucket) {
                assert_eq!(bucket_of(lower_ns(bucket)), bucket);
                assert_eq!(bucket_of(upper_ns(bucket) - 1), bucket);
            }
        }
        assert_eq!(lower_ns(0), 0);
        assert_eq!(upper_ns(LAST), 1 << MAX_BITS);
        assert_eq!((bucket_of(1 << MAX_BITS), bucket_of(u64::MAX)), (LAST, LAST));
        for ns in 0..32 {
            let bucket = bucket_of(ns);
            assert_eq!((lower_ns(bucket), upper_ns(bucket)), (ns, ns + 1), "small durations have buckets of their own");
        }
    }

    #[test]
    fn the_common_way_knows_what_it_does_not_know() {
        for ns in [0, 1 << MAX_BITS, 1 << 53, i64::MAX as u64, 1 << 63, u64::MAX] {
            assert!(!is_common(ns) && bucket_of_common(ns) > LAST, "{ns}");
        }
        for ns in [1, 2, 15, 16, 17, 1000, (1 << MAX_BITS) - 1] {
            assert!(is_common(ns) && bucket_of_common(ns) <= LAST, "{ns}");
        }
    }

    #[test]
    fn the_error_is_within_bounds_up_to_an_hour() {
        let holds_any = |bucket: &usize| lower_ns(*bucket) < upper_ns(*bucket);
        for bucket in (1..=bucket_of(3_600_000_000_000)).filter(holds_any) {
            let middle = lower_ns(bucket).midpoint(upper_ns(bucket) - 1);
            for exact in [lower_ns(bucket), upper_ns(bucket) - 1] {
                #[allow(clippy::cast_precision_loss)]
                let error = middle.abs_diff(exact) as f64 / exact as f64;
                assert!(error <= 0.032, "{exact} is reported as {middle}");
            }
        }
    }

    #[test]
    fn quantiles() {
        let mut counts = [0; BUCKETS];
        counts[bucket_of(1)] = 50;
        counts[bucket_of(10)] = 49;
        counts[bucket_of(15)] = 1;
        let histogram = Histogram::from_counts(&counts);
        let check = |quantile, expect| assert_eq!(histogram.quantile_ns(quantile), Some(expect));
        check(0.0, 1);
        check(0.5, 1);
        check(0.51, 10);
        check(0.99, 10);
        check(0.999, 15);
        check(1.0, 15);
        check(7.0, 15);
        check(f64::NAN, 1);
        assert_eq!(Histogram::default().quantile_ns(0.5), None);
    }

    #[test]
    fn what_is_merged_can_be_subtracted() {
        let mut counts = [0; BUCKETS];
        counts[3] = 2;
        counts[200] = 1;
        let one = Histogram::from_counts(&counts);
        counts[200] = 0;
        counts[77] = 9;
        let two = Histogram::from_counts(&counts);
        let mut both = one.clone();
        both.merge(&two);
        assert_eq!(both.count(), one.count() + two.count());
        both.subtract(&two);
        assert_eq!(both, one);
        both.subtract(&two);
        assert_eq!(both.count(), 1);
    }

    #[test]
    fn counts_stop_at_the_largest_number() {
        let mut counts = [0; BUCKETS];
        counts[bucket_of(5)] = u64::MAX;
        let mut histogram = Histogram::from_counts(&counts);
        counts[bucket_of(5)] = 0;
        counts[bucket_of(7)] = u64::MAX;
        histogram.merge(&Histogram::from_counts(&counts));
        histogram.merge(&histogram.clone());
        assert_eq!(histogram.count(), u64::MAX);
        assert_eq!((histogram.quantile_ns(0.5), histogram.quantile_ns(1.0)), (Some(5), Some(5)));
    }

    proptest::proptest! {
        /// Against an implementation that keeps three significant digits.
        #[test]
        fn quantiles_are_those_of_hdrhistogram(
            values in proptest::collection::vec((0_u32..42, 0_u64..u64::MAX), 1..500),
            quantile in 0.0..=1.0_f64,
        ) {
            let mut oracle = hdrhistogram::Histogram::<u64>::new_with_max(1 << 42, 3).unwrap();
            let mut counts = [0; BUCKETS];
            for (bits, random) in values {
                // From 1 ns to an hour, all sizes alike.
                let ns = (random & ((1 << bits) - 1) | 1 << bits).min(3_600_000_000_000);
                oracle.record(ns).unwrap();
                counts[bucket_of(ns)] += 1;
            }
            let ours = Histogram::from_counts(&counts).quantile_ns(quantile).unwrap();
            let exact = oracle.value_at_quantile(quantile);
            #[allow(clippy::cast_precision_loss)]
            let error = ours.abs_diff(exact) as f64 / exact as f64;
            // The oracle's own error is a thousandth.
            proptest::prop_assert!(error <= 0.032 + 0.001, "{ours} against {exact}");
        }
    }
}
