//! The one rule for gaps: time in which an observer did not run though it had planned to.
//!
//! The process was stopped, its machine suspended, or its processor given to others. The time is credited to all timers
//! and scopes, so that no worker expires because of it.

use std::time::Duration;

use super::Timestamp;

/// The default delay above which an observer credits it. A busy machine delays a wake-up by much less, and a person
/// notices a suspension only when it is longer.
pub(crate) const GAP_THRESHOLD: Duration = Duration::from_millis(100);

/// What of a wait in which a gap fell is credited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credits {
    /// The delay beyond the planned end.
    Delay,
    /// The whole wait, since when in it the gap began is not known.
    #[cfg_attr(not(all(feature = "file", target_os = "linux")), allow(dead_code, reason = "FileTimerServer uses it"))]
    WholeWait,
}

/// The rule, as one observer applies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GapRule {
    /// A longer delay is credited.
    pub(crate) credited_above: Duration,
    /// A longer delay is an event.
    pub(crate) told_above: Duration,
    pub(crate) credits: Credits,
}

/// A gap that is to be credited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) credited: Duration,
    /// Whether it is an event.
    pub(crate) is_told: bool,
}

impl GapRule {
    /// Returns the rule that credits and tells delays above `threshold`.
    pub(crate) fn new(threshold: Duration) -> Self {
        Self { credited_above: threshold, told_above: threshold, credits: Credits::Delay }
    }

    /// Returns the gap in a wait that began at `began`, was planned to end at `planned`, and ended at `ended`.
    pub(crate) fn in_wait(&self, began: Timestamp, planned: Timestamp, ended: Timestamp) -> Option<Gap> {
        let delay = ended.since(planned);
        if delay <= self.credited_above {
            return None;
        }
        let credited = match self.credits {
            Credits::Delay => delay,
            Credits::WholeWait => ended.since(began),
        };
        Some(Gap { credited, is_told: delay > self.told_above })
    }

    /// Returns the gap in work, which is planned to take no time.
    pub(crate) fn in_work(&self, began: Timestamp, ended: Timestamp) -> Option<Gap> {
        self.in_wait(began, began, ended)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Credits, Gap, GapRule};
    use crate::time::Timestamp;

    #[test]
    fn only_what_exceeds_the_threshold_is_a_gap() {
        let (at, ms) = (|ms: u64| Timestamp::from_nanos(ms * 1_000_000), Duration::from_millis);
        let rule = GapRule::new(ms(100));
        let found = |credited, is_told| Some(Gap { credited: ms(credited), is_told });
        assert_eq!(rule.in_wait(at(1000), at(1050), at(1020)), None, "woken early");
        assert_eq!(rule.in_wait(at(1000), at(1050), at(1150)), None, "just in time");
        assert_eq!(rule.in_wait(at(1000), at(1050), at(1151)), found(101, true));
        assert_eq!(rule.in_work(at(1000), at(1100)), None);
        assert_eq!(rule.in_work(at(1000), at(1300)), found(300, true));
        let whole = GapRule { credits: Credits::WholeWait, ..rule };
        assert_eq!(whole.in_wait(at(1000), at(1050), at(1151)), found(151, true));
        let silent = GapRule { credited_above: ms(5), ..rule };
        assert_eq!(silent.in_wait(at(1000), at(1050), at(1060)), found(10, false));
    }
}
