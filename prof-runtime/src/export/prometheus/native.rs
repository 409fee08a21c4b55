//! Native histograms: exponential buckets that Prometheus keeps as one sample, instead of one for each bucket.

use prometheus_client::encoding::{NativeHistogram, NativeHistogramBuckets};
use prometheus_client::metrics::histogram::DEFAULT_NATIVE_HISTOGRAM_ZERO_THRESHOLD;

use crate::Histogram;
use crate::export::exponential::Exponential;

/// So many empty buckets are written as such, since to leave them out takes a span, which is no smaller.
const MAX_GAP: usize = 2;

/// The numbers of a histogram, in the unit of the export, as spans of buckets.
#[derive(Debug, PartialEq)]
pub(super) struct Native {
    /// Buckets per power of two, as a power of two.
    schema: i32,
    /// Numbers that are 0.
    zero_count: u64,
    /// How many buckets are left out before each span, counted from bucket 0 for the first, and how many it has.
    spans: Vec<(i32, u32)>,
    /// What is in each bucket of the spans, less what is in the one before it.
    deltas: Vec<i64>,
}

impl Native {
    /// Always of the finest scale: empty buckets are left out, and there are 42 powers of two at most.
    pub(super) fn new(histogram: &Histogram, per_unit: f64) -> Self {
        let Exponential { scale, zero_count, offset, counts } = Exponential::new(histogram, per_unit, usize::MAX);
        let (mut spans, mut deltas) = (Vec::<(i32, u32)>::new(), Vec::new());
        // What is left out before the span that begins next, if one does. Bucket 0 of Prometheus ends with 1 s, that of
        // OTLP begins with it.
        let mut left_out = Some(offset + 1);
        let mut before = 0;
        for run in counts.chunk_by(|one, next| (*one == 0) == (*next == 0)) {
            if run[0] == 0 && run.len() > MAX_GAP {
                left_out = i32::try_from(run.len()).ok();
                continue;
            }
            if let Some(left_out) = left_out.take() {
                spans.push((left_out, 0));
            }
            if let Some((_, length)) = spans.last_mut() {
                *length += u32::try_from(run.len()).unwrap_or(0);
            }
            for count in run {
                let count = i64::try_from(*count).unwrap_or(i64::MAX);
                deltas.push(count - before);
                before = count;
            }
        }
        Self { schema: scale, zero_count, spans, deltas }
    }

    /// The same as the encoder wants it. That the threshold of zero is not 0 itself tells Prometheus that an empty
    /// histogram is a native one.
    pub(super) fn as_histogram(&self) -> NativeHistogram<'_> {
        NativeHistogram {
            schema: self.schema,
            zero_threshold: DEFAULT_NATIVE_HISTOGRAM_ZERO_THRESHOLD,
            zero_count: self.zero_count,
            negative: NativeHistogramBuckets { spans: &[], deltas: &[] },
            positive: NativeHistogramBuckets { spans: &self.spans, deltas: &self.deltas },
            created: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::histogram::{BUCKETS, bucket_of};

    fn native(durations_ns: &[(u64, u64)]) -> Native {
        let mut counts = [0; BUCKETS];
        for (ns, count) in durations_ns {
            counts[bucket_of(*ns)] += count;
        }
        Native::new(&Histogram::from_counts(&counts), 1e9)
    }

    /// The upper bound of each bucket that is not empty, in seconds, and what is in it: as Prometheus reads it.
    fn read(native: &Native) -> Vec<(f64, i64)> {
        let (mut index, mut count) = (0, 0);
        let mut deltas = native.deltas.iter();
        let mut buckets = Vec::new();
        for (left_out, length) in &native.spans {
            index += left_out;
            for delta in deltas.by_ref().take(usize::try_from(*length).unwrap()) {
                count += delta;
                buckets.push(((f64::from(index) / f64::from(1 << native.schema)).exp2(), count));
                index += 1;
            }
        }
        assert_eq!(deltas.next(), None);
        buckets.retain(|(_, count)| *count != 0);
        buckets
    }

    #[test]
    fn nothing_has_no_spans() {
        let expect = Native { schema: 3, zero_count: 0, spans: vec![], deltas: vec![] };
        assert_eq!(native(&[]), expect);
        assert_eq!(native(&[(0, 4)]), Native { zero_count: 4, ..expect });
    }

    #[test]
    fn few_empty_buckets_are_written_and_many_are_left_out() {
        let second = 1_000_000_000;
        // A bucket is 9 % wide: two are in between, and four.
        let near = native(&[(second * 97 / 100, 5), (second * 125 / 100, 7)]);
        assert_eq!((near.spans, near.deltas), (vec![(0, 4)], vec![5, -5, 0, 7]));
        let far = native(&[(second * 97 / 100, 5), (second * 145 / 100, 7)]);
        assert_eq!((far.spans, far.deltas), (vec![(0, 1), (4, 1)], vec![5, 2]));
    }

    #[test]
    fn what_is_read_back_is_what_was_counted() {
        let durations: Vec<(u64, u64)> = (0..20).map(|bits| (3 << bits, bits + 1)).collect();
        let buckets = read(&native(&durations));
        assert_eq!(buckets.len(), 20);
        for ((ns, expect), (upper_s, count)) in durations.into_iter().zip(buckets) {
            #[allow(clippy::cast_precision_loss)]
            let seconds = ns as f64 / 1e9;
            assert_eq!(count, expect.cast_signed(), "{ns}");
            // A bucket is 9 % wide, and half of ours 3 %.
            assert!(upper_s / 1.13 < seconds && seconds < upper_s * 1.04, "{ns} ns is in the bucket up to {upper_s} s");
        }
    }
}
