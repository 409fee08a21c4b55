//! Serializes histograms as lists of `[bucket, count]`, and refuses lists that are none.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Counts, Histogram, LAST, lower_ns, upper_ns};

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.counts.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let counts = Counts::deserialize(deserializer)?;
        check(&counts).map_err(D::Error::custom)?;
        Ok(Self { counts })
    }
}

/// Why a list of counts is no histogram.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
enum NoHistogram {
    #[error("no duration falls into bucket {bucket} of a histogram, which has those up to {LAST}")]
    Bucket { bucket: u16 },
    #[error("bucket {bucket} of a histogram is not above the one before it")]
    Order { bucket: u16 },
    #[error("bucket {bucket} of a histogram is listed with a count of 0")]
    Empty { bucket: u16 },
    #[error("a histogram counts more durations than there can be")]
    Overflow,
}

fn check(counts: &[(u16, u64)]) -> Result<(), NoHistogram> {
    let (mut before, mut sum) = (None, 0_u64);
    for &(bucket, count) in counts {
        let at = usize::from(bucket);
        if at > LAST || lower_ns(at) == upper_ns(at) {
            return Err(NoHistogram::Bucket { bucket });
        }
        if before.is_some_and(|before| bucket <= before) {
            return Err(NoHistogram::Order { bucket });
        }
        if count == 0 {
            return Err(NoHistogram::Empty { bucket });
        }
        sum = sum.checked_add(count).ok_or(NoHistogram::Overflow)?;
        before = Some(bucket);
    }
    Ok(())
}

#[cfg(all(test, feature = "json", not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::counts::histogram::bucket_of;

    #[track_caller]
    fn refused(json: &str, expect: &str) {
        let error = serde_json::from_str::<Histogram>(json).unwrap_err();
        assert!(error.to_string().starts_with(expect), "{error}");
    }

    #[test]
    fn what_is_no_histogram_is_refused_and_says_why() {
        let none = "no duration falls into bucket";
        refused("[[65535,1]]", &format!("{none} 65535 of a histogram, which has those up to 672"));
        refused("[[673,1]]", &format!("{none} 673 "));
        // 1 ns is bucket 1; the next 15 would be fractions of a nanosecond.
        refused("[[2,1]]", &format!("{none} 2 "));
        refused("[[200,1],[77,1]]", "bucket 77 of a histogram is not above the one before it");
        refused("[[77,1],[77,1]]", "bucket 77 of a histogram is not above the one before it");
        refused("[[77,0]]", "bucket 77 of a histogram is listed with a count of 0");
        refused("[[77,18446744073709551615],[78,1]]", "a histogram counts more durations than there can be");
        refused("[[77,-1]]", "invalid value: integer `-1`");
        refused("[[77]]", "invalid length 1");
        refused("{}", "invalid type: map");
    }

    proptest! {
        #[test]
        fn a_list_of_counts_is_a_histogram_or_refused(
            counts in prop::collection::vec(
                (prop_oneof![any::<u16>(), 0..=680_u16], prop_oneof![any::<u64>(), 0..9_u64]), 0..6,
            ),
            is_sorted in any::<bool>(),
            quantile in any::<f64>(),
        ) {
            let mut counts = counts;
            if is_sorted {
                counts.sort_unstable();
            }
            let json = serde_json::to_string(&counts).unwrap();
            let holds = |bucket: u16| {
                let bucket = usize::from(bucket);
                bucket <= LAST && bucket_of(lower_ns(bucket)) == bucket
            };
            let is_one = counts.is_sorted_by(|a, b| a.0 < b.0)
                && counts.iter().all(|(bucket, count)| holds(*bucket) && *count > 0)
                && counts.iter().map(|(_, count)| u128::from(*count)).sum::<u128>() <= u64::MAX.into();
            let read = serde_json::from_str::<Histogram>(&json);
            prop_assert_eq!(read.is_ok(), is_one, "{:?}", read);
            if let Ok(mut histogram) = read {
                prop_assert_eq!(serde_json::to_string(&histogram).unwrap(), json);
                let of_buckets: u64 = histogram.buckets().map(|bucket| bucket.count).sum();
                prop_assert_eq!(histogram.count(), of_buckets);
                prop_assert_eq!(histogram.quantile_ns(quantile).is_some(), !counts.is_empty());
                histogram.merge(&histogram.clone());
                histogram.subtract(&histogram.clone());
                prop_assert_eq!(histogram, Histogram::default());
            }
        }
    }
}
