//! Which calls of a sampled function are timed.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use crate::base::sync::atomic::{AtomicU64, Ordering};

/// Draws how many calls pass between two that are timed.
///
/// Each call is to be timed with a probability of 1 / N, whatever happened to the ones before, so that calls that
/// follow a pattern of their own are timed in the shares that they have. The number of calls that pass is then
/// geometrically distributed, and drawn by inversion (Devroye, "Non-Uniform Random Variate Generation", 1986, chapter
/// X.2). Only the thread that it belongs to draws.
pub(crate) struct SampleGaps {
    /// Of the generator `SplitMix64` (Steele, Lea and Flood, 2014), which is as random as this needs.
    state: AtomicU64,
    /// What the logarithm of a uniform number is multiplied by.
    scale: f64,
}

impl SampleGaps {
    /// With one call in `sample` timed, by a sequence that no other thread has, nor the next run. Where all calls are
    /// timed, every gap is 0.
    pub(super) fn new(sample: u32) -> Self {
        let is_random = sample > 1;
        let seed = if is_random { RandomState::new().build_hasher().finish() } else { 0 };
        let passes_each = (-1.0 / f64::from(sample.max(1))).ln_1p();
        Self { state: AtomicU64::new(seed), scale: passes_each.recip() }
    }

    fn random(&self) -> u64 {
        let state = self.state.load(Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.store(state, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The number of calls to let pass.
    pub(super) fn draw(&self) -> u64 {
        // 53 random bits, as many as a float holds exactly, in (0, 1].
        #[allow(clippy::cast_precision_loss)]
        let uniform = ((self.random() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        // At most some 37 times the sample, and not negative.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let gap = (uniform.ln() * self.scale) as u64;
        gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws, and returns their mean and the share of those that are 0.
    fn drawn(sample: u32) -> (f64, f64) {
        const DRAWS: u32 = 200_000;
        let gaps = SampleGaps::new(sample);
        let draws: Vec<u64> = (0..DRAWS).map(|_| gaps.draw()).collect();
        let zeros = draws.iter().filter(|gap| **gap == 0).count();
        #[allow(clippy::cast_precision_loss)]
        let of_all = |number: u64| number as f64 / f64::from(DRAWS);
        (of_all(draws.iter().sum()), of_all(zeros as u64))
    }

    /// What is within seven standard deviations, which one run in a hundred billion is not.
    #[track_caller]
    fn check(sample: u32) {
        let (mean, zeros) = drawn(sample);
        let n = f64::from(sample);
        let (deviation_of_mean, p) = ((n * (n - 1.0) / 200_000.0).sqrt(), 1.0 / n);
        assert!((mean - (n - 1.0)).abs() <= 7.0 * deviation_of_mean, "mean {mean} of 1 in {sample}");
        assert!(
            (zeros - p).abs() <= 7.0 * (p * (1.0 - p) / 200_000.0).sqrt(),
            "{zeros} without a gap, of 1 in {sample}"
        );
    }

    #[test]
    fn gaps_are_those_of_independent_draws() {
        check(2);
        check(64);
        check(1000);
    }

    #[test]
    fn all_calls_are_one_in_one() {
        assert_eq!(drawn(1), (0.0, 1.0));
        assert_eq!(drawn(0), (0.0, 1.0));
    }

    #[test]
    fn no_two_sequences_are_the_same() {
        let (one, other) = (SampleGaps::new(64), SampleGaps::new(64));
        assert!((0..8).any(|_| one.random() != other.random()));
    }
}
