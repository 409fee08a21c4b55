//! Points in monotonic time.

use std::time::Duration;

/// A point in monotonic time, in nanoseconds since the process's own origin.
///
/// Arithmetic saturates: a deadline beyond the range becomes [`Timestamp::NEVER`], which no clock reaches.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timer_watchdog::Timestamp;
///
/// let start = Timestamp::from_nanos(500);
/// assert_eq!(start.after(Duration::from_nanos(1)).as_nanos(), 501);
/// assert_eq!(start.after(Duration::MAX), Timestamp::NEVER);
/// assert_eq!(Timestamp::ZERO.since(start), Duration::ZERO);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

/// Why a number of seconds is not a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// The number is NaN.
    #[error("a timestamp cannot be NaN")]
    NotANumber,
    /// The number is below zero. (Negative zero is zero.)
    #[error("a timestamp cannot be negative: {0} s")]
    Negative(f64),
}

impl Timestamp {
    /// The origin. Every present time is later, so a deadline here has always passed.
    pub const ZERO: Self = Self(0);
    /// Later than every present time: 584 years after the origin.
    pub const NEVER: Self = Self(u64::MAX);

    /// Returns the point `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the point `seconds` seconds after the origin.
    ///
    /// Infinity and numbers beyond the range become [`Timestamp::NEVER`]. Subnormal numbers become zero.
    ///
    /// # Errors
    ///
    /// If the number is NaN or negative.
    ///
    /// ```
    /// use timer_watchdog::{Timestamp, TimestampError};
    ///
    /// assert_eq!(Timestamp::from_secs_f64(1.5), Ok(Timestamp::from_nanos(1_500_000_000)));
    /// assert_eq!(Timestamp::from_secs_f64(f64::INFINITY), Ok(Timestamp::NEVER));
    /// let error = Timestamp::from_secs_f64(-1.0).unwrap_err();
    /// assert_eq!(error.to_string(), "a timestamp cannot be negative: -1 s");
    /// ```
    pub fn from_secs_f64(seconds: f64) -> Result<Self, TimestampError> {
        if seconds.is_nan() {
            return Err(TimestampError::NotANumber);
        }
        if seconds < 0.0 {
            return Err(TimestampError::Negative(seconds));
        }
        Ok(Duration::try_from_secs_f64(seconds).map_or(Self::NEVER, |since| Self::ZERO.after(since)))
    }

    /// Returns the nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns the point `wait` later.
    #[inline]
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(nanos(wait)))
    }

    /// Returns the point `wait` earlier, at the earliest the origin. `NEVER` stays `NEVER`.
    #[must_use]
    pub fn before(self, wait: Duration) -> Self {
        if self == Self::NEVER {
            return self;
        }
        Self(self.0.saturating_sub(nanos(wait)))
    }

    /// Returns the time from `earlier` to this point. Zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Nanoseconds in a second.
const SECOND_NS: u64 = 1_000_000_000;

/// Returns a duration in nanoseconds, at most 584 years.
///
/// In 64 bits, because each guard calls this and `Duration::as_nanos` computes in 128.
#[inline]
pub(crate) fn nanos(duration: Duration) -> u64 {
    let seconds = duration.as_secs().checked_mul(SECOND_NS);
    let sum = seconds.and_then(|ns| ns.checked_add(u64::from(duration.subsec_nanos())));
    sum.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, TimestampError, nanos};
    use std::time::Duration;

    #[test]
    fn fault_24_odd_numbers_are_refused_or_saturate() {
        let check = |seconds: f64, expect: Result<u64, TimestampError>| {
            let found = Timestamp::from_secs_f64(seconds).map(Timestamp::as_nanos);
            assert_eq!(found, expect, "{seconds}");
        };
        check(0.0, Ok(0));
        check(-0.0, Ok(0));
        check(f64::MIN_POSITIVE / 2.0, Ok(0));
        check(1e-9, Ok(1));
        check(253_402_300_800.0, Ok(u64::MAX)); // The year 10000, counted from 1970.
        check(1e300, Ok(u64::MAX));
        check(f64::INFINITY, Ok(u64::MAX));
        check(-1.0, Err(TimestampError::Negative(-1.0)));
        check(f64::NEG_INFINITY, Err(TimestampError::Negative(f64::NEG_INFINITY)));
        let nan = Timestamp::from_secs_f64(f64::NAN);
        assert_eq!(nan, Err(TimestampError::NotANumber));
    }

    #[test]
    fn fault_26_arithmetic_saturates_at_the_horizon() {
        assert_eq!(nanos(Duration::MAX), u64::MAX);
        assert_eq!(nanos(Duration::from_nanos(u64::MAX)), u64::MAX);
        assert_eq!(nanos(Duration::from_nanos(u64::MAX - 1)), u64::MAX - 1);
        assert_eq!(nanos(Duration::new(18_446_744_073, 709_551_616)), u64::MAX);
        let late = Timestamp::from_nanos(u64::MAX - 1);
        assert_eq!(late.after(Duration::from_nanos(2)), Timestamp::NEVER);
        assert_eq!(Timestamp::NEVER.before(Duration::MAX), Timestamp::NEVER);
        assert_eq!(Timestamp::ZERO.before(Duration::MAX), Timestamp::ZERO);
        assert_eq!(Timestamp::ZERO.since(late), Duration::ZERO);
    }
}
