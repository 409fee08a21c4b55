//! Objectives: the shares of calls that are to succeed, and to be fast enough.

use std::fmt;
use std::time::Duration;

/// The unit of shares: billionths, which hold a percentage with seven decimals exactly.
const ONE: u32 = 1_000_000_000;

/// The longest latency threshold: an hour, up to which histograms are accurate to 3.2 %.
const LONGEST: Duration = Duration::from_secs(3600);

/// The objective of a function: the share of calls that are to succeed, and the share of calls that are to take no
/// longer than a given time.
///
/// The attribute declares the objective, and [`Callsite::objective`](crate::Callsite::objective) returns it. The
/// running program does not act on it. The feature `rules` generates alert rules for Prometheus and a dashboard of it.
///
/// # Examples
///
/// ```
/// use prof_runtime::{callsites, prof};
/// use std::time::Duration;
///
/// #[prof(name = "checkout", objective(success = 99.9, latency = "250ms", percentile = 99))]
/// fn checkout() {}
///
/// # let _ = checkout;
/// let site = callsites().find(|callsite| callsite.name() == "checkout").unwrap();
/// let objective = site.objective().unwrap();
/// assert_eq!(objective.success_ratio(), Some(0.999));
/// assert_eq!(objective.latency_threshold(), Some(Duration::from_millis(250)));
/// assert_eq!(objective.latency_ratio(), Some(0.99));
/// assert_eq!(objective.to_string(), "99.9% succeed, 99% within 250ms");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Objective {
    /// In billionths of all calls; 0 without an objective for success.
    success: u32,
    /// In billionths of all calls; 0 without an objective for latency.
    percentile: u32,
    /// In nanoseconds; 0 if and only if the percentile is.
    latency_ns: u64,
}

impl Objective {
    /// Creates an objective without parts.
    pub const fn new() -> Self {
        Self { success: 0, percentile: 0, latency_ns: 0 }
    }

    /// Sets the percentage of calls that are to succeed, such as `99.9`. Rounds it to seven decimals.
    ///
    /// # Panics
    ///
    /// If the percentage is not above 0 and below 100.
    #[must_use]
    pub const fn success(mut self, percent: f64) -> Self {
        self.success = billionths(percent);
        self
    }

    /// Sets the percentage of calls, such as `99.0`, that are to take no longer than `threshold`. Rounds it to seven
    /// decimals.
    ///
    /// # Panics
    ///
    /// If the percentage is not above 0 and below 100, or the threshold is 0 or longer than an hour.
    #[must_use]
    pub const fn latency(mut self, threshold: Duration, percentile: f64) -> Self {
        assert!(
            !threshold.is_zero() && threshold.as_nanos() <= LONGEST.as_nanos(),
            "a latency objective is above 0 and at most an hour"
        );
        // An hour has less than 2^42 nanoseconds.
        #[allow(clippy::cast_possible_truncation)]
        let ns = threshold.as_nanos() as u64;
        self.latency_ns = ns;
        self.percentile = billionths(percentile);
        self
    }

    /// Returns the share of calls that are to succeed, such as 0.999. `None` without an objective for success.
    pub fn success_ratio(&self) -> Option<f64> {
        ratio(self.success)
    }

    /// Returns the longest time that a call may take. `None` without an objective for latency.
    pub fn latency_threshold(&self) -> Option<Duration> {
        (self.latency_ns > 0).then(|| Duration::from_nanos(self.latency_ns))
    }

    /// Returns the share of calls that are to take no longer than [`latency_threshold`](Self::latency_threshold), such
    /// as 0.99. `None` without an objective for latency.
    pub fn latency_ratio(&self) -> Option<f64> {
        ratio(self.percentile)
    }

    /// Returns whether the objective has no parts.
    pub(crate) const fn is_empty(&self) -> bool {
        self.success == 0 && self.latency_ns == 0
    }

    /// Iterates over the parts, each as an objective: that for success and that for latency, as far as they are set.
    pub fn parts(self) -> impl Iterator<Item = Self> {
        let success = Self { success: self.success, ..Self::new() };
        let latency = Self { success: 0, ..self };
        [success, latency].into_iter().filter(|part| !part.is_empty())
    }

    /// Returns the error budget: the share of calls that may miss the objective, such as 0.001 for 99.9 %. For an
    /// objective with two [parts](Self::parts), the smaller of the two budgets.
    pub fn budget(&self) -> f64 {
        f64::from(ONE - self.success.max(self.percentile)) / f64::from(ONE)
    }
}

/// Writes the objective as in a sentence, such as `99.9% succeed, 99% within 250ms`.
impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |billionths: u32| f64::from(billionths) / f64::from(ONE / 100);
        if self.success > 0 {
            write!(f, "{}% succeed", percent(self.success))?;
        }
        if let Some(threshold) = self.latency_threshold() {
            let comma = if self.success > 0 { ", " } else { "" };
            write!(f, "{comma}{}% within ", percent(self.percentile))?;
            match threshold.as_secs() {
                // `Duration` itself knows no unit above seconds.
                s if s > 0 && s % 60 == 0 && threshold.subsec_nanos() == 0 => write!(f, "{}m", s / 60)?,
                _ => write!(f, "{threshold:?}")?,
            }
        }
        if self.is_empty() { f.write_str("nothing") } else { Ok(()) }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Both are checked.
const fn billionths(percent: f64) -> u32 {
    assert!(percent > 0.0 && percent < 100.0, "an objective is a percentage above 0 and below 100");
    let billionths = (percent * 1e7 + 0.5) as u32;
    assert!(billionths > 0 && billionths < ONE, "an objective has at most seven digits after the point");
    billionths
}

/// Converts billionths to the float that is nearest to the decimal in the source.
fn ratio(billionths: u32) -> Option<f64> {
    (billionths > 0).then(|| f64::from(billionths) / f64::from(ONE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_that_were_written() {
        for (percent, ratio) in
            [(99.9, 0.999), (99.0, 0.99), (99.999_999_9, 0.999_999_999), (1e-7, 1e-9), (33.333_333_3, 0.333_333_333)]
        {
            assert_eq!(Objective::new().success(percent).success_ratio(), Some(ratio));
            let latency = Objective::new().latency(Duration::from_nanos(1), percent);
            assert_eq!((latency.latency_ratio(), latency.success_ratio()), (Some(ratio), None));
            assert_eq!(latency.to_string(), format!("{percent}% within 1ns"));
        }
        assert_eq!(Objective::new().to_string(), "nothing");
        assert_eq!(Objective::new().latency(Duration::from_secs(90), 50.0).to_string(), "50% within 90s");
        assert_eq!(Objective::new().latency(Duration::from_secs(1800), 50.0).to_string(), "50% within 30m");
        assert_eq!(Objective::new().success(95.0).to_string(), "95% succeed");
    }

    #[test]
    #[should_panic(expected = "a percentage above 0 and below 100")]
    fn all_calls_is_too_much() {
        let _ = Objective::new().success(100.0);
    }

    #[test]
    #[should_panic(expected = "at most seven digits after the point")]
    fn what_rounds_to_all_calls_is_too_much() {
        let _ = Objective::new().success(99.999_999_99);
    }

    #[test]
    #[should_panic(expected = "above 0 and at most an hour")]
    fn latencies_end_with_what_is_counted() {
        let _ = Objective::new().latency(LONGEST + Duration::from_nanos(1), 99.0);
    }
}
